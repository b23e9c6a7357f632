//! What a reader is given, and what becomes of it.

mod formats;
mod memory;
mod mutate;
mod random;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use mutate::Kind;
use random::Random;
use tempfile::TempDir;
use tokenscope::domain::{Error, Result};

/// The bytes that may be held at once.
const MAX_PEAK: usize = 1 << 30;
/// Characters of a refusal.
const MAX_LINE: usize = 2000;

/// A right file, and those that stand beside it.
pub struct Seed {
    pub name: String,
    pub bytes: Vec<u8>,
    pub kind: Kind,
    pub beside: Vec<(String, Vec<u8>)>,
}

impl Seed {
    pub fn new(name: &str, bytes: impl Into<Vec<u8>>, kind: Kind) -> Self {
        Self { name: name.to_owned(), bytes: bytes.into(), kind, beside: Vec::new() }
    }

    /// A file of `tests/fixtures`.
    pub fn fixture(path: &str, kind: Kind) -> Self {
        let path = fixtures().join(path);
        Self::new(path.file_name().unwrap().to_str().unwrap(), fs::read(&path).unwrap(), kind)
    }

    pub fn beside(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.beside.push((name.to_owned(), bytes.into()));
        self
    }

    /// Another file of `tests/fixtures` stands beside it.
    pub fn beside_fixture(self, path: &str) -> Self {
        let path = fixtures().join(path);
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        self.beside(&name, fs::read(path).unwrap())
    }
}

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Something that reads files.
pub trait Reader {
    fn name(&self) -> &'static str;

    /// Right files, all of which it takes.
    fn seeds(&self) -> Vec<Seed>;

    /// Reads a file, and does with it what the program would.
    fn read(&mut self, file: &Path) -> Result<()>;
}

/// What became of the files of a reader.
pub struct Figures {
    pub name: &'static str,
    pub cases: usize,
    taken: usize,
    slowest: (Duration, usize),
    peak: (usize, usize),
    pub total: Duration,
    pub failures: Vec<String>,
}

impl Figures {
    pub fn heads() -> String {
        format!(
            "{:<14} {:>6} {:>6} {:>8} {:>8} {:>14} {:>16}",
            "reader", "cases", "taken", "refused", "total s", "slowest ms (#)", "peak MB (#)"
        )
    }

    pub fn line(&self) -> String {
        let (slowest, peak) = (self.slowest.0.as_millis(), self.peak.0 >> 20);
        format!(
            "{:<14} {:>6} {:>6} {:>8} {:>8.1} {:>14} {:>16}",
            self.name,
            self.cases,
            self.taken,
            self.cases - self.taken,
            self.total.as_secs_f64(),
            format!("{slowest} ({})", self.slowest.1),
            format!("{peak} ({})", self.peak.1)
        )
    }
}

/// Gives a reader its right files, and then so many changed ones. `HOSTILE=reader:number` gives it one, and prints the refusal.
pub fn run(reader: &mut dyn Reader, cases: usize) -> Figures {
    let desk = TempDir::new().unwrap();
    let seeds = reader.seeds();
    let (mut files, mut failures) = (Vec::new(), Vec::new());
    for (number, seed) in seeds.iter().enumerate() {
        let folder = desk.path().join(number.to_string());
        fs::create_dir(&folder).unwrap();
        seed.beside.iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).unwrap());
        let file = folder.join(&seed.name);
        fs::write(&file, &seed.bytes).unwrap();
        if let Err(err) = reader.read(&file) {
            failures.push(format!("{} refuses the right file {number}: {err}", reader.name()));
        }
        files.push(file);
    }
    let only: Option<usize> =
        std::env::var("HOSTILE").ok().and_then(|only| only.strip_prefix(reader.name())?.strip_prefix(':')?.parse().ok());
    let name = reader.name();
    let mut figures =
        Figures { name, cases: 0, taken: 0, slowest: (Duration::ZERO, 0), peak: (0, 0), total: Duration::ZERO, failures };
    for case in (0..cases).filter(|case| only.is_none_or(|only| only == *case)) {
        let mut random = Random::of(name, case as u64);
        let at = random.below(seeds.len());
        fs::write(&files[at], mutate::mutated(seeds[at].kind, &seeds[at].bytes, &mut random)).unwrap();
        figures.note(case, &mut || reader.read(&files[at]), only.is_some());
        fs::write(&files[at], &seeds[at].bytes).unwrap();
    }
    figures
}

impl Figures {
    fn note(&mut self, case: usize, read: &mut dyn FnMut() -> Result<()>, is_loud: bool) {
        memory::start();
        let started = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(read));
        let took = started.elapsed();
        self.cases += 1;
        self.total += took;
        self.slowest = self.slowest.max((took, case));
        self.peak = self.peak.max((memory::peak(), case));
        let fault = match &done {
            Ok(Ok(())) => {
                self.taken += 1;
                None
            }
            Ok(Err(err)) => fault_of(err),
            Err(_) => Some("panicked".to_owned()),
        };
        let fault = fault.or_else(|| (memory::peak() > MAX_PEAK).then(|| format!("held {} MB", memory::peak() >> 20)));
        if is_loud {
            eprintln!("{}:{case}: {:?} {} ms {} MB", self.name, done, took.as_millis(), memory::peak() >> 20);
        }
        self.failures.extend(fault.map(|fault| format!("{}:{case}: {fault}", self.name)));
    }
}

/// What is wrong with a refusal.
fn fault_of(err: &Error) -> Option<String> {
    let line = err.to_string();
    let is_line = line.len() < MAX_LINE && !line.contains(char::is_control);
    match err {
        Error::Refused { .. } | Error::OtherKind { .. } if is_line => None,
        Error::Refused { .. } | Error::OtherKind { .. } => Some(format!("refused in more than a line: {line:.300}")),
        Error::Cancelled | Error::Internal(_) => Some(line),
    }
}
