//! Running the binary as a user does, from the package's root, with files in a folder that goes away.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// What a run left behind.
#[derive(Debug)]
pub struct Ran {
    pub line: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn new(line: &str, output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { line: line.to_owned(), code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Done, with nothing said that is not for a person at a terminal.
    pub fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Refused in one line that names all of `words`.
    pub fn refused(self, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert!(self.stderr.starts_with("tokenscope: ") && self.stderr.lines().count() == 1, "{self:?}");
        for word in words.iter().chain(&["; "]) {
            assert!(self.stderr.contains(word), "{word:?} is not named: {self:?}");
        }
        assert!(self.stdout.is_empty() && !self.stderr.contains("panicked"), "{self:?}");
        self
    }

    /// Refused as wrong usage.
    pub fn misused(self) -> Self {
        assert_eq!(self.code, Some(2), "{self:?}");
        assert!(self.stderr.starts_with("error: ") && !self.stderr.contains("panicked"), "{self:?}");
        self
    }
}

/// Where a test's files go.
pub struct Desk {
    folder: TempDir,
}

impl Desk {
    pub fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|err| panic!("{name}: {err}"))
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Names of the files in a folder of the desk, hidden ones included.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The command of a line of words: `@name` is a file on the desk, `%vit` a tiny checkpoint, `cat.jpg` a sample.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tokenscope"));
        command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
        command.args(line.split_whitespace().map(|word| self.expanded(word)));
        command
    }

    pub fn run(&self, line: &str) -> Ran {
        Ran::new(line, self.command(line).output().unwrap())
    }

    /// Runs a line that may not use more memory at its height than so many megabytes, where the system says how much it was.
    /// Of all programs that this test has run the largest counts, so that the first one over the limit is named.
    pub fn watch(&self, line: &str, most_mb: u64) -> Ran {
        let ran = self.run(line);
        let peak = peak_mb();
        assert!(peak < most_mb, "{peak} MB: {ran:?}");
        ran
    }

    /// Runs words that may hold spaces, with something to read on standard input.
    pub fn run_with(&self, words: &[&str], stdin: &[u8]) -> Ran {
        let mut command = self.command("");
        command.args(words.iter().map(|word| self.expanded(word)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin).unwrap();
        Ran::new(&words.join(" "), child.wait_with_output().unwrap())
    }

    /// Runs a line as a shell reads it, `tokenscope` being the binary under test.
    pub fn shell(&self, line: &str) -> Ran {
        let binary = Path::new(env!("CARGO_BIN_EXE_tokenscope"));
        let mut paths = vec![binary.parent().unwrap().to_owned()];
        paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        let mut command = Command::new("sh");
        command.current_dir(env!("CARGO_MANIFEST_DIR")).env("PATH", std::env::join_paths(paths).unwrap());
        Ran::new(line, command.args(["-c", line]).output().unwrap())
    }

    fn expanded(&self, word: &str) -> String {
        if let Some(name) = word.strip_prefix('@') {
            self.path(name).to_string_lossy().into_owned()
        } else if let Some(name) = word.strip_prefix('%') {
            format!("tests/fixtures/models/{name}")
        } else if word.ends_with(".jpg") && !word.starts_with("sample:") {
            format!("assets/samples/{word}")
        } else {
            word.to_owned()
        }
    }
}

#[cfg(target_os = "linux")]
fn peak_mb() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};
    getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() as u64 / 1024
}

#[cfg(not(target_os = "linux"))]
fn peak_mb() -> u64 {
    0
}
