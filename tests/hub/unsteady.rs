//! Servers and caches that are not what they were a moment ago, or not what they claim to be.

use super::*;

#[test]
fn what_cannot_be_checked_is_not_continued() {
    let server = hub_with_id("c0ffee", |request, _| ranged(request, &model("model.safetensors")));
    let user = User::of(&server);
    fs::create_dir_all(user.path("blobs")).unwrap();
    fs::write(user.path("blobs/c0ffee.incomplete"), [b' '; 20]).unwrap();
    fs::write(user.partial(), &model("model.safetensors")[..20]).unwrap();
    user.succeeds();
    let range = |file: &str| server.asked(file).into_iter().map(|r| r.range).collect::<Vec<_>>();
    assert_eq!(range("config.json"), [None], "its content has a name that says nothing about it");
    assert_eq!(range("model.safetensors"), [Some("bytes=20-".to_owned())]);
}

#[test]
fn bytes_after_a_restart_are_progress() {
    let bytes = model("model.safetensors");
    let server = hub(move |request, count| match count {
        0 => Reply::new(416, ""),
        1..6 => Reply { cut: Some(10_000), ..ranged(request, &bytes) },
        _ => ranged(request, &bytes),
    });
    let user = User::of(&server);
    fs::create_dir_all(user.path("blobs")).unwrap();
    fs::write(user.partial(), &model("model.safetensors")[..60_000]).unwrap();
    user.succeeds();
    assert_eq!(server.asked("model.safetensors").len(), 7);
}

#[test]
fn a_server_that_never_comes_further_is_given_up() {
    let bytes = model("model.safetensors");
    let cut = |count| Some(if count % 2 == 0 { 20_000 } else { 10_000 });
    let server = hub(move |_, count| Reply { cut: cut(count), ..Reply::new(200, bytes.clone()) });
    User::of(&server).is_refused(&["broke off"]);
    assert!(server.asked("model.safetensors").len() <= 12);
}

#[test]
fn a_signature_that_expired_is_asked_for_again() {
    let bytes = model("model.safetensors");
    let cdn = Server::start(move |request, _| match request.path.as_str() {
        "/blob?signature=0" => Reply::new(403, "<Code>AccessDenied</Code>"),
        _ => ranged(request, &bytes),
    });
    let address = cdn.address.clone();
    let leading = |address: String| {
        move |_: &Request, count: usize| Reply::new(302, "").with("Location", format!("{address}/blob?signature={count}"))
    };
    let server = hub(leading(address));
    User::of(&server).succeeds();
    assert_eq!((server.asked("model.safetensors").len(), cdn.seen().len()), (2, 2));

    let closed = Server::start(|_, _| Reply::new(403, ""));
    let user = User::with_token(&hub(leading(closed.address.clone())));
    user.is_refused(&["org/vit", "broke off", "127.0.0.1, where the file lies, answers 403", "try again"]);
    assert_eq!(closed.seen().len(), 4);
}

#[test]
fn a_refusal_without_a_token_speaks_of_none_that_was_sent() {
    let server = hub(|_, _| Reply::new(403, ""));
    let mut user = User::of(&server);
    user.is_refused(&["org/vit: the hub lets nobody read it without a token", "set HF_TOKEN"]);
    user.settings.withholds_token = true;
    user.is_refused(&["unset HF_HUB_DISABLE_IMPLICIT_TOKEN and set HF_TOKEN"]);
}

#[test]
fn an_index_that_is_too_large_is_not_read() {
    let (large, listed) = ((12 << 20) + 1, "model.safetensors.index.json");
    let hub = move |size: Option<usize>| {
        Server::start(move |request, _| match request.path.as_str() {
            path if path.starts_with("/api/") => {
                let siblings = json!([{"rfilename": "config.json", "size": 2, "blobId": "c0"},
                    {"rfilename": listed, "size": size, "blobId": "1dea"}]);
                Reply::new(200, json!({"sha": COMMIT, "siblings": siblings}).to_string())
            }
            path if path.ends_with(listed) => Reply::new(200, vec![b' '; large]),
            _ => Reply::new(200, "{}"),
        })
    };
    let words = ["org/vit", listed, "too large for an index", "12582913 bytes"];
    let server = hub(Some(large));
    User::of(&server).is_refused(&words);
    assert_eq!(server.asked(listed), [], "what is announced as too large is not asked for");

    let server = hub(None);
    let user = User::of(&server);
    user.is_refused(&words);
    assert!(!user.path("blobs/1dea.incomplete").exists(), "nothing is left of it");
    assert_eq!(server.asked(listed).len(), 1);
    fs::File::create(user.path("blobs/1dea")).unwrap().set_len(large as u64).unwrap();
    user.is_refused(&words);
    assert_eq!(server.asked(listed).len(), 1, "it is there, from another program");
}
