//! The hub as it is met: a server on this machine answers as the real one does, and fails as the real one may. What comes out is
//! the cache that Hugging Face's own libraries read.

#[path = "hub/badly.rs"]
mod badly;
#[path = "hub/planted.rs"]
mod planted;
#[path = "hub/server.rs"]
mod server;
#[path = "hub/unsteady.rs"]
mod unsteady;

#[path = "common/program.rs"]
mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use program::{Desk, Ran};
use serde_json::json;
use server::{Reply, Request, Server, ranged};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokenscope::domain::Error;
use tokenscope::hub::{Hub, Patience, Settings, Token, Transfer};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn model(file: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models/vit").join(file)).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// git's name of a file's content.
fn git_id(bytes: &[u8]) -> String {
    format!("{:x}", Sha1::new().chain_update(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize())
}

/// The hub's answer about a model of a configuration and weights, and some files that nobody needs.
fn listing(config_id: &str, weights: &[u8]) -> Reply {
    let config = model("config.json");
    let siblings = json!([
        {"rfilename": ".gitattributes", "size": 3, "blobId": "aaa"},
        {"rfilename": "config.json", "size": config.len(), "blobId": config_id},
        {"rfilename": "onnx/model.onnx", "size": 9, "blobId": "bbb"},
        {"rfilename": "model.safetensors", "size": weights.len(), "blobId": "bad",
         "lfs": {"sha256": sha256(weights), "size": weights.len(), "pointerSize": 134}},
    ]);
    Reply::new(200, json!({"id": "org/vit", "sha": COMMIT, "gated": false, "siblings": siblings}).to_string())
}

/// A hub of one model, `weights` answering for its weights.
fn hub(weights: impl FnMut(&Request, usize) -> Reply + Send + 'static) -> Server {
    hub_with_id(git_id(&model("config.json")), weights)
}

/// As [`hub`], with another name for the content of the configuration.
fn hub_with_id(config_id: impl Into<String>, mut weights: impl FnMut(&Request, usize) -> Reply + Send + 'static) -> Server {
    let config_id = config_id.into();
    let bytes = model("model.safetensors");
    Server::start(move |request, count| match request.path.as_str() {
        "/api/models/org/vit/revision/main?blobs=true" => listing(&config_id, &bytes),
        path if path == format!("/org/vit/resolve/{COMMIT}/config.json") => ranged(request, &model("config.json")),
        path if path == format!("/org/vit/resolve/{COMMIT}/model.safetensors") => weights(request, count),
        path if path.contains("/old/vit/") => Reply::new(307, "").with("Location", path.replace("/old/vit/", "/org/vit/")),
        _ => Reply::new(404, ""),
    })
}

/// One who downloads from a server into a folder of its own.
struct User {
    folder: TempDir,
    settings: Settings,
}

impl User {
    fn of(server: &Server) -> Self {
        let folder = TempDir::new().unwrap();
        let mut settings = Settings::at(folder.path());
        settings.endpoint.clone_from(&server.address);
        settings.patience = Patience { pause: Duration::from_millis(5), stall: Duration::from_secs(3), ..Patience::default() };
        Self { folder, settings }
    }

    fn with_token(server: &Server) -> Self {
        let mut user = Self::of(server);
        user.settings.token = Token::new("hf_secret");
        user
    }

    fn download(&self) -> Result<PathBuf, Error> {
        Hub::new(self.settings.clone()).download("org/vit", &Transfer::default(), &|_| Ok(()))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("models--org--vit").join(path)
    }

    fn partial(&self) -> PathBuf {
        self.path(&format!("blobs/{}.incomplete", sha256(&model("model.safetensors"))))
    }

    /// Downloads all of it, and checks every file.
    fn succeeds(&self) {
        let folder = self.download().unwrap();
        assert_eq!(folder, self.path(&format!("snapshots/{COMMIT}")));
        for file in ["config.json", "model.safetensors"] {
            assert_eq!(fs::read(folder.join(file)).unwrap(), model(file), "{file}");
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "only what is of use");
        assert_eq!(fs::read_to_string(self.path("refs/main")).unwrap(), COMMIT);
        assert!(!self.partial().exists());
        let cached = self.settings.cache().models();
        assert_eq!(cached.iter().map(|m| (m.id.as_str(), m.is_complete)).collect::<Vec<_>>(), [("org/vit", true)]);
    }

    /// Refused in one line that names all of `words`; the model is not taken to be there.
    fn is_refused(&self, words: &[&str]) -> String {
        let line = self.download().unwrap_err().to_string();
        for word in words {
            assert!(line.contains(word), "{word:?} is not named: {line}");
        }
        assert!(line.contains(": ") && line.contains("; expected ") && !line.contains('\n'), "{line}");
        assert!(line.split("; expected ").nth(1).is_some_and(|rest| rest.contains("; ")), "no remedy: {line}");
        assert!(!line.contains("secret") && !self.path("refs/main").exists(), "{line}");
        assert!(self.settings.cache().find("org/vit").is_none_or(|model| !model.is_complete));
        line
    }

    /// The files of the model's folder and their bytes, by name; links count none.
    fn files(&self) -> Vec<(String, u64)> {
        let (root, mut folders, mut files) = (self.path(""), vec![self.path("")], Vec::new());
        while let Some(folder) = folders.pop() {
            // Another thread may be writing.
            for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
                let Ok(facts) = fs::symlink_metadata(&path) else { continue };
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                match facts.file_type() {
                    kind if kind.is_dir() => folders.push(path),
                    kind => files.push((name, if kind.is_file() { facts.len() } else { 0 })),
                }
            }
        }
        files.sort();
        files
    }
}

#[test]
fn a_model_comes_as_the_hub_s_own_library_lays_it_and_opens() {
    let bytes = model("model.safetensors");
    let cdn = Server::start({
        let bytes = bytes.clone();
        move |request, _| ranged(request, &bytes)
    });
    let location = format!("{}/repos/blob?signature=1", cdn.address);
    let server = hub(move |_, _| Reply::new(302, "moved").with("Location", location.as_str()).with("X-Linked-Etag", "\"x\""));
    let user = User::with_token(&server);
    user.succeeds();
    assert!(server.seen().iter().all(|r| r.authorization.as_deref() == Some("Bearer hf_secret")));
    assert_eq!(cdn.seen().len(), 1);
    assert!(cdn.seen().iter().all(|r| r.authorization.is_none()), "the token is shown to no other host");
    #[cfg(unix)]
    {
        let blob = Path::new("../../blobs").join(sha256(&bytes));
        assert_eq!(fs::read_link(user.path(&format!("snapshots/{COMMIT}/model.safetensors"))).unwrap(), blob);
    }

    let asked = server.seen().len();
    user.succeeds();
    assert_eq!((server.seen().len() - asked, cdn.seen().len()), (1, 1), "what is there is not fetched again");

    let desk = Desk::new();
    let explain = "explain cat.jpg --model org/vit --token 2,3 --out @a.json --out @a.npy";
    let mut command = desk.command(explain);
    Ran::new(explain, command.env("HF_HUB_CACHE", user.folder.path()).output().unwrap()).done();
    let record: serde_json::Value = serde_json::from_slice(&desk.read("a.json")).unwrap();
    assert!(record["command"].as_str().unwrap().contains("--model org/vit"), "{record}");
    assert_eq!((&record["request"]["model"], &record["model"]["name"]), (&json!("org/vit"), &json!("org/vit")));
    assert_eq!(record["model"]["sha256"], json!(sha256(&bytes)));
    desk.run("explain cat.jpg --model %vit --token 2,3 --out @b.npy").done();
    assert_eq!(desk.read("a.npy"), desk.read("b.npy"));
}

#[test]
fn a_model_that_was_renamed_is_found_under_its_old_name() {
    let server = hub(|request, _| ranged(request, &model("model.safetensors")));
    let user = User::with_token(&server);
    let folder = Hub::new(user.settings.clone()).download("old/vit", &Transfer::default(), &|_| Ok(())).unwrap();
    assert_eq!(user.settings.cache().find("old/vit").map(|model| (model.folder, model.is_complete)), Some((folder, true)));
    assert!(server.seen().iter().all(|r| r.authorization.is_some()), "it is the same host");
}

#[test]
fn a_cut_connection_is_continued_where_it_broke() {
    let bytes = model("model.safetensors");
    let server = hub(move |request, count| Reply { cut: (count < 3).then_some(20_000), ..ranged(request, &bytes) });
    let user = User::of(&server);
    user.succeeds();
    let ranges: Vec<_> = server.asked("model.safetensors").into_iter().map(|r| r.range).collect();
    assert_eq!(ranges, [0, 20_000, 40_000, 60_000].map(|n| (n > 0).then(|| format!("bytes={n}-"))));
}

#[test]
fn a_server_that_knows_no_ranges_begins_again() {
    let bytes = model("model.safetensors");
    let server = hub(move |_, count| Reply { cut: (count == 0).then_some(20_000), ..Reply::new(200, bytes.clone()) });
    User::of(&server).succeeds();
    assert_eq!(server.asked("model.safetensors").len(), 2);

    let bytes = model("model.safetensors");
    let server = hub(move |_, _| Reply { cut: Some(20_000), ..Reply::new(200, bytes.clone()) });
    User::of(&server).is_refused(&["org/vit", "broke off", "cut", "is kept"]);
    assert_eq!(server.asked("model.safetensors").len(), 4, "three new tries that bring nothing new");
}

#[test]
fn what_differs_from_what_was_announced_is_refused() {
    let mut wrong = model("model.safetensors");
    wrong[5000] ^= 1;
    let server = hub(move |request, _| ranged(request, &wrong));
    let user = User::of(&server);
    user.is_refused(&["model.safetensors of org/vit", "SHA-256", "deleted", "try again"]);
    assert!(!user.partial().exists());

    let longer = [model("model.safetensors"), vec![0; 9]].concat();
    let server = hub(move |request, _| ranged(request, &longer));
    User::of(&server).is_refused(&["sends more of model.safetensors"]);
}

#[test]
fn a_broken_partial_file_is_found_out_and_fetched_whole() {
    let server = hub(|request, _| ranged(request, &model("model.safetensors")));
    let user = User::of(&server);
    fs::create_dir_all(user.path("blobs")).unwrap();
    fs::write(user.partial(), [0; 100]).unwrap();
    user.succeeds();
    let ranges: Vec<_> = server.asked("model.safetensors").into_iter().map(|r| r.range).collect();
    assert_eq!(ranges, [Some("bytes=100-".to_owned()), None], "once more, from its beginning");
    fs::remove_dir_all(user.path("")).unwrap();
    fs::create_dir_all(user.path("blobs")).unwrap();
    fs::write(user.partial(), vec![0; 1 << 20]).unwrap();
    user.succeeds();
}

#[test]
fn a_server_in_trouble_is_asked_again() {
    let bytes = model("model.safetensors");
    let server = hub(move |request, count| if count == 0 { Reply::new(500, "") } else { ranged(request, &bytes) });
    User::of(&server).succeeds();
    let server = hub(|_, _| Reply::new(503, ""));
    User::of(&server).is_refused(&["broke off", "503"]);
    assert_eq!(server.asked("model.safetensors").len(), 4);
}

#[test]
fn refusals_of_the_hub_say_what_to_do() {
    let gated = |status| hub(move |_, _| Reply::new(status, "").with("X-Error-Code", "GatedRepo"));
    let server = gated(401);
    let page = format!("open {}/org/vit, accept the terms, and set HF_TOKEN", server.address);
    User::of(&server).is_refused(&["org/vit: is gated", "no token was sent", &page]);
    User::with_token(&gated(403)).is_refused(&["is gated", "the token that was sent has no access"]);
    User::with_token(&hub(|_, _| Reply::new(403, ""))).is_refused(&["may not read it"]);
    User::of(&hub(|_, _| Reply::new(429, "").with("Retry-After", "30"))).is_refused(&["429", "wait 30 s", "HF_TOKEN"]);
    User::of(&hub(|_, _| Reply::new(404, ""))).is_refused(&["no such model"]);

    let api =
        |status: u16, message: &'static str| Server::start(move |_, _| Reply::new(status, "").with("X-Error-Message", message));
    User::of(&api(404, "")).is_refused(&["no such model on the hub, or it is private", "check the spelling", "HF_TOKEN"]);
    User::of(&api(401, "")).is_refused(&["no such model on the hub, or it is private"]);
    User::with_token(&api(401, "Invalid credentials in Authorization header")).is_refused(&["does not know the token"]);
    User::of(&Server::start(|_, _| Reply::new(200, "<html>a portal of a hotel</html>")))
        .is_refused(&["cannot be read", "HF_ENDPOINT"]);
    let mut nobody = User::of(&api(404, ""));
    nobody.settings.endpoint = "http://127.0.0.1:9".to_owned();
    nobody.is_refused(&["http://127.0.0.1:9 cannot be reached", "check the network"]);
    nobody.settings.endpoint = api(404, "").address.replace("http:", "https:");
    nobody.is_refused(&["https://127.0.0.1", "broke off"]);
    nobody.settings.endpoint = "nowhere at all".to_owned();
    nobody.is_refused(&["nowhere at all", "no address of a server"]);
}

#[test]
fn names_that_lead_out_of_the_cache_are_refused() {
    let index = json!({"weight_map": {"w": "../../../../evil"}}).to_string();
    let size = index.len();
    let server = Server::start(move |request, _| match request.path.as_str() {
        path if path.starts_with("/api/") => {
            let names = [("config.json", 2), ("model.safetensors.index.json", size), ("../../../../evil", 2), ("/evil", 2)];
            let siblings = names.map(|(name, size)| json!({"rfilename": name, "size": size, "blobId": "../evil"}));
            Reply::new(200, json!({"sha": COMMIT, "siblings": siblings}).to_string())
        }
        path if path.ends_with(".index.json") => Reply::new(200, index.clone()).with("ETag", "\"1dea\""),
        path if path.ends_with("/config.json") => Reply::new(200, "{}").with("ETag", "W/\"abc\""),
        _ => Reply::new(200, "evil"),
    });
    let user = User::of(&server);
    user.is_refused(&["index of weights", "../../../../evil"]);
    let mut found = Vec::new();
    let mut folders = vec![user.folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    assert!(found.iter().all(|path| !path.to_string_lossy().contains("evil")), "{found:?}");
    assert!(user.path("blobs/abc").is_file(), "a server that lists no content is asked for its name");
    for id in ["../x", "a/b/c", "org/", "a b", ""] {
        let err = Hub::new(user.settings.clone()).download(id, &Transfer::default(), &|_| Ok(())).unwrap_err();
        assert!(err.to_string().contains("no name of a model"), "{err}");
    }
}

#[test]
fn a_download_is_stopped_at_once_and_continued_later() {
    let bytes = model("model.safetensors");
    let server = hub(move |request, count| Reply { stall: (count == 0).then_some(30_000), ..ranged(request, &bytes) });
    let user = User { settings: Settings { patience: Patience::default(), ..User::of(&server).settings }, ..User::of(&server) };
    let user = User { settings: Settings { cache: user.folder.path().to_owned(), ..user.settings }, folder: user.folder };
    let transfer = Transfer::default();
    let total = model("config.json").len() + model("model.safetensors").len();
    let (settings, watched) = (user.settings.clone(), transfer.clone());
    let download = std::thread::spawn(move || Hub::new(settings).download("org/vit", &watched, &|_| Ok(())));
    let started = Instant::now();
    while transfer.progress.get() != (model("config.json").len() + 30_000, total) {
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", transfer.progress.get());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(transfer.file(), "model.safetensors");
    let second = Hub::new(user.settings.clone()).download("org/vit", &Transfer::default(), &|_| Ok(())).unwrap_err();
    assert!(second.to_string().contains("is being downloaded already"), "{second}");
    let stopped = Instant::now();
    transfer.cancel.cancel();
    assert_eq!(download.join().unwrap(), Err(Error::Cancelled));
    assert!(stopped.elapsed() < Duration::from_secs(10), "it does not wait for the server");
    assert_eq!(fs::metadata(user.partial()).unwrap().len(), 30_000);
    user.succeeds();
    assert_eq!(server.asked("model.safetensors").last().unwrap().range.as_deref(), Some("bytes=30000-"));
}

#[test]
fn a_family_that_is_not_read_costs_no_weights() {
    let config = r#"{"model_type": "whisper"}"#;
    let server = Server::start(move |request, _| match request.path.as_str() {
        path if path.starts_with("/api/") => {
            let siblings = ["config.json", "model.safetensors"].map(|name| json!({"rfilename": name, "blobId": "abc"}));
            Reply::new(200, json!({"sha": COMMIT, "siblings": siblings}).to_string())
        }
        _ => Reply::new(200, config),
    });
    let (desk, folder) = (Desk::new(), TempDir::new().unwrap());
    let mut command = desk.command("download org/speech");
    command.env("HF_HUB_CACHE", folder.path()).env("HF_ENDPOINT", &server.address).env("HF_HUB_OFFLINE", "0");
    let output = command.output().unwrap();
    let line = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{line}");
    assert!(line.contains("org/speech: is a whisper model, which is not read") && line.contains("one of vit"), "{line}");
    assert!(server.asked("model.safetensors").is_empty());
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_what_has_come() {
    let server =
        hub(|request, count| Reply { stall: (count == 0).then_some(30_000), ..ranged(request, &model("model.safetensors")) });
    let user = User::of(&server);
    let desk = Desk::new();
    let start = || {
        let mut command = desk.command("download org/vit");
        command.env("HF_HUB_CACHE", user.folder.path()).env("HF_ENDPOINT", &server.address).env("HF_HUB_OFFLINE", "0");
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let child = start();
    let started = Instant::now();
    while fs::metadata(user.partial()).map_or(0, |facts| facts.len()) < 30_000 {
        assert!(started.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ran = Ran::new("download", child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(130), ""), "{ran:?}");
    assert!(ran.stderr.contains("`tokenscope download org/vit` goes on where it was"), "{ran:?}");
    assert_eq!(fs::metadata(user.partial()).unwrap().len(), 30_000);
    Ran::new("download", start().wait_with_output().unwrap()).done();
    user.succeeds();
}

#[test]
fn offline_means_no_network_at_all() {
    let server = hub(|request, _| ranged(request, &model("model.safetensors")));
    let mut user = User::of(&server);
    user.settings.offline = Some("HF_HUB_OFFLINE".to_owned());
    user.is_refused(&["org/vit", "nothing is downloaded while HF_HUB_OFFLINE is set", "unset HF_HUB_OFFLINE"]);
    assert_eq!(server.seen(), []);
}

#[test]
fn the_command_line_downloads_lists_and_refuses() {
    let bytes = Arc::new(model("model.safetensors"));
    let server = hub({
        let bytes = bytes.clone();
        move |request, _| ranged(request, &bytes)
    });
    let (desk, folder) = (Desk::new(), TempDir::new().unwrap());
    let run = |line: &str, offline: &str| {
        let mut command = desk.command(line);
        command.env("HF_HUB_CACHE", folder.path()).env("HF_ENDPOINT", &server.address).env("HF_HUB_OFFLINE", offline);
        Ran::new(line, command.env_remove("HF_TOKEN").env("HF_TOKEN_PATH", folder.path().join("none")).output().unwrap())
    };
    let explain = "explain cat.jpg --model org/vit --token 2,3 --out @a.npy";
    run(explain, "").refused(&["org/vit", "not in the cache", "run `tokenscope download org/vit`"]);
    run(&explain.replace("org/vit", "gpt2"), "").refused(&["gpt2", "does not exist", "hf:gpt2"]);
    run(&explain.replace("org/vit", "hf:gpt2"), "").refused(&["gpt2", "not in the cache"]);
    run("download org/vit", "1").refused(&["HF_HUB_OFFLINE"]);
    run("download org/none", "").refused(&["org/none", "no such model"]);
    run("download ./org/vit", "").refused(&["./org/vit", "org/name"]);
    run("download", "").misused();
    let ran = run("download org/vit", "").done();
    assert_eq!(ran.stdout.trim(), folder.path().join("models--org--vit/snapshots").join(COMMIT).to_string_lossy());
    let ran = run("models", "").done();
    assert!(ran.stdout.contains("org/vit") && ran.stdout.contains("0.1 MB"), "{ran:?}");
    run(explain, "1").done();
    let weights = folder.path().join("models--org--vit/snapshots").join(COMMIT).join("model.safetensors");
    let trace = format!("trace cat.jpg --model org/vit --out {}", weights.display());
    run(&trace, "1").refused(&["is the model"]);
}
