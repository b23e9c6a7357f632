//! From the start of the process to the first heatmap of a sample on the screen, ten times. Needs a display.
//!
//!     cargo bench --bench start

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

const RUNS: usize = 10;

/// Seconds until the window says that its first map is drawn; `None` where no window opens.
fn run(sample: &str) -> Option<f64> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tokenscope"));
    let start = Instant::now();
    let mut child = command.args([sample, "--verbose"]).stderr(Stdio::piped()).spawn().ok()?;
    let lines = BufReader::new(child.stderr.take()?).lines();
    let seen = lines.map_while(Result::ok).any(|line| line.starts_with("first map"));
    let secs = start.elapsed().as_secs_f64();
    child.kill().ok()?;
    child.wait().ok()?;
    seen.then_some(secs)
}

fn main() {
    for sample in ["sample:cat.jpg", "sample:bank.txt"] {
        let mut secs: Vec<f64> = (0..RUNS).filter_map(|_| run(sample)).collect();
        secs.sort_by(f64::total_cmp);
        match (secs.first(), secs.get(secs.len() / 2), secs.last()) {
            (Some(least), Some(median), Some(most)) => {
                println!(
                    "{sample}: {least:.2} s at best, {median:.2} s in the middle, {most:.2} s at worst of {} runs",
                    secs.len()
                );
            }
            _ => println!("{sample}: no window opens here; is there a display?"),
        }
    }
}
