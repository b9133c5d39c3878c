//! Readers who post, or ask for recommendations: each waits for its answer before it sends the next, on a connection that stays open.

use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::batch::Batches;

/// What Chromium on Android sends with a POST, and what Cloudflare adds.
const HEADERS: [(&str, &str); 15] = [
    ("host", "pulso.example"),
    ("accept", "*/*"),
    ("accept-encoding", "gzip, br"),
    ("accept-language", "pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7"),
    ("cf-ipcountry", "BR"),
    ("cf-ray", "9a3c1d5e7f90a1b2-GRU"),
    ("cf-visitor", "{\"scheme\":\"https\"}"),
    ("origin", "https://g1.example"),
    ("referer", "https://g1.example/"),
    ("sec-ch-ua-mobile", "?1"),
    ("sec-fetch-dest", "empty"),
    ("sec-fetch-mode", "cors"),
    ("sec-fetch-site", "cross-site"),
    ("user-agent", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36"),
    ("x-bench-cf", "{\"country\":\"BR\",\"regionCode\":\"SP\",\"asn\":28573,\"colo\":\"GRU\",\"clientAcceptEncoding\":\"gzip, br\"}"),
];

/// What is sent.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// `POST /pageview` with a batch.
    Batches(Batches),
    /// `GET` of one of these paths, by turns.
    Paths(Vec<String>),
}

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Pageviews of batches that were answered with 202.
    pub acknowledged: HashSet<String>,
    /// How long each answer took, microseconds.
    pub latencies_us: Vec<u32>,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Post<'a> {
    pub method: Method,
    pub path: &'a str,
    /// Instead of those of a reader who posts, or besides them.
    pub headers: &'a [(&'a str, &'a str)],
    pub body: Vec<u8>,
}

/// A connection that stays open.
pub(crate) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    /// To a worker.
    pub(crate) async fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// The status and body of the answer. A header with an empty value is left out.
    pub(crate) async fn ask(&mut self, post: Post<'_>) -> Result<(u16, Bytes)> {
        let mut request = Request::builder().method(post.method).uri(post.path);
        let is_own = |name: &str| post.headers.iter().any(|(own, _)| *own == name);
        let usual = HEADERS.iter().filter(|(name, _)| !is_own(name));
        for (name, value) in usual.chain(post.headers).filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        self.0.ready().await?;
        let answer = self.0.send_request(request.body(Full::new(post.body.into()))?).await?;
        let status = answer.status().as_u16();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }
}

/// So many requests, numbered from `first`, over these connections, which come back.
pub(crate) async fn send(connections: Vec<Connection>, wanted: &Rc<Wanted>, first: u64, count: u64) -> Result<(Answers, Vec<Connection>)> {
    let next = Rc::new(Cell::new(first));
    let readers = LocalSet::new();
    let mut running = Vec::new();
    for connection in connections {
        let (next, wanted) = (Rc::clone(&next), Rc::clone(wanted));
        running.push(readers.spawn_local(async move { read(connection, &wanted, &next, first + count).await }));
    }
    let mut all = Answers::default();
    let mut connections = Vec::new();
    readers.await;
    for reader in running {
        let (answers, connection) = reader.await.context("a reader panicked")??;
        for (status, count) in answers.statuses {
            *all.statuses.entry(status).or_default() += count;
        }
        all.acknowledged.extend(answers.acknowledged);
        all.latencies_us.extend(answers.latencies_us);
        connections.push(connection);
    }
    ensure!(u64::try_from(all.latencies_us.len())? == count, "{} of {count} requests were answered", all.latencies_us.len());
    Ok((all, connections))
}

/// One reader's connection. Every request comes from another address, as those of a portal do.
async fn read(mut connection: Connection, wanted: &Wanted, next: &Cell<u64>, end: u64) -> Result<(Answers, Connection)> {
    let mut answers = Answers::default();
    while next.get() < end {
        let nth = next.replace(next.get() + 1);
        let address = format!("{}.{}.{}.{}", 11 + nth % 100, (nth >> 16) & 255, (nth >> 8) & 255, nth & 255);
        let address = ("cf-connecting-ip", address.as_str());
        let (post, pageview) = match wanted {
            Wanted::Batches(batches) => {
                let (body, pageview) = batches.body(nth);
                (
                    Post {
                        method: Method::POST,
                        path: "/pageview",
                        headers: &[address, ("content-type", "text/plain;charset=UTF-8")],
                        body,
                    },
                    Some(pageview),
                )
            }
            Wanted::Paths(paths) => {
                let at = usize::try_from(nth)? % paths.len().max(1);
                let path = paths.get(at).map_or("/", String::as_str);
                (Post { method: Method::GET, path, headers: &[address], body: Vec::new() }, None)
            }
        };
        let begun = Instant::now();
        let (status, _) = connection.ask(post).await?;
        answers.latencies_us.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
        *answers.statuses.entry(status).or_default() += 1;
        answers.acknowledged.extend(pageview.filter(|_| status == 202));
    }
    Ok((answers, connection))
}
