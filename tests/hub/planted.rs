//! Files of the cache that are not what they seem: damaged, planted, the user's own; and disks without room.

use super::*;
use std::sync::atomic::{AtomicU64, Ordering};
use tokenscope::hub::FreeSpace;

/// A hub that is right in everything, and one who has downloaded from it.
fn downloaded() -> (Server, User) {
    let server = hub(|request, _| ranged(request, &model("model.safetensors")));
    let user = User::of(&server);
    user.succeeds();
    (server, user)
}

fn blob(user: &User, file: &str) -> PathBuf {
    user.path("blobs").join(if file == "config.json" { git_id(&model(file)) } else { sha256(&model(file)) })
}

/// Changes a byte of a file.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn damaged_files_of_the_right_length_are_found_and_fetched_again() {
    for file in ["config.json", "model.safetensors"] {
        let (server, user) = downloaded();
        let model = user.settings.cache().find("org/vit").unwrap();
        let damaged = || user.settings.cache().damaged(&model, &Default::default());
        assert_eq!(damaged(), Ok(vec![]));
        damage(&blob(&user, file));
        assert_eq!(damaged(), Ok(vec![file.to_owned()]));
        let desk = Desk::new();
        let run = |line: &str| {
            let mut command = desk.command(line);
            command.env("HF_HUB_CACHE", user.folder.path()).env("HF_ENDPOINT", &server.address).env("HF_HUB_OFFLINE", "0");
            Ran::new(line, command.output().unwrap())
        };
        let ran = run("models --verify org/vit");
        let line = format!("org/vit: FAILED, damaged on this disk: {file}; expected");
        assert!(ran.code == Some(1) && ran.stdout.starts_with(&line), "{ran:?}");
        assert!(ran.stdout.contains("`tokenscope download org/vit` fetches it again"), "{ran:?}");
        let ran = run("download org/vit").done();
        assert!(ran.stderr.contains(&format!("{file} of org/vit was damaged on this disk, and was fetched again")), "{ran:?}");
        assert!(!run("download org/vit").done().stderr.contains("damaged"));
        user.succeeds();
        assert_eq!(server.asked(file).len(), 2, "once at first, once again");
    }
}

#[test]
fn a_damaged_file_stays_until_the_right_one_is_there() {
    let (_, mut user) = downloaded();
    damage(&blob(&user, "model.safetensors"));
    let damaged = fs::read(blob(&user, "model.safetensors")).unwrap();
    let server = hub(|_, _| Reply::new(404, "").with("X-Error-Code", "EntryNotFound"));
    user.settings.endpoint.clone_from(&server.address);
    user.download().unwrap_err();
    assert_eq!(fs::read(blob(&user, "model.safetensors")).unwrap(), damaged);
    assert!(user.settings.cache().find("org/vit").unwrap().is_complete);
}

#[test]
fn a_part_of_another_file_is_not_taken_for_the_beginning() {
    let server = hub(|request, _| ranged(request, &model("model.safetensors")));
    for length in [10, model("model.safetensors").len()] {
        let user = User::of(&server);
        fs::create_dir_all(user.path("blobs")).unwrap();
        fs::write(user.partial(), vec![b'?'; length]).unwrap();
        user.succeeds();
    }
}

#[test]
fn a_file_that_changes_on_the_server_is_not_patched_together() {
    let siblings = json!([{"rfilename": "config.json", "size": 60_000, "blobId": "c0"},
        {"rfilename": "model.safetensors", "size": 5, "blobId": "c1"}]);
    let versions = |count: usize| format!("{{\"a\": \"{}\"}}", count.to_string().repeat(59_991)).into_bytes();
    let server = Server::start(move |request, count| match request.path.as_str() {
        path if path.starts_with("/api/") => Reply::new(200, json!({"sha": COMMIT, "siblings": siblings}).to_string()),
        path if path.ends_with("config.json") => {
            let version = count.min(1);
            let reply = ranged(request, &versions(version)).with("ETag", format!("\"v{version}\""));
            Reply { cut: (count == 0).then_some(30_000), ..reply }
        }
        _ => Reply::new(200, "12345"),
    });
    let user = User::of(&server);
    let config = user.download().unwrap().join("config.json");
    assert_eq!(fs::read(config).unwrap(), versions(1), "no byte of the first version");
    let ranges: Vec<_> = server.asked("config.json").into_iter().map(|request| request.range).collect();
    assert_eq!(ranges, [None, Some("bytes=30000-".to_owned()), None]);
}

