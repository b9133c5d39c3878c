//! One HTTP server for everything that the notifier asks, which can be told to fail.
#![expect(clippy::unwrap_used, reason = "a stand-in that cannot go on ends its test")]

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// What was asked, and what is broken.
#[derive(Debug, Default)]
struct World {
    /// Counts who is given events: one that was ended takes nothing from the next.
    turn: usize,
    events: VecDeque<String>,
    queue: VecDeque<String>,
    answers: Vec<String>,
    published: Vec<BTreeMap<String, String>>,
    posted: Vec<Value>,
    invoked: Vec<Value>,
    deleted: usize,
    headers: BTreeMap<String, BTreeMap<String, String>>,
    is_hook_broken: bool,
    is_sns_broken: bool,
    is_lambda_broken: bool,
}

/// The server; it lives as long as the test.
#[derive(Debug)]
pub(crate) struct StandIn {
    port: u16,
    world: Arc<Mutex<World>>,
}

impl StandIn {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let world = Arc::new(Mutex::new(World::default()));
        let shared = Arc::clone(&world);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let world = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &world));
            }
        });
        Self { port, world }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// The runtime's next events; what it heard before is forgotten.
    pub(crate) fn give(&self, events: &[&str]) {
        let mut world = self.world();
        world.turn += 1;
        world.events = events.iter().map(|event| (*event).to_owned()).collect();
        world.answers.clear();
    }

    pub(crate) fn queue(&self, bodies: &[&str]) {
        self.world().queue = bodies.iter().map(|body| (*body).to_owned()).collect();
    }

    pub(crate) fn answers(&self) -> Vec<String> {
        self.world().answers.clone()
    }

    pub(crate) fn published(&self) -> Vec<BTreeMap<String, String>> {
        self.world().published.clone()
    }

    pub(crate) fn posted(&self) -> Vec<Value> {
        self.world().posted.clone()
    }

    pub(crate) fn invoked(&self) -> Vec<Value> {
        self.world().invoked.clone()
    }

    pub(crate) fn deleted(&self) -> usize {
        self.world().deleted
    }

    /// A header of the last request for a path.
    pub(crate) fn header(&self, path: &str, name: &str) -> Option<String> {
        self.world().headers.get(path)?.get(name).cloned()
    }

    pub(crate) fn break_hook(&self, is_broken: bool) {
        self.world().is_hook_broken = is_broken;
    }

    pub(crate) fn break_sns(&self, is_broken: bool) {
        self.world().is_sns_broken = is_broken;
    }

    pub(crate) fn break_lambda(&self, is_broken: bool) {
        self.world().is_lambda_broken = is_broken;
    }
}

fn serve(stream: TcpStream, world: &Mutex<World>) {
    let mut reader = BufReader::new(stream);
    while let Some((path, headers, body)) = request(&mut reader) {
        world.lock().unwrap().headers.insert(path.clone(), headers.clone());
        let Some((status, answer)) = respond(world, &path, &headers, &body) else { return };
        let more =
            "Lambda-Runtime-Aws-Request-Id: r1\r\nLambda-Runtime-Deadline-Ms: 4102444800000\r\nLambda-Runtime-Invoked-Function-Arn: arn:f";
        let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n{more}\r\n\r\n", answer.len());
        if reader.get_mut().write_all((head + &answer).as_bytes()).is_err() {
            return;
        }
    }
}

type Request = (String, BTreeMap<String, String>, String);

fn request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, headers, String::from_utf8(body).ok()?))
}

fn respond(world: &Mutex<World>, path: &str, headers: &BTreeMap<String, String>, body: &str) -> Option<(u16, String)> {
    if path == "/2018-06-01/runtime/invocation/next" {
        return Some((200, next(world)?));
    }
    let mut world = world.lock().unwrap();
    let fails = |is_broken: bool| Some(if is_broken { (503, "broken".to_owned()) } else { (200, "{}".to_owned()) });
    if path.starts_with("/2018-06-01/runtime/invocation/") {
        world.answers.push(path.rsplit('/').next().unwrap_or_default().to_owned());
        return Some((202, String::new()));
    }
    if path.starts_with("/hook/") {
        if !world.is_hook_broken {
            world.posted.push(serde_json::from_str(body).unwrap());
        }
        return fails(world.is_hook_broken);
    }
    if path.starts_with("/2015-03-31/functions/") {
        if !world.is_lambda_broken {
            world.invoked.push(serde_json::from_str(body).unwrap());
        }
        return fails(world.is_lambda_broken);
    }
    match headers.get("x-amz-target").map(String::as_str) {
        Some("AmazonSQS.ReceiveMessage") => {
            let messages: Vec<_> = world.queue.drain(..).map(|body| json!({ "Body": body, "ReceiptHandle": "h" })).collect();
            Some((200, json!({ "Messages": messages }).to_string()))
        }
        Some("AmazonSQS.DeleteMessage") => {
            world.deleted += 1;
            Some((200, String::new()))
        }
        _ => {
            if !world.is_sns_broken {
                let url = reqwest::Url::parse(&format!("http://form/?{body}")).unwrap();
                world.published.push(url.query_pairs().into_owned().collect());
            }
            fails(world.is_sns_broken)
        }
    }
}

/// The next event; who asks for more waits, as with Lambda, until others are given events.
fn next(world: &Mutex<World>) -> Option<String> {
    let turn = world.lock().unwrap().turn;
    loop {
        let mut world_now = world.lock().unwrap();
        if world_now.turn != turn {
            return None;
        }
        if let Some(event) = world_now.events.pop_front() {
            return Some(event);
        }
        drop(world_now);
        thread::sleep(Duration::from_millis(20));
    }
}
