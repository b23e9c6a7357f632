//! Hubs that behave badly, one way each: the one line that comes of it, and what is left on the disk. With `--nocapture` each way
//! also prints a row of a table: the bytes on the disk at the height and at the end, the time, and the line.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::server::Talk;
use super::*;

/// What may be left in the model's folder after a refusal.
#[derive(Clone, Copy, PartialEq)]
enum Left {
    Nothing,
    /// The configuration, which is whole.
    Config,
    /// The configuration, and the beginning of the weights, to be continued.
    Part,
}
use Left::{Config, Nothing, Part};

/// Runs a download that has to be refused; `way` names it in the table.
fn refused(way: &str, server: &Server, left: Left, words: &[&str]) -> User {
    let mut user = User::of(server);
    let second = Duration::from_secs(1);
    user.settings.patience = Patience { connect: second, stall: second, pause: Duration::from_millis(5), tries: 1 };
    refused_for(way, &user, left, words);
    user
}

fn refused_for(way: &str, user: &User, left: Left, words: &[&str]) {
    let (started, is_over, height) = (Instant::now(), AtomicBool::new(false), AtomicU64::new(0));
    let (line, took) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                height.fetch_max(user.files().iter().map(|(_, bytes)| bytes).sum(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let line = user.is_refused(words);
        is_over.store(true, Ordering::Relaxed);
        (line, started.elapsed().as_secs_f64())
    });
    let files = user.files();
    let bytes: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    println!("| {way} | {} | {bytes} | {took:.1} s | {line} |", height.load(Ordering::Relaxed).max(bytes));
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let (config, weights) = (git_id(&model("config.json")), sha256(&model("model.safetensors")));
    let (blob, link) = (format!("blobs/{config}"), format!("snapshots/{COMMIT}/config.json"));
    let part = format!("blobs/{weights}.incomplete");
    let right = match left {
        Nothing => vec![],
        Config => vec![blob.as_str(), &link],
        Part => vec![blob.as_str(), &part, &link],
    };
    let sorted = |mut names: Vec<&str>| -> Vec<String> {
        names.sort_unstable();
        names.into_iter().map(str::to_owned).collect()
    };
    assert_eq!(sorted(names), sorted(right), "{way}");
    assert!(left != Nothing || !user.path("").exists(), "{way}: empty folders are left");
}

/// A hub that answers the question about the model so.
fn listed(reply: impl Fn() -> Reply + Send + 'static) -> Server {
    Server::start(move |request, _| if request.path.starts_with("/api/") { reply() } else { Reply::new(404, "") })
}

/// A hub that lists these siblings, and answers for every file so.
fn files(siblings: serde_json::Value, mut reply: impl FnMut(&Request, usize) -> Reply + Send + 'static) -> Server {
    Server::start(move |request, count| {
        let is_list = request.path.starts_with("/api/");
        if is_list { Reply::new(200, json!({"sha": COMMIT, "siblings": siblings}).to_string()) } else { reply(request, count) }
    })
}

/// As [`files`], of a configuration whose length and checksum the hub does not say, only a name of its content.
fn vague(reply: impl FnMut(&Request, usize) -> Reply + Send + 'static) -> Server {
    files(json!([{"rfilename": "config.json", "blobId": "c0"}, {"rfilename": "model.safetensors", "blobId": "c1"}]), reply)
}

const ENDLESS: Talk = |stream| {
    stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    loop {
        stream.write_all(format!("10000\r\n{}\r\n", " ".repeat(0x10000)).as_bytes())?;
    }
};

/// Writes a beginning and then a letter or two now and then.
fn drip(stream: &mut TcpStream, head: &str, drop: &str) -> std::io::Result<()> {
    stream.write_all(head.as_bytes())?;
    for _ in 0..600 {
        std::thread::sleep(Duration::from_millis(50));
        stream.write_all(drop.as_bytes())?;
    }
    Ok(())
}

