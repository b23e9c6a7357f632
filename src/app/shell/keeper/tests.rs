//! What the keeper promises, also to a process that is killed.

use super::*;
use std::collections::hash_map::RandomState;
use std::env;
use std::hash::BuildHasher;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicUsize;
use std::time::SystemTime;

const MOST: u64 = 1 << 24;

fn known(text: impl Into<String>) -> impl FnOnce() -> Result<String, Infallible> + Send + 'static {
    let text = text.into();
    move || Ok(text)
}

fn text_of(folder: &Path, name: &str) -> Option<String> {
    read(folder, name, MOST).unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_first_state_is_written_at_once_and_the_newest_at_last_with_few_between() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("not/there yet");
    let made = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut keeper = Keeper::new(deep.clone());
    assert!(!deep.exists());
    for state in 0..100 {
        let made = made.clone();
        let text = move || {
            made.fetch_add(1, Ordering::SeqCst);
            assert_eq!(thread::current().name(), Some("tokenscope-keeper"));
            Ok::<_, Infallible>(state.to_string())
        };
        keeper.keep("a", text);
        keeper.keep("b", known(format!("b{state}")));
        if state == 0 {
            wait_until("both are written", || ["a", "b"].iter().all(|name| deep.join(name).exists()));
        }
        thread::sleep(Duration::from_millis(12));
    }
    drop(keeper);
    // One at once, one a second, and one at last.
    let most = 2 + start.elapsed().as_secs() as usize;
    let made = made.load(Ordering::SeqCst);
    assert!((2..=most).contains(&made), "{made} of at most {most}");
    assert_eq!(["a", "b"].map(|name| text_of(&deep, name).unwrap()), ["99", "b99"]);
    assert_eq!(names(&deep), ["a", "b"]);
}

#[test]
fn what_is_kept_within_the_pause_is_written_without_a_further_call() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::with_gap(folder.path().to_owned(), Duration::from_millis(50));
    keeper.keep("a", known("old"));
    wait_until("the old one", || text_of(folder.path(), "a").is_some());
    keeper.keep("a", known("new"));
    wait_until("the new one", || text_of(folder.path(), "a").unwrap() == "new");
}

#[test]
fn a_drop_does_not_wait_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::new(folder.path().to_owned());
    let (lets_go, waits) = mpsc::channel::<Infallible>();
    keeper.keep("a", move || waits.recv().map(|never| match never {}));
    let start = Instant::now();
    drop(keeper);
    assert!((PATIENCE..PATIENCE * 3).contains(&start.elapsed()), "{:?}", start.elapsed());
    drop(lets_go);
}

#[test]
fn a_failure_is_told_once_until_a_write_succeeds() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("folder");
    let mut keeper = Keeper::with_gap(folder.clone(), Duration::from_millis(10));
    for state in ["1", "2"] {
        fs::write(&folder, "a file").unwrap();
        keeper.keep("a", known("never read"));
        let mut message = None;
        wait_until("a failure", || {
            message = keeper.take_failure();
            message.is_some()
        });
        let message = message.unwrap();
        assert!(message.starts_with(&format!("{} cannot be written: ", folder.join("a").display())), "{message}");
        keeper.keep("a", known(state));
        // Time for several attempts.
        thread::sleep(Duration::from_millis(100));
        assert_eq!(keeper.take_failure(), None);
        fs::remove_file(&folder).unwrap();
        // The same state is tried again until there is room for it.
        wait_until("a write", || text_of(&folder, "a").as_deref() == Some(state));
        wait_until("the end of the failure", || keeper.shared.lock().failing.is_empty());
        fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn a_text_that_cannot_be_made_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::with_gap(folder.path().to_owned(), Duration::ZERO);
    keeper.keep("a", known("old"));
    wait_until("the old one", || text_of(folder.path(), "a").is_some());
    for (text, why) in [(None, "making its text panicked"), (Some("no room"), "no room")] {
        keeper.keep("a", move || Err(text.expect("a panic of this test, which is caught")));
        let mut message = None;
        wait_until("a failure", || {
            message = keeper.take_failure();
            message.is_some()
        });
        assert_eq!(message.unwrap(), format!("a cannot be kept: {why}"));
        assert_eq!(text_of(folder.path(), "a").unwrap(), "old");
        keeper.keep("a", known("old"));
        wait_until("the end of the failure", || keeper.shared.lock().failing.is_empty());
    }
}

