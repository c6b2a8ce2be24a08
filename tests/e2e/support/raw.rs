//! A client that no HTTP library would be: it sends what it likes, stops in the middle, and hangs
//! up.

use std::io;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{App, within};

/// A connection to the server, byte by byte.
pub struct Raw {
    stream: TcpStream,
    /// What was read and not used yet.
    pending: Vec<u8>,
}

impl Raw {
    pub async fn connect(app: &App) -> Self {
        let stream = within("a connection", TcpStream::connect(app.address()))
            .await
            .expect("the server listens");
        stream.set_nodelay(true).expect("a connection can be told not to wait");
        Self { stream, pending: Vec::new() }
    }

    /// Connects and asks a question; the answer isn't waited for.
    pub async fn chat(app: &App, body: &Value) -> Self {
        let mut raw = Self::connect(app).await;
        raw.send(post("/api/llm/chat", &body.to_string())).await;
        raw
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.expect("the server takes what is sent");
    }

    /// Sends, or finds that the server has closed the connection.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        within("the server to read", self.stream.write_all(bytes.as_ref())).await
    }

    /// Reads up to the end of this text, and returns all of it.
    pub async fn until(&mut self, text: &str) -> String {
        within(&format!("{text:?}"), async {
            loop {
                let found =
                    self.pending.windows(text.len()).position(|window| window == text.as_bytes());
                if let Some(start) = found {
                    let read: Vec<u8> = self.pending.drain(..start + text.len()).collect();
                    return String::from_utf8_lossy(&read).into_owned();
                }
                if self.read().await.expect("the connection holds") == 0 {
                    panic!(
                        "the connection ended before {text:?}: {:?}",
                        String::from_utf8_lossy(&self.pending)
                    );
                }
            }
        })
        .await
    }

    /// The status and the head of the next answer.
    pub async fn head(&mut self) -> (u16, String) {
        let head = self.until("\r\n\r\n").await;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("no status in {head:?}")), head)
    }

    /// The next answer, if it has a `content-length`.
    pub async fn answer(&mut self) -> (u16, String, String) {
        let (status, head) = self.head().await;
        let lower = head.to_ascii_lowercase();
        let length = lower
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
        let length: usize = length.unwrap_or_else(|| panic!("no length in {head:?}"));
        within("the body", async {
            while self.pending.len() < length {
                assert_ne!(self.read().await.expect("the connection holds"), 0, "the body is cut");
            }
        })
        .await;
        let body: Vec<u8> = self.pending.drain(..length).collect();
        (status, head, String::from_utf8_lossy(&body).into_owned())
    }

    /// Reads until at least so many bytes have come in all, or the connection ends.
    pub async fn at_least(&mut self, bytes: usize) {
        within("some bytes", async {
            while self.pending.len() < bytes && !matches!(self.read().await, Ok(0) | Err(_)) {}
        })
        .await;
    }

    /// Everything up to the end of the connection, however it ends.
    pub async fn rest(&mut self) -> String {
        within("the end of the connection", async {
            while !matches!(self.read().await, Ok(0) | Err(_)) {}
        })
        .await;
        String::from_utf8_lossy(&std::mem::take(&mut self.pending)).into_owned()
    }

    /// Hangs up: a clean end (FIN), as of a client that was closed.
    pub fn hang_up(self) {
        drop(self);
    }

    /// Hangs up rudely: a reset (RST), as of a client that crashed.
    pub fn reset(self) {
        self.stream.set_zero_linger().expect("a connection can be told to reset");
        drop(self);
    }

    async fn read(&mut self) -> io::Result<usize> {
        self.stream.read_buf(&mut self.pending).await
    }
}

/// A request with a JSON body.
pub fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
