//! A small hub on this machine: the answers of the real one, and its ways to fail. Each server is a thread with a port.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub authorization: Option<String>,
    pub range: Option<String>,
}

/// What is sent back.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Bytes of the body after which the connection is cut.
    pub cut: Option<usize>,
    /// Bytes of the body after which nothing more comes.
    pub stall: Option<usize>,
    /// Takes the place of everything else: what is written until whoever asked has gone.
    pub talk: Option<Talk>,
}

/// Writes an answer by itself, head included.
pub type Talk = fn(&mut TcpStream) -> std::io::Result<()>;

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    /// An answer that is no HTTP, or HTTP that no library would send.
    pub fn talk(talk: Talk) -> Self {
        Self { talk: Some(talk), ..Self::default() }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

type Answering = dyn FnMut(&Request, usize) -> Reply + Send;

/// A server that lives as long as the test's process.
pub struct Server {
    pub address: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// `answer` gets a request and how many there were for its path before.
    pub fn start(answer: impl FnMut(&Request, usize) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer): (_, Arc<Mutex<Box<Answering>>>) = (seen.clone(), Arc::new(Mutex::new(Box::new(answer))));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, answer) = (log.clone(), answer.clone());
                std::thread::spawn(move || serve(&stream.unwrap(), &log, &answer));
            }
        });
        Self { address, seen }
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// Requests whose path ends so.
    pub fn asked(&self, end: &str) -> Vec<Request> {
        self.seen().into_iter().filter(|request| request.path.ends_with(end)).collect()
    }
}

fn serve(stream: &TcpStream, log: &Mutex<Vec<Request>>, answer: &Mutex<Box<Answering>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    while let Some(Ok(first)) = lines.next() {
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let headers = lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty());
        let headers: HashMap<String, String> =
            headers.filter_map(|line| line.split_once(": ").map(|(k, v)| (k.to_lowercase(), v.to_owned()))).collect();
        let header = |name: &str| headers.get(name).cloned();
        let request = Request { method, path, authorization: header("authorization"), range: header("range") };
        let count = log.lock().unwrap().iter().filter(|r| r.path == request.path && r.method == request.method).count();
        log.lock().unwrap().push(request.clone());
        let reply = answer.lock().unwrap()(&request, count);
        if !send(stream, &request, &reply) {
            return;
        }
    }
}

/// Whether the connection can be used again. Whoever asked may have gone in the meantime.
fn send(mut stream: &TcpStream, request: &Request, reply: &Reply) -> bool {
    if let Some(talk) = reply.talk {
        // An error is a listener who has gone.
        drop(talk(&mut stream.try_clone().unwrap()));
        return false;
    }
    let mut head = format!("HTTP/1.1 {} Some Reason\r\n", reply.status);
    if !reply.headers.iter().any(|(name, _)| name == "Content-Length") {
        head += &format!("Content-Length: {}\r\n", reply.body.len());
    }
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    if stream.write_all(format!("{head}\r\n").as_bytes()).is_err() || request.method == "HEAD" {
        return request.method == "HEAD";
    }
    let sent = reply.cut.or(reply.stall).unwrap_or(reply.body.len());
    let is_whole = stream.write_all(&reply.body[..sent]).is_ok() && sent == reply.body.len();
    if reply.stall.is_some() {
        std::thread::sleep(Duration::from_secs(30));
    }
    is_whole
}

/// The bytes that a request asks for: 206 with a range, else all of them.
pub fn ranged(request: &Request, body: &[u8]) -> Reply {
    let start = request.range.as_ref().and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    match start {
        None => Reply::new(200, body),
        Some(start) if start >= body.len() => Reply::new(416, ""),
        Some(start) => {
            let range = format!("bytes {start}-{}/{}", body.len() - 1, body.len());
            Reply::new(206, &body[start..]).with("Content-Range", range)
        }
    }
}
