//! The list of the hub's models: search, what is here, downloads and how they fail.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::server::{Reply, Server, Talk, ranged};
use super::*;
use tokenscope::domain::request::ModelRef;
use tokenscope::hub::{Patience, Settings};

/// A window over a cache that holds `org/here`.
fn window(settings: Settings, session: Lane) -> Harness<'static, App> {
    let folder = settings.cache.join("models--org--here/snapshots/abc");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.json"), "{}").unwrap();
    fs::write(folder.join("model.safetensors"), vec![0; 2_499_998]).unwrap();
    let mut harness = Harness::builder()
        .with_size(Vec2::new(1000.0, 640.0))
        .with_max_steps(12)
        .build_eframe(move |cc| App::new(&cc.egui_ctx, session, Box::new(Scripted::at_once())).with_hub(settings));
    harness.run_ok();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::M);
    until(&mut harness, |harness| harness.query_by_label("Open org/here").is_some());
    harness
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Steps until something is there that comes from beside the frame loop.
fn until(harness: &mut Harness<'static, App>, is_there: impl Fn(&Harness<'_, App>) -> bool) {
    let started = Instant::now();
    harness.run_ok();
    while !is_there(harness) {
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", harness.state().error());
        std::thread::sleep(Duration::from_millis(10));
        harness.step();
    }
    harness.run_ok();
}

fn search(harness: &mut Harness<'static, App>, text: &str) {
    harness.get_by_label("Search the hub's models").type_text(text);
    harness.run_ok();
}

fn chosen(harness: &Harness<'_, App>) -> Option<ModelRef> {
    harness.state().lane().question.model.clone()
}

#[test]
fn the_search_filters_and_what_is_here_opens_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut harness = window(Settings::at(folder.path()), opened());
    harness.get_by_label("here, 2.5 MB");
    harness.get_by_label("Download facebook/dino-vits16");
    search(&mut harness, "dinov2 reg");
    harness.get_by_label("Download facebook/dinov2-with-registers-small");
    harness.get_by_label("about 88 MB");
    for gone in ["Open org/here", "Download facebook/dino-vits16"] {
        assert!(harness.query_by_label(gone).is_none(), "{gone}");
    }
    search(&mut harness, " zzz");
    harness.get_by_label_contains("None of these is called so");
    harness.key_press(Key::Escape);
    harness.run_ok();
    assert!(harness.query_by_label("Models from the hub").is_none());
    assert_eq!(chosen(&harness), opened().question.model);

    let mut harness = window(Settings::at(folder.path()), opened());
    search(&mut harness, "https://huggingface.co/someone/else");
    assert!(!harness.get_by_label("Download someone/else").accesskit_node().is_disabled());
    let mut harness = window(Settings::at(folder.path()), opened());
    search(&mut harness, "HERE");
    harness.key_press(Key::Enter);
    harness.run_ok();
    assert_eq!(chosen(&harness), Some(ModelRef::Hub("org/here".to_owned())));
    assert!(harness.query_by_label("Models from the hub").is_none());
    assert!(harness.state().view().map.is_some());
}

#[test]
fn offline_the_list_opens_what_is_here_and_says_why_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { offline: Some("HF_HUB_OFFLINE".to_owned()), ..Settings::at(folder.path()) };
    let mut harness = window(settings, Lane::default());
    harness.get_by_label_contains("HF_HUB_OFFLINE is set, so nothing is downloaded");
    assert!(harness.get_by_label("Download facebook/dino-vits16").accesskit_node().is_disabled());
    harness.get_by_label("Open org/here").click();
    harness.run_ok();
    harness.get_by_label("Model: org/here");
}

