//! Clients: so many connections, each asking again as soon as it has its answer, for so long.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What is asked: the same each time.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) body: Bytes,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Sample {
    pub(crate) latencies: Vec<Duration>,
    pub(crate) elapsed: Duration,
    pub(crate) cpu: Option<Duration>,
}

impl Sample {
    /// Adds another round.
    pub(crate) fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.elapsed += other.elapsed;
        self.cpu = match (self.cpu, other.cpu) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// Processors' time of each request, in microseconds.
    pub(crate) fn cpu_us(&self) -> Option<f64> {
        Some(self.cpu?.as_secs_f64() * 1e6 / self.latencies.len().max(1) as f64)
    }

    /// The latency that this share of requests stayed below, in microseconds.
    pub(crate) fn latency_us(&mut self, share: f64) -> f64 {
        self.latencies.sort_unstable();
        let index = (self.latencies.len() as f64 * share) as usize;
        self.latencies.get(index).or(self.latencies.last()).map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
    }
}

/// Asks once and gives the answer's text: to see that it is the right one.
pub(crate) async fn ask(address: &str, question: &Question) -> Result<String> {
    let body = connect(address).await?.ask(question).await?;
    Ok(String::from_utf8(body)?)
}

/// Asks over so many connections for so long. An answer that isn't a 200 ends the run: its time would mean nothing.
pub(crate) async fn run(address: &str, question: &Question, connections: u32, time: Duration) -> Result<Sample> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(connect(address).await?);
    }
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for mut client in clients {
        let question = question.clone();
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            while start.elapsed() < time {
                let asked = Instant::now();
                client.ask(&question).await?;
                latencies.push(asked.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    let mut sample = Sample::default();
    while let Some(latencies) = tasks.join_next().await {
        sample.latencies.extend(latencies??);
    }
    sample.elapsed = start.elapsed();
    Ok(sample)
}

pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

/// Opens a connection.
pub(crate) async fn connect(address: &str) -> Result<Client> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("{address} can't be reached"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the sender.
    tokio::spawn(connection);
    Ok(Client { sender, host: address.to_owned() })
}

impl Client {
    pub(crate) async fn ask(&mut self, question: &Question) -> Result<Vec<u8>> {
        let request = Request::builder()
            .method(&question.method)
            .uri(question.path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(question.body.clone()))?;
        self.sender.ready().await?;
        let mut response = self.sender.send_request(request).await?;
        let mut body = Vec::new();
        while let Some(frame) = response.body_mut().frame().await {
            if let Ok(data) = frame?.into_data() {
                body.extend_from_slice(&data);
            }
        }
        let status = response.status();
        ensure!(status == 200, "{} was answered {status}: {}", question.path, String::from_utf8_lossy(&body));
        Ok(body)
    }
}
