//! Asking the server. Each request runs on a thread of its own that hands over bytes as they come, so that whoever waits for them
//! can stop waiting at once. Redirects are followed here, because the token must not travel to another host.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use ureq::http::header::{AUTHORIZATION, HeaderMap, LOCATION, RANGE};
use ureq::http::{Response, Uri};
use ureq::{Agent, Body};

use super::settings::{Patience, Settings, Token};
use crate::domain::{Cancel, Error};

const MAX_REDIRECTS: usize = 8;
/// Bytes that are handed over at a time.
const CHUNK: usize = 128 << 10;
/// Chunks that may wait to be written.
const QUEUE: usize = 8;
/// Bytes a second below which a server is given up.
const SLOWEST: u64 = 1 << 10;
/// How often a switch is looked at while nothing comes.
const GLANCE: Duration = Duration::from_millis(50);

/// What a request gave.
pub(super) type Attempt<T> = Result<T, Failure>;

/// Why a request gave less than was asked for.
#[derive(Debug)]
pub(super) enum Failure {
    /// Asking again will not help, or nobody waits any more.
    Final(Error),
    /// The connection broke, or never was: what the system says, and whether a new try may help.
    Broken { why: String, retry: Retry },
    /// What answers is no hub: why it cannot be followed.
    Misled(String),
}

/// Whether a new try may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// It will not.
    No,
    /// It may.
    Soon,
    /// It may, after a time that the server names.
    After(Duration),
    /// It may, but what has come does not count as progress: it came too slowly.
    Slow,
}

impl From<Error> for Failure {
    fn from(err: Error) -> Self {
        Self::Final(err)
    }
}

impl Failure {
    pub(super) fn broken(why: impl Into<String>) -> Self {
        Self::Broken { why: why.into(), retry: Retry::Soon }
    }

    fn for_good(why: impl Into<String>) -> Self {
        Self::Broken { why: why.into(), retry: Retry::No }
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) url: String,
    /// The first byte that is wanted.
    pub(super) start: u64,
    /// Whether only the headers are wanted, and those of the hub itself.
    pub(super) head: bool,
}

/// One who asks a server.
#[derive(Clone, Debug)]
pub(super) struct Client {
    agent: Agent,
    endpoint: String,
    token: Option<Token>,
    patience: Patience,
}

/// An answer whose bytes are still coming.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// The host that answered, where it is not the endpoint's.
    pub(super) elsewhere: Option<String>,
    parts: Receiver<Part>,
    stall: Duration,
    /// Time spent waiting for bytes, and the bytes that came in it.
    pace: (Duration, u64),
}

enum Part {
    Head { status: u16, headers: HeaderMap, elsewhere: Option<String> },
    Bytes(Vec<u8>),
    End,
    Failed(Failure),
}