#[test]
fn a_download_shows_how_far_it_is_can_be_stopped_and_opens_at_its_end() {
    let body = |path: &str| fs::read(Path::new("tests/fixtures/models/vit").join(path)).unwrap();
    let size = body("model.safetensors").len();
    let server = Server::start(move |request, count| match request.path.rsplit('/').next() {
        _ if request.path.contains("gated") => Reply::new(401, "").with("X-Error-Code", "GatedRepo"),
        Some("config.json") => Reply::new(200, body("config.json")),
        Some("model.safetensors") => {
            Reply { stall: (count == 0).then_some(50_000), ..ranged(request, &body("model.safetensors")) }
        }
        _ => {
            let (config, weights) = (body("config.json").len(), size);
            let sha256 = sha256(&body("model.safetensors"));
            Reply::new(
                200,
                serde_json::json!({"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [
                    {"rfilename": "config.json", "size": config, "blobId": "c0"},
                    {"rfilename": "model.safetensors", "size": weights, "blobId": "c1",
                     "lfs": {"sha256": sha256, "size": weights, "pointerSize": 134}},
                ]})
                .to_string(),
            )
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let patience = Patience { pause: Duration::from_millis(5), ..Patience::default() };
    let settings = Settings { endpoint: server.address.clone(), patience, ..Settings::at(folder.path()) };
    let mut harness = window(settings, opened());
    search(&mut harness, "org/gated");
    harness.get_by_label("Download org/gated").click();
    until(&mut harness, |harness| harness.query_by_label_contains("org/gated: is gated").is_some());
    harness.get_by_label_contains(&format!("open {}/org/gated, accept the terms, and set HF_TOKEN", server.address));

    harness.key_press(Key::Escape);
    harness.run_ok();
    harness.get_by_label("Hub...").click();
    harness.run_ok();
    harness.get_by_label("Search the hub's models").focus();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    search(&mut harness, "org/vit");
    harness.get_by_label("Download org/vit").click();
    until(&mut harness, |harness| harness.query_by_label("0.1 of 0.1 MB").is_some());
    assert!(harness.query_by_label_contains("is gated").is_none());
    harness.get_by_label("org/vit: model.safetensors");
    harness.get_by_label_contains("downloading org/vit: 5");
    assert!(harness.get_by_label("Download org/vit").accesskit_node().is_disabled(), "one at a time");
    harness.get_by_label("Cancel").click();
    until(&mut harness, |harness| harness.query_by_label("Cancel").is_none());
    assert_eq!(chosen(&harness), opened().question.model);
    harness.get_by_label("Stopped. Download goes on where it was.");
    harness.get_by_label("Download org/vit").click();
    until(&mut harness, |harness| chosen(harness) != opened().question.model);
    assert_eq!(chosen(&harness), Some(ModelRef::Hub("org/vit".to_owned())));
    assert_eq!(server.asked("model.safetensors").last().unwrap().range.as_deref(), Some("bytes=50000-"));
    harness.get_by_label("org/vit is here");
    assert!(harness.query_by_label("Models from the hub").is_none());
}

#[test]
fn a_hub_that_behaves_badly_is_refused_in_one_line() {
    const ENDLESS: Talk = |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        loop {
            stream.write_all(format!("10000\r\n{}\r\n", " ".repeat(0x10000)).as_bytes())?;
        }
    };
    let server = Server::start(|request, _| match request.path.as_str() {
        path if path.starts_with("/api/models/org/page/") => Reply::new(200, "<html>sign in</html>"),
        path if path.starts_with("/api/models/org/endless/") => {
            let siblings = serde_json::json!([{"rfilename": "config.json", "blobId": "c0"}, {"rfilename": "model.safetensors"}]);
            Reply::new(
                200,
                serde_json::json!({"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": siblings}).to_string(),
            )
        }
        _ => Reply::talk(ENDLESS),
    });
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { endpoint: server.address.clone(), ..Settings::at(folder.path()) };
    for (id, line) in [
        ("org/page", "org/page: the hub's answer cannot be read: it is a web page; expected the hub's list"),
        ("org/endless", "org/endless: config.json is too large for a file of its kind"),
    ] {
        let mut harness = window(settings.clone(), opened());
        search(&mut harness, id);
        harness.get_by_label(&format!("Download {id}")).click();
        until(&mut harness, |harness| harness.query_by_label_contains(line).is_some());
        assert_eq!(chosen(&harness), opened().question.model);
        harness.key_press(Key::Escape);
        harness.run_ok();
        assert_eq!(harness.state().error(), None, "it was seen in the list");
        harness.key_press_modifiers(Modifiers::COMMAND, Key::M);
        until(&mut harness, |harness| harness.query_by_label("Models from the hub").is_some());
        assert!(harness.query_by_label_contains(line).is_none(), "a failure outlives the list that showed it");
        assert!(!folder.path().join(format!("models--{}", id.replace('/', "--"))).exists(), "nothing is left of it");
    }
}

#[test]
fn a_model_that_is_here_is_checked_when_asked() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let body = |path: &str| fs::read(Path::new("tests/fixtures/models/vit").join(path)).unwrap();
    let server = Server::start(move |request, _| match request.path.rsplit('/').next() {
        Some("config.json") => Reply::new(200, body("config.json")),
        Some("model.safetensors") => Reply::new(200, body("model.safetensors")),
        _ => {
            let sha256 = sha256(&body("model.safetensors"));
            let siblings = serde_json::json!([{"rfilename": "config.json", "blobId": "c0"},
                {"rfilename": "model.safetensors", "lfs": {"sha256": sha256}}]);
            Reply::new(200, serde_json::json!({"sha": commit, "siblings": siblings}).to_string())
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { endpoint: server.address.clone(), ..Settings::at(folder.path()) };
    tokenscope::hub::Hub::new(settings.clone()).download("org/vit", &Default::default(), &|_| Ok(())).unwrap();
    let weights = folder.path().join("models--org--vit/blobs").join(sha256(&body("model.safetensors")));
    fs::write(&weights, vec![0; body("model.safetensors").len()]).unwrap();
    let mut harness = window(settings, opened());
    harness.get_by_label("Check org/vit").click();
    until(&mut harness, |harness| harness.query_by_label_contains("org/vit is here; note: ").is_some());
    harness.get_by_label_contains("model.safetensors of org/vit was damaged on this disk, and was fetched again");
    assert_eq!(fs::read(&weights).unwrap(), body("model.safetensors"));
    assert_eq!(chosen(&harness), Some(ModelRef::Hub("org/vit".to_owned())));
}

#[test]
fn a_download_that_fails_while_the_list_is_closed_is_told_in_the_window() {
    let is_closed = Arc::new(AtomicBool::new(false));
    let waits = is_closed.clone();
    let server = Server::start(move |_, _| {
        while !waits.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        Reply::new(200, "<html>sign in</html>")
    });
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { endpoint: server.address.clone(), ..Settings::at(folder.path()) };
    let mut harness = window(settings, opened());
    search(&mut harness, "org/page");
    harness.get_by_label("Download org/page").click();
    harness.run_ok();
    harness.key_press(Key::Escape);
    harness.run_ok();
    is_closed.store(true, Ordering::Relaxed);
    until(&mut harness, |harness| harness.state().error().is_some());
    assert!(harness.state().error().unwrap().to_string().contains("it is a web page"));
    assert_eq!(chosen(&harness), opened().question.model);
}
