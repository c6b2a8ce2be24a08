//! Clients, on hyper: so many connections, each asking again as soon as it has its answer, for so
//! long.

use std::mem;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The request.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) body: Bytes,
}

/// The outcome of a run.
pub(crate) struct Sample {
    /// Of each answer, from the question to its last byte.
    pub(crate) latencies: Vec<Duration>,
    /// Of each answer that is a stream, from the question to its first token.
    pub(crate) firsts: Vec<Duration>,
    pub(crate) elapsed: Duration,
}

/// Asks once and gives the answer's text: to see that it is the right one.
pub(crate) async fn ask(address: &str, question: &Question) -> Result<String> {
    let mut client = connect(address).await?;
    Ok(String::from_utf8(client.ask(question).await?)?)
}

/// Connections to one server, kept from run to run.
pub(crate) struct Clients(Vec<Client>);

impl Clients {
    pub(crate) async fn connect(address: &str, connections: usize) -> Result<Self> {
        let mut clients = Vec::new();
        for _ in 0..connections {
            clients.push(connect(address).await?);
        }
        Ok(Self(clients))
    }

    /// Asks over all of them for so long, these questions in turn. An answer that isn't a 200, or
    /// not as long as the first one was, ends the run: its time would mean nothing.
    pub(crate) async fn run(&mut self, questions: &[Question], time: Duration) -> Result<Sample> {
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for (number, mut client) in mem::take(&mut self.0).into_iter().enumerate() {
            let questions = questions.to_vec();
            tasks.spawn(async move {
                let (mut latencies, mut firsts) = (Vec::new(), Vec::new());
                // Not all at the same question.
                for question in questions.iter().cycle().skip(number % questions.len()) {
                    if time <= start.elapsed() {
                        break;
                    }
                    let asked = Instant::now();
                    let first = client.measure(question).await?;
                    latencies.push(asked.elapsed());
                    firsts.extend(first.map(|first| first - asked));
                }
                anyhow::Ok((client, latencies, firsts))
            });
        }
        let mut sample =
            Sample { latencies: Vec::new(), firsts: Vec::new(), elapsed: Duration::ZERO };
        while let Some(task) = tasks.join_next().await {
            let (client, latencies, firsts) = task??;
            self.0.push(client);
            sample.latencies.extend(latencies);
            sample.firsts.extend(firsts);
        }
        sample.elapsed = start.elapsed();
        Ok(sample)
    }
}

/// One connection.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    /// The length of the answer, once there was one.
    length: Option<usize>,
}

/// Opens a connection.
pub(crate) async fn connect(address: &str) -> Result<Client> {
    let stream =
        TcpStream::connect(address).await.with_context(|| format!("{address} can't be reached"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the sender.
    tokio::spawn(connection);
    Ok(Client { sender, host: address.to_owned(), length: None })
}

impl Client {
    /// Asks, and gives the answer's body.
    pub(crate) async fn ask(&mut self, question: &Question) -> Result<Vec<u8>> {
        let response = self.begin(question).await?;
        Ok(response.collect().await?.to_bytes().to_vec())
    }

    /// Asks, and gives the answer's body as it comes, after its status has been looked at.
    pub(crate) async fn begin(&mut self, question: &Question) -> Result<Incoming> {
        let request = Request::builder()
            .method(&question.method)
            .uri(question.path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(question.body.clone()))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        if status != 200 {
            let body = response.collect().await?.to_bytes();
            anyhow::bail!(
                "{} was answered {status}: {}",
                question.path,
                String::from_utf8_lossy(&body)
            );
        }
        Ok(response.into_body())
    }

    /// Asks, and tells when the first token came. The answer is only counted: so the client is
    /// quick.
    async fn measure(&mut self, question: &Question) -> Result<Option<Instant>> {
        let mut body = self.begin(question).await?;
        let (mut first, mut length) = (None, 0);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            length += data.len();
            if first.is_none() && is_token(&data) {
                first = Some(Instant::now());
            }
        }
        let expected = *self.length.get_or_insert(length);
        ensure!(
            length == expected,
            "{}: an answer of {length} bytes after one of {expected}",
            question.path
        );
        Ok(first)
    }
}

/// Returns true if a piece of a stream has a token in it: what a delta is called in Arete's events
/// and in the vendor's.
pub(crate) fn is_token(data: &[u8]) -> bool {
    [&b"event: delta"[..], b"event: content_block_delta"]
        .iter()
        .any(|name| data.windows(name.len()).any(|part| part == *name))
}