impl Client {
    pub(super) fn new(settings: &Settings) -> Self {
        let patience = settings.patience;
        let mut config = Agent::config_builder()
            .user_agent(concat!("tokenscope/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(Some(patience.connect))
            .timeout_connect(Some(patience.connect))
            .timeout_recv_response(Some(patience.stall))
            .timeout_per_read(Some(patience.stall));
        if is_this_machine(&settings.endpoint) {
            config = config.proxy(None);
        }
        let (endpoint, token) = (settings.endpoint.clone(), settings.token.clone());
        Self { agent: config.build().new_agent(), endpoint, token, patience }
    }

    /// Asks, and waits for the first line and the headers.
    pub(super) fn ask(&self, ask: Ask, cancel: &Cancel) -> Attempt<Answer> {
        let (sender, parts) = sync_channel(QUEUE);
        let client = self.clone();
        let asking = std::thread::Builder::new().name("tokenscope-hub".to_owned());
        asking
            .spawn(move || client.serve(&ask, &sender))
            .map_err(|err| Error::Internal(format!("no thread for a download: {err}")))?;
        // A connection may take its time before the server does.
        let stall = self.patience.stall + 2 * self.patience.connect;
        match next(&parts, stall, cancel)? {
            Part::Head { status, headers, elsewhere } => {
                Ok(Answer { status, headers, elsewhere, parts, stall: self.patience.stall, pace: Default::default() })
            }
            Part::Failed(failure) => Err(failure),
            Part::Bytes(_) | Part::End => Err(Error::Internal("a body came before its headers".to_owned()).into()),
        }
    }

    /// Runs on the thread of the request; ends when nobody listens any more.
    fn serve(&self, ask: &Ask, sender: &SyncSender<Part>) {
        let done = self.follow(ask).and_then(|(response, elsewhere)| {
            let (head, body) = response.into_parts();
            let head = Part::Head { status: head.status.as_u16(), headers: head.headers, elsewhere };
            // A closed channel is a listener who has gone.
            let is_heard = sender.send(head).is_ok();
            if is_heard && !ask.head { pour(body, sender) } else { Ok(()) }
        });
        drop(sender.send(match done {
            Ok(()) => Part::End,
            Err(failure) => Part::Failed(failure),
        }));
    }

    /// Follows redirects, and says which other host they led to. A token is shown to the endpoint's own host only.
    fn follow(&self, ask: &Ask) -> Attempt<(Response<Body>, Option<String>)> {
        // Not the address itself, which may hold a password.
        let bad = |_| Failure::Misled("that is no address of a server".to_owned());
        let home: Uri = self.endpoint.parse().map_err(bad)?;
        let mut url: Uri = ask.url.parse().map_err(bad)?;
        for _ in 0..MAX_REDIRECTS {
            let mut request = if ask.head { self.agent.head(&url) } else { self.agent.get(&url) };
            if let Some(token) = self.token.as_ref().filter(|_| is_same_host(&url, &home)) {
                request = request.header(AUTHORIZATION, token.header());
            }
            if ask.start > 0 {
                request = request.header(RANGE, format!("bytes={}-", ask.start));
            }
            let response = request.call().map_err(|err| explained(&err))?;
            let target = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            let Some(target) = target.filter(|_| response.status().is_redirection()) else {
                let elsewhere = url.host().filter(|_| !is_same_host(&url, &home)).map(str::to_owned);
                return Ok((response, elsewhere));
            };
            let next = joined(&url, target)
                .ok_or_else(|| Failure::Misled(format!("it leads to {target:?}, which is no address of a server")))?;
            if ask.head && !is_same_host(&next, &home) {
                return Ok((response, None));
            }
            if url.scheme_str() == Some("https") && next.scheme_str() != Some("https") {
                return Err(Failure::Misled(format!("the server leads to {target:?}, which is not encrypted")));
            }
            url = next;
        }
        Err(Failure::Misled(format!("it leads on to another address more than {MAX_REDIRECTS} times")))
    }
}

impl Answer {
    /// The next bytes; `None` at the end.
    pub(super) fn next(&mut self, cancel: &Cancel) -> Attempt<Option<Vec<u8>>> {
        let asked = Instant::now();
        let part = next(&self.parts, self.stall, cancel)?;
        self.pace.0 += asked.elapsed();
        match part {
            Part::Bytes(bytes) => self.check_pace(bytes.len() as u64).map(|()| Some(bytes)),
            Part::End => Ok(None),
            Part::Failed(failure) => Err(failure),
            Part::Head { .. } => Err(Error::Internal("an answer with two heads".to_owned()).into()),
        }
    }

    /// Gives up a server that keeps a connection alive by a few bytes now and then.
    fn check_pace(&mut self, bytes: u64) -> Attempt<()> {
        let (waited, came) = (self.pace.0, self.pace.1 + bytes);
        self.pace.1 = came;
        if waited < self.stall {
            return Ok(());
        }
        self.pace = Default::default();
        if came >= SLOWEST * self.stall.as_secs() {
            return Ok(());
        }
        let why = format!("only {came} bytes came in {} s", waited.as_secs());
        Err(Failure::Broken { why, retry: Retry::Slow })
    }

    /// All bytes of a short answer; `None` if there are more than `limit`, of which no more are read.
    pub(super) fn whole(mut self, limit: usize, cancel: &Cancel) -> Attempt<Option<Vec<u8>>> {
        let mut whole = Vec::new();
        while let Some(bytes) = self.next(cancel)? {
            whole.extend(bytes);
            if whole.len() > limit {
                return Ok(None);
            }
        }
        Ok(Some(whole))
    }

    /// The name of the content in a header, without quotes and the mark of a weak one; empty where there is none.
    pub(super) fn etag(&self, name: &str) -> &str {
        self.header(name).trim_start_matches("W/").trim_matches('"')
    }

    /// A header's text; empty where there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

fn next(parts: &Receiver<Part>, stall: Duration, cancel: &Cancel) -> Attempt<Part> {
    let started = Instant::now();
    loop {
        cancel.check()?;
        match parts.recv_timeout(GLANCE) {
            Ok(part) => return Ok(part),
            Err(RecvTimeoutError::Disconnected) => return Err(Failure::broken("the connection was cut")),
            Err(RecvTimeoutError::Timeout) if started.elapsed() > stall => {
                return Err(Failure::broken(format!("nothing came for {} s", stall.as_secs())));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn pour(body: Body, sender: &SyncSender<Part>) -> Attempt<()> {
    let mut reader = body.into_reader();
    loop {
        let mut bytes = vec![0; CHUNK];
        let count = reader.read(&mut bytes).map_err(|err| cut(&err))?;
        bytes.truncate(count);
        if count == 0 || sender.send(Part::Bytes(bytes)).is_err() {
            return Ok(());
        }
    }
}

fn cut(err: &io::Error) -> Failure {
    match err.kind() {
        io::ErrorKind::UnexpectedEof => Failure::broken("the connection was cut"),
        _ => Failure::broken(err.to_string()),
    }
}

/// No proxy leads to a mirror on this machine.
fn is_this_machine(endpoint: &str) -> bool {
    let endpoint = endpoint.parse::<Uri>().ok();
    endpoint.and_then(|uri| uri.host().map(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host))).unwrap_or(false)
}

/// Scheme, host and port.
fn is_same_host(a: &Uri, b: &Uri) -> bool {
    let port = |uri: &Uri| uri.port_u16().or(if uri.scheme_str() == Some("https") { Some(443) } else { Some(80) });
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    a.scheme() == b.scheme() && host(a) == host(b) && port(a) == port(b)
}

/// The address that a redirect means.
fn joined(from: &Uri, to: &str) -> Option<Uri> {
    let (scheme, host) = (from.scheme_str()?, from.authority()?);
    let whole = match to {
        _ if to.starts_with("//") => format!("{scheme}:{to}"),
        _ if to.starts_with('/') => format!("{scheme}://{host}{to}"),
        _ if to.starts_with("http://") || to.starts_with("https://") => to.to_owned(),
        _ => return None,
    };
    whole.parse().ok()
}

/// What the system says, and whether a new try may help.
fn explained(err: &ureq::Error) -> Failure {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
    match err {
        ureq::Error::HostNotFound => Failure::for_good("there is no such host, or no network"),
        ureq::Error::Timeout(_) => Failure::broken("the server does not answer"),
        ureq::Error::Io(err) => {
            let again = [BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof].contains(&err.kind());
            if again { Failure::broken(err.to_string()) } else { Failure::for_good(err.to_string()) }
        }
        ureq::Error::Protocol(_) | ureq::Error::Http(_) | ureq::Error::LargeResponseHeader(..) => {
            Failure::Misled(err.to_string())
        }
        other => Failure::for_good(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_apart_by_scheme_name_and_port() {
        let uri = |text: &str| text.parse::<Uri>().unwrap();
        let home = uri("https://huggingface.co");
        for (other, same) in [
            ("https://HuggingFace.co:443/a", true),
            ("http://huggingface.co/a", false),
            ("https://huggingface.co:8443", false),
            ("https://cdn.huggingface.co", false),
            ("https://huggingface.co.evil.example", false),
        ] {
            assert_eq!(is_same_host(&uri(other), &home), same, "{other}");
        }
        let from = uri("https://a.b:8/c/d?e");
        assert_eq!(joined(&from, "/x?y"), Some(uri("https://a.b:8/x?y")));
        assert_eq!(joined(&from, "//c.d/x"), Some(uri("https://c.d/x")));
        assert_eq!(joined(&from, "http://c.d/x"), Some(uri("http://c.d/x")));
        assert_eq!(joined(&from, "file:///etc/hosts"), None);
    }
}
