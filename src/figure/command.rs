//! The command line that remakes a figure.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::style::FigureStyle;
use crate::domain::request::{Cut, DeviceKind, Input, Request, SizeRule, Task, Tokens};
use crate::domain::token::TokenRef;
use crate::method::Info;
use crate::segment::{self, Cutting};

/// The command line that remakes `paths`, quoted for a POSIX shell.
pub fn command(request: &Request, method: &Info, style: &FigureStyle, paths: &[PathBuf]) -> String {
    let mut words: Vec<OsString> = vec!["tokenscope".into()];
    let task = match request.task {
        Task::Trace | Task::Verify => "trace",
        Task::Generate => "generate",
        Task::Explain => "explain",
        Task::Segment { .. } => "segment",
    };
    words.push(task.into());
    words.push(argument(&request.input));
    words.extend(["--model".into(), request.model.spelling().into()]);
    let mut flag = |name: &str, value: String| words.extend([format!("--{name}").into(), value.into()]);
    if let Some(tower) = request.tower {
        flag("tower", tower.to_string());
    }
    flag("layer", request.layer.to_string());
    match &request.tokens {
        _ if task != "explain" => {}
        Tokens::All => flag("token", "all".to_owned()),
        Tokens::These(tokens) => tokens.iter().map(TokenRef::to_string).for_each(|token| flag("token", token)),
        Tokens::Span(span) => flag("token", span.to_string()),
    }
    flag("method", method.id.to_owned());
    for (name, value) in parameters(request, method) {
        flag(name, value);
    }
    let is_fixed = segment::by_id(method.id).is_some_and(|segmenter| segmenter.cutting() == Cutting::Fixed);
    match request.task {
        Task::Segment { .. } if is_fixed => {}
        Task::Segment { cut: Cut::Clusters(k) } => flag("clusters", k.to_string()),
        Task::Segment { cut: Cut::Distance(t) } => flag("cut", t.to_string()),
        Task::Trace | Task::Verify | Task::Explain | Task::Generate => {}
    }
    let more = super::continuation::flags(request).into_iter();
    let more = more.chain(request.layers.then(|| "--matrix".to_owned())).chain(request.score.then(|| "--score".to_owned()));
    words.extend(more.chain(style.flags()).map(OsString::from));
    line(words, paths)
}

/// Words and the outputs as one line for a shell.
pub(super) fn line(mut words: Vec<OsString>, paths: &[PathBuf]) -> String {
    words.extend(paths.iter().flat_map(|path| ["--out".into(), path.clone().into_os_string()]));
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// Those parameters that the method looks at and that are not at their defaults; the default of `rows` depends on the task.
fn parameters(request: &Request, method: &Info) -> Vec<(&'static str, String)> {
    let chosen = method.chosen(&request.params, request.task).filter(|(.., is_read)| *is_read);
    let mut flags: Vec<_> = chosen.map(|(name, value, _)| (name, value)).collect();
    let is_segment = matches!(request.task, Task::Segment { .. });
    let known = if is_segment { segment::knobs_of(method) } else { method.knobs.to_vec() };
    flags.extend(request.params.knobs.chosen(&known).map(|(knob, value)| (knob.id, value.to_owned())));
    if request.size != SizeRule::default() {
        flags.push(("size", request.size.to_string()));
    }
    if request.device != DeviceKind::default() {
        flags.push(("device", request.device.to_string()));
    }
    flags
}

/// A path that begins with a dash would be read as a flag.
pub(super) fn argument(input: &Input) -> OsString {
    match input {
        Input::Sample(name) => format!("sample:{name}").into(),
        Input::Text(text) => format!("--text={text}").into(),
        Input::File(path) => {
            let bytes = path.as_os_str().as_encoded_bytes();
            // A dash alone is standard input.
            let is_other = bytes.starts_with(b"-") || bytes.starts_with(b"sample:");
            if is_other { Path::new(".").join(path).into() } else { path.clone().into() }
        }
    }
}

/// As a POSIX shell reads it. Bytes that are no Unicode are printed by their octal numbers.
pub(super) fn quoted(word: &OsStr) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=+@%".contains(c);
    match word.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(is_plain) => text.to_owned(),
        Some(text) => format!("'{}'", text.replace('\'', r"'\''")),
        None => {
            let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./,:=+@ ".contains(byte);
            // A dash in front would be read as a flag of printf.
            let spelled = |(at, byte): (usize, &u8)| {
                let is_letter = is_plain(byte) && (at, *byte) != (0, b'-');
                if is_letter { char::from(*byte).to_string() } else { format!("\\{byte:03o}") }
            };
            format!("\"$(printf '{}')\"", word.as_encoded_bytes().iter().enumerate().map(spelled).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("a/b-1.png".as_ref()), "a/b-1.png");
        assert_eq!(quoted("my cat's.png".as_ref()), r"'my cat'\''s.png'");
        assert_eq!(quoted("".as_ref()), "''");
        assert_eq!(argument(&Input::File("-x.png".into())), "./-x.png");
        assert_eq!(argument(&Input::File("sample:x.png".into())), "./sample:x.png");
        assert_eq!(argument(&Input::Text("-x".to_owned())), "--text=-x");
    }

    #[cfg(unix)]
    #[test]
    fn bytes_survive_a_shell() {
        use std::os::unix::ffi::OsStrExt;
        for bytes in [&b"caf\xe9.png"[..], b"%s \\ '\"$x`\xff\n.png", b"-\xff\xc3\xa9"] {
            let line = format!("printf %s {}", quoted(OsStr::from_bytes(bytes)));
            assert!(line.is_ascii());
            assert_eq!(std::process::Command::new("sh").args(["-c", &line]).output().unwrap().stdout, bytes, "{line}");
        }
    }
}