#[test]
fn a_file_of_the_user_s_own_is_not_overwritten() {
    let (_, user) = downloaded();
    let config = user.path(&format!("snapshots/{COMMIT}/config.json"));
    fs::remove_file(&config).unwrap();
    fs::copy(blob(&user, "config.json"), &config).unwrap();
    user.succeeds();
    fs::write(&config, "my own").unwrap();
    let line = user.download().unwrap_err().to_string();
    assert!(line.contains("config.json: is not the hub's file, and is not overwritten; expected"), "{line}");
    assert!(line.ends_with("move it away and try again"), "{line}");
    assert_eq!(fs::read(&config).unwrap(), b"my own");
}

#[test]
fn a_cache_without_links_is_taken_as_it_is() {
    let (server, user) = downloaded();
    for file in ["config.json", "model.safetensors"] {
        let name = user.path(&format!("snapshots/{COMMIT}")).join(file);
        // As the hub's own library leaves it where links cannot be made.
        fs::remove_file(&name).unwrap();
        fs::rename(blob(&user, file), &name).unwrap();
    }
    user.succeeds();
    assert_eq!(server.asked("model.safetensors").len(), 1, "it is not fetched again");
    assert!(!blob(&user, "model.safetensors").exists(), "nor kept twice");
    damage(&user.path(&format!("snapshots/{COMMIT}/model.safetensors")));
    let line = user.download().unwrap_err().to_string();
    assert!(line.contains("model.safetensors: is not the hub's file, and is not overwritten"), "{line}");
    assert_eq!(server.asked("model.safetensors").len(), 1, "what could not be put there is not fetched");
}

#[test]
fn a_disk_without_room_is_not_filled() {
    static FREE: AtomicU64 = AtomicU64::new(0);
    let server = hub(|request, _| {
        // Another program fills the disk once the download has begun.
        FREE.store(64 << 20, Ordering::Relaxed);
        ranged(request, &model("model.safetensors"))
    });
    let mut user = User::of(&server);
    user.settings.free_space = FreeSpace(|_| Some(FREE.load(Ordering::Relaxed)));
    let words = ["the disk has 67.1 MB left, and org/vit takes 0.1 MB", "67.1 MB more than that", "free some space"];
    FREE.store(64 << 20, Ordering::Relaxed);
    user.is_refused(&words);
    assert_eq!((server.asked("config.json").len(), user.files()), (0, vec![]), "before anything is asked for");
    FREE.store(1 << 30, Ordering::Relaxed);
    user.is_refused(&["and the rest of model.safetensors of org/vit takes 0.1 MB", "free some space", "HF_HUB_CACHE"]);
    assert!(!user.partial().exists(), "not a byte of it was written");
    let (_, mut user) = downloaded();
    user.settings.free_space = FreeSpace(|_| Some(0));
    user.succeeds();
}

#[test]
fn a_hundred_thousand_files_are_listed() {
    let name = |n: usize| format!("model-{n:06}-of-100000.safetensors");
    let index = "model.safetensors.index.json";
    let map: serde_json::Map<_, _> = (1..=100_000).map(|n| (format!("w{n}"), name(n).into())).collect();
    let listing = {
        let lfs = |n: usize| json!({"sha256": format!("{n:064}"), "size": 9, "pointerSize": 134});
        let file = |n| json!({"rfilename": name(n), "size": 9, "blobId": format!("{n:040}"), "lfs": lfs(n)});
        let mut siblings: Vec<_> = (1..=100_000).map(file).collect();
        siblings.push(json!({"rfilename": "config.json", "size": 2, "blobId": "c0"}));
        siblings.push(json!({"rfilename": index, "blobId": "c1"}));
        json!({"sha": COMMIT, "siblings": siblings}).to_string()
    };
    assert!(listing.len() > 20 << 20);
    let server = Server::start(move |request, _| match request.path.as_str() {
        path if path.starts_with("/api/") => Reply::new(200, listing.clone()),
        path if path.ends_with(index) => Reply::new(200, json!({"weight_map": map}).to_string()),
        path if path.ends_with("config.json") => Reply::new(200, "{}"),
        _ => Reply::new(404, "").with("X-Error-Code", "EntryNotFound"),
    });
    let user = User::of(&server);
    let started = Instant::now();
    user.is_refused(&["a file that its list names is not there", "expected model-000001-of-100000.safetensors"]);
    println!("100,000 files: {:.1} s", started.elapsed().as_secs_f64());
    let snapshot = user.path(&format!("snapshots/{COMMIT}"));
    for n in 1..=1000 {
        fs::write(snapshot.join(name(n)), "").unwrap();
    }
    assert_eq!(user.settings.cache().find("org/vit").map(|model| model.is_complete), Some(false));
}

