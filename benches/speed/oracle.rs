//! The PyTorch references, run right after ours: what they print is read back.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// What the references are run on.
pub enum Case<'a> {
    Checkpoint { model: &'a Path, photo: &'a Path },
    Random { width: usize, heads: usize },
}

/// Seconds by the name of our own row; `None` where TOKENSCOPE_ORACLE is not set.
pub fn run(case: &Case<'_>) -> Option<BTreeMap<String, f64>> {
    let folder = std::env::var_os("TOKENSCOPE_ORACLE")?;
    let python = std::env::var("TOKENSCOPE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = |name: &str| {
        let mut command = Command::new(&python);
        command.arg(Path::new(&folder).join(name));
        command
    };
    let mut ownrow = script("ownrow_torch.py");
    let mut ultra = script("ultra_torch.py");
    match case {
        Case::Checkpoint { model, photo } => {
            ownrow.arg(model).arg(photo);
            ultra.arg("--model").arg(model);
        }
        Case::Random { width, heads } => {
            for command in [&mut ownrow, &mut ultra] {
                command.args(["--width", &width.to_string(), "--heads", &heads.to_string()]);
            }
        }
    }
    let mut seconds = BTreeMap::new();
    for line in lines(&mut ownrow) {
        let names = [
            ("forward", "forward"),
            ("own-row, all", "own-row"),
            ("K = 8, all", "K = 8"),
            ("exact, 1 map", "exact 1"),
            ("exact, 8 maps", "exact 8"),
        ];
        let Some((_, key)) = names.iter().find(|(start, _)| line.starts_with(start)) else { continue };
        if let Some(value) = seconds_of(&line) {
            // Eight maps are printed by the map.
            seconds.insert((*key).to_owned(), if *key == "exact 8" { 8.0 * value } else { value });
        }
    }
    for line in lines(&mut ultra) {
        let mode = line.split_whitespace().next().unwrap_or_default().to_owned();
        if let Some(value) = seconds_of(&line).filter(|_| mode != "forward") {
            seconds.insert(format!("ultra_torch.py {mode}, a token"), value);
        }
    }
    Some(seconds)
}

fn lines(command: &mut Command) -> Vec<String> {
    match command.output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect(),
        Ok(output) => {
            eprintln!("the oracle failed: {}", String::from_utf8_lossy(&output.stderr));
            Vec::new()
        }
        Err(err) => {
            eprintln!("the oracle cannot be run: {err}");
            Vec::new()
        }
    }
}

/// The number before " s".
fn seconds_of(line: &str) -> Option<f64> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|w| *w == "s")?;
    words.get(at.checked_sub(1)?)?.parse().ok()
}