#[test]
fn lists_of_files_that_are_none() {
    let json = |value: serde_json::Value| listed(move || Reply::new(200, value.to_string()));
    let list = "; expected the hub's list of the model's files; ";
    let page = || listed(|| Reply::new(200, "<!doctype html>").with("Content-Type", "text/html; charset=utf-8"));
    refused("list: a web page of a portal", &page(), Nothing, &["it is a web page", list, "sign in"]);
    let endless = listed(|| Reply::talk(ENDLESS));
    refused("list: without end", &endless, Nothing, &["longer than 67108864 bytes", list]);
    let half = || Reply::new(200, listing("c0", b"x").body[..100].to_vec());
    refused("list: truncated", &listed(half), Nothing, &["cannot be read (EOF", list]);
    let deep = listed(|| Reply::new(200, format!(r#"{{"sha": "{COMMIT}", "gated": {}"#, "[".repeat(5_000_000))));
    refused("list: brackets 5,000,000 deep", &deep, Nothing, &["recursion limit", list]);
    refused("list: of another type", &json(json!({"sha": [1], "siblings": 7})), Nothing, &["invalid type", list]);
    refused("list: the commit is no hex", &json(json!({"sha": "../../x"})), Nothing, &[r#"commit "../../x""#, "40 hexa"]);
    let twice = json!([{"rfilename": "config.json", "size": 2}, {"rfilename": "config.json", "size": 3}]);
    refused("list: one name twice", &json(json!({"sha": COMMIT, "siblings": twice})), Nothing, &["config.json twice", list]);
    let bomb = || Reply::new(200, [0x1f, 0x8b, 8]).with("Content-Encoding", "gzip");
    refused("list: packed by gzip", &listed(bomb), Nothing, &["packed (gzip)", list]);
    let around = || listed(|| Reply::new(302, "").with("Location", "/api/again"));
    refused("list: redirects without end", &around(), Nothing, &["another address more than 8 times", "HF_ENDPOINT"]);
    let file = listed(|| Reply::new(302, "").with("Location", "file:///etc/passwd"));
    refused("list: a redirect to file://", &file, Nothing, &["file:///etc/passwd", "no address of a server", "HF_ENDPOINT"]);
    let mail = listed(|| Reply::talk(|stream| stream.write_all(b"220 mail.example ESMTP\r\n")));
    refused("list: no HTTP at all", &mail, Nothing, &["does not answer as a hub does", list]);
    let later = listed(|| Reply::new(503, "").with("Retry-After", "3600"));
    refused("list: 503, come back in an hour", &later, Nothing, &["503, and asks to wait 3600 s", "try again"]);
    assert_eq!(later.seen().len(), 1, "it is not asked again before that");
    let date = listed(|| Reply::new(429, "").with("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"));
    refused("list: 429, with a date", &date, Nothing, &["(429)", "wait some minutes"]);
}

#[test]
fn files_that_are_not_what_was_announced() {
    let endless = vague(|_, _| Reply::talk(ENDLESS));
    refused("config.json without end", &endless, Nothing, &["config.json is too large", "no more than 4194304 bytes"]);
    let weights = vague(|request, _| match request.path.ends_with("config.json") {
        true => Reply::new(200, "{}"),
        false => Reply::talk(ENDLESS),
    });
    let user = User::of(&weights);
    user.is_refused(&["does not say how long model.safetensors is", "a Content-Length"]);
    assert_eq!(user.files().iter().filter(|(name, _)| name.starts_with("blobs/")).count(), 1, "{:?}", user.files());
    let page = vague(|_, _| Reply::new(200, "Welcome to the hotel"));
    refused("a page in place of config.json", &page, Nothing, &["no JSON", "expected JSON", "sign in"]);

    let config = model("config.json");
    let mut wrong = config.clone();
    wrong[9] ^= 1;
    let siblings = json!([{"rfilename": "config.json", "size": config.len(), "blobId": git_id(&config)},
        {"rfilename": "model.safetensors", "size": 9}]);
    let sha1 = files(siblings.clone(), move |_, _| Reply::new(200, wrong.clone()));
    refused("config.json with another SHA-1", &sha1, Nothing, &["SHA-1 differs", "deleted", "try again"]);
    let short = files(siblings, |_, _| Reply::new(200, "{}"));
    refused("a Content-Length below the list's", &short, Nothing, &["sends less of config.json", "2 bytes"]);
    let huge = hub(|_, _| Reply { cut: Some(5), ..Reply::new(200, [0; 9]).with("Content-Length", "99999999999") });
    refused("a Content-Length beyond the list's", &huge, Config, &["sends more of model.safetensors", "99999999999 bytes"]);
    let chunks = hub(|_, _| Reply::talk(ENDLESS));
    refused("weights in chunks without end", &chunks, Config, &["sends more of model.safetensors", "try again later"]);
    let cut = hub(|_, _| Reply { cut: Some(20_000), ..Reply::new(200, model("model.safetensors")) });
    refused("cut at one place again and again", &cut, Part, &["broke off", "the connection was cut", "is kept"]);
    let range = hub(|_, _| Reply::new(206, [0; 50]).with("Content-Range", "bytes 7-56/57"));
    refused("206 with another range", &range, Config, &["broke off", "another range"]);
    refused("416 for every range", &hub(|_, _| Reply::new(416, "")), Config, &["broke off", "no such range"]);
    let packed = hub(|_, _| Reply::new(200, vec![0x1f; 99]).with("Content-Encoding", "gzip"));
    refused("weights packed by gzip", &packed, Config, &["packed (gzip)", "expected model.safetensors"]);
    let html = hub(|_, _| Reply::new(200, "<html>sign in</html>").with("Content-Type", "text/html"));
    refused("a sign-in page in place of weights", &html, Config, &["it is a web page", "sign in"]);
    let gone = hub(|_, _| Reply::new(404, "").with("X-Error-Code", "EntryNotFound"));
    refused("404 for a file of the list", &gone, Config, &["a file that its list names is not there", "try again"]);
}

#[test]
fn servers_that_take_their_time() {
    let silent = listed(|| {
        Reply::talk(|_| {
            std::thread::sleep(Duration::from_secs(20));
            Ok(())
        })
    });
    refused("never answers", &silent, Nothing, &["does not answer", "check the network"]);
    let head = listed(|| Reply::talk(|stream| drip(stream, "HTTP/1.1 200 OK\r\n", "X-A: b\r\n")));
    refused("headers drop by drop", &head, Nothing, &["does not answer", "check the network"]);
    let body = hub(|_, _| Reply::talk(|stream| drip(stream, "HTTP/1.1 200 OK\r\nContent-Length: 86388\r\n\r\n", "x")));
    refused("weights drop by drop", &body, Part, &["broke off (only ", " bytes came in 1 s", "is kept"]);
    let stops = hub(|_, _| Reply { stall: Some(100), ..Reply::new(200, model("model.safetensors")) });
    refused("weights that stop coming", &stops, Part, &["broke off", "is kept"]);
}

#[test]
fn the_command_line_says_the_same_line() {
    let endless = vague(|_, _| Reply::talk(ENDLESS));
    let page = listed(|| Reply::new(200, "<html>sign in</html>"));
    for server in [vague(|_, _| Reply::new(200, "no JSON")), endless, page] {
        let said = refused("", &server, Nothing, &[]);
        let (desk, user) = (Desk::new(), User::of(&server));
        let mut command = desk.command("download org/vit");
        command.env("HF_HUB_CACHE", user.folder.path()).env("HF_ENDPOINT", &server.address).env("HF_HUB_OFFLINE", "0");
        let ran = Ran::new("download", command.output().unwrap()).refused(&["; expected "]);
        let line = ran.stderr.lines().next().unwrap();
        // How much had come by the time is left to chance.
        let without_digits = |line: &str| line.replace(|c: char| c.is_ascii_digit(), "");
        assert_eq!(without_digits(line), without_digits(&format!("tokenscope: {}", said.download().unwrap_err())));
        assert_eq!(user.files(), []);
    }
}

#[test]
fn a_server_that_never_answers_is_left_at_once() {
    let server = listed(|| {
        Reply::talk(|_| {
            std::thread::sleep(Duration::from_secs(30));
            Ok(())
        })
    });
    let mut user = User::of(&server);
    user.settings.patience = Patience::default();
    let (transfer, settings) = (Transfer::default(), user.settings.clone());
    let watched = transfer.clone();
    let download = std::thread::spawn(move || Hub::new(settings).download("org/vit", &watched, &|_| Ok(())));
    let started = Instant::now();
    while server.seen().is_empty() {
        assert!(started.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(5));
    }
    transfer.cancel.cancel();
    // Nothing but the switch ends it so: the server's silence would be a refusal.
    assert_eq!(download.join().unwrap(), Err(Error::Cancelled));
    assert!(!user.path("").exists());
}