#[test]
fn old_unfinished_files_are_removed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let [old, young, other] = [".tokenscope-keep.1.2", ".tokenscope-keep.3.4", ".tokenscope-keep.mine"];
    for name in [old, young, other] {
        let file = File::create(folder.path().join(name)).unwrap();
        let age = if name == young { Duration::from_secs(30) } else { ABANDONED * 2 };
        file.set_modified(SystemTime::now() - age).unwrap();
    }
    let mut keeper = Keeper::new(folder.path().to_owned());
    keeper.keep("a", known("a"));
    drop(keeper);
    assert_eq!(names(folder.path()), [young, other, "a"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(folder.path().join("a").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn files_that_are_set_aside_are_all_kept() {
    let folder = tempfile::tempdir().unwrap();
    for (text, expected) in [("first", "a.broken"), ("second", "a.broken-2"), ("third", "a.broken-3")] {
        fs::write(folder.path().join("a"), text).unwrap();
        assert_eq!(set_aside(folder.path(), "a").unwrap(), folder.path().join(expected));
    }
    assert_eq!(set_aside(folder.path(), "a").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(names(folder.path()), ["a.broken", "a.broken-2", "a.broken-3"]);
    let texts = ["a.broken", "a.broken-2", "a.broken-3"].map(|name| text_of(folder.path(), name).unwrap());
    assert_eq!(texts, ["first", "second", "third"]);
}

#[test]
fn only_regular_files_of_a_bounded_size_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("a"), "1234").unwrap();
    fs::create_dir(at("folder")).unwrap();
    let kind_of = |name: &str, most| read(folder.path(), name, most).unwrap_err().kind();
    assert_eq!(read(folder.path(), "a", 4).unwrap().unwrap(), b"1234");
    assert_eq!(kind_of("a", 3), ErrorKind::FileTooLarge);
    assert_eq!(kind_of("folder", MOST), ErrorKind::InvalidInput);
    assert!(read(folder.path(), "nothing", MOST).unwrap().is_none());
    assert!(read(&at("no folder"), "a", MOST).unwrap().is_none());
    #[cfg(unix)]
    {
        assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        std::os::unix::fs::symlink("pipe", at("link")).unwrap();
        let start = Instant::now();
        assert_eq!(["pipe", "link"].map(|name| kind_of(name, MOST)), [ErrorKind::InvalidInput; 2]);
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}

const KILLED: &str = "TOKENSCOPE_TEST_KEEPS_IN";
const GAPS: [(&str, Duration); 2] = [("fast", Duration::ZERO), ("usual", GAP)];

fn milliseconds() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64
}

/// Keeps new states until it is killed, or gives up long after its parent has.
fn keep_on(folder: &Path) {
    let mut keepers = GAPS.map(|(name, gap)| (name, Keeper::with_gap(folder.to_owned(), gap)));
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(60) {
        for (name, keeper) in &mut keepers {
            let at = milliseconds();
            let state = move || {
                let length = at as usize % 500_000;
                serde_json::to_string(&(std::process::id(), at, "x".repeat(length)))
            };
            keeper.keep(name, state);
            assert_eq!(keeper.take_failure(), None);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// The process that wrote a file, and when; fails unless the file is whole.
fn stamp(folder: &Path, name: &str) -> Option<(u32, u64)> {
    let (process, at, _): (u32, u64, String) = serde_json::from_str(&text_of(folder, name)?).unwrap();
    Some((process, at))
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn kill_some(folder: &Path, rounds: u32) {
    let module = module_path!().split_once("::").unwrap().1;
    let test = format!("{module}::kills_leave_whole_and_recent_files");
    for _ in 0..rounds {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", &test]).env(KILLED, folder).stdout(Stdio::null()).stderr(Stdio::null());
        let child = Killed(command.spawn().unwrap());
        let process = child.0.id();
        wait_until("the first states", || {
            GAPS.iter().all(|(name, _)| stamp(folder, name).is_some_and(|(writer, _)| writer == process))
        });
        thread::sleep(Duration::from_micros(RandomState::new().hash_one(process) % 1_500_000));
        let end = milliseconds();
        drop(child);
        for (name, _) in GAPS {
            let (writer, at) = stamp(folder, name).unwrap();
            assert_eq!(writer, process);
            assert!(at + 2000 >= end, "{name} is {} ms old", end.saturating_sub(at));
        }
    }
}

#[test]
fn kills_leave_whole_and_recent_files() {
    if let Some(folder) = env::var_os(KILLED) {
        return keep_on(Path::new(&folder));
    }
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| kill_some(tempfile::tempdir().unwrap().path(), 5));
        }
    });
}