#[cfg(unix)]
mod links {
    use super::*;
    use std::os::unix::fs::symlink;

    /// Downloads beside a link, or whatever `plant` puts into the model's folder, that leads to a file of the user's.
    fn refuses(plant: impl Fn(&User, &Path)) -> String {
        let server = hub(|request, _| ranged(request, &model("model.safetensors")));
        let user = User::of(&server);
        let home = TempDir::new().unwrap();
        let target = home.path().join("precious");
        fs::write(&target, "precious").unwrap();
        fs::create_dir_all(user.path("blobs")).unwrap();
        fs::create_dir_all(user.path("refs")).unwrap();
        plant(&user, &target);
        let line = user.download().unwrap_err().to_string();
        assert!(line.contains("; expected a file or a folder of the cache itself; remove it"), "{line}");
        assert_eq!(fs::read(&target).unwrap(), b"precious");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "nothing is written beside it");
        line
    }

    #[test]
    fn links_are_not_followed() {
        let part = refuses(|user, target| symlink(target, user.partial()).unwrap());
        assert!(part.contains(".incomplete: is a link, which is not followed"), "{part}");
        let whole = refuses(|user, target| symlink(target, blob(user, "config.json")).unwrap());
        assert!(whole.contains(&git_id(&model("config.json"))) && whole.contains("is a link"), "{whole}");
        refuses(|user, target| fs::hard_link(target, user.partial()).unwrap());
        for folder in ["blobs", "refs", "snapshots", "../.locks", "../.locks/models--org--vit"] {
            let line = refuses(|user, target| {
                let folder = user.path(folder);
                drop(fs::remove_dir(&folder));
                fs::create_dir_all(folder.parent().unwrap()).unwrap();
                symlink(target.parent().unwrap(), &folder).unwrap();
            });
            assert!(line.contains("is a link, which is not followed"), "{folder}: {line}");
        }
        refuses(|user, target| {
            let locks = user.folder.path().join(".locks/models--org--vit");
            fs::create_dir_all(&locks).unwrap();
            symlink(target, locks.join(format!("{}.lock", git_id(&model("config.json"))))).unwrap();
        });
    }

    #[test]
    fn a_reference_is_neither_read_nor_written_through_a_link() {
        let (_, user) = downloaded();
        let target = user.folder.path().join("precious");
        let main = user.path("refs/main");
        fs::write(&target, COMMIT).unwrap();
        fs::remove_file(&main).unwrap();
        symlink(&target, &main).unwrap();
        let other = user.path("snapshots/0000");
        fs::create_dir_all(&other).unwrap();
        for file in ["config.json", "model.safetensors"] {
            fs::write(other.join(file), "newer").unwrap();
        }
        assert_eq!(user.settings.cache().find("org/vit").unwrap().folder, other, "the reference says nothing");
        user.succeeds();
        assert!(!main.is_symlink(), "a file in place of the link");
        assert_eq!(fs::read(&target).unwrap(), COMMIT.as_bytes());
    }

    #[test]
    fn pipes_are_waited_for_nowhere() {
        let pipe = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        let line = refuses(|user, _| pipe(&user.partial()));
        assert!(line.contains("is a pipe or a device"), "{line}");
        refuses(|user, _| pipe(&blob(user, "model.safetensors")));
        let (_, user) = downloaded();
        fs::remove_file(user.path("refs/main")).unwrap();
        pipe(&user.path("refs/main"));
        assert!(user.settings.cache().find("org/vit").is_some_and(|model| model.is_complete));
    }
}
