//! An HTTP client as simple as can be, over a bare socket, so that the tests see every byte of the
//! vendor's.

use std::io;

use mock_vendor::MockVendor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection to the vendor.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    ahead: Vec<u8>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) chunks: Vec<Vec<u8>>,
}

impl Answer {
    pub(crate) fn body(&self) -> String {
        String::from_utf8(self.chunks.concat()).expect("the body is text")
    }
}

impl Client {
    pub(crate) async fn connect(vendor: &MockVendor) -> Self {
        let address = vendor.url().strip_prefix("http://").expect("an http URL");
        Self {
            stream: TcpStream::connect(address).await.expect("the vendor listens"),
            ahead: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the vendor reads");
    }

    pub(crate) async fn post(&mut self, path: &str, body: &str) {
        let length = body.len();
        self.send(
            format!(
                "POST {path} HTTP/1.1\r\nhost: vendor\r\ncontent-length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        )
        .await;
    }

    /// Posts and reads the answer.
    pub(crate) async fn ask(&mut self, path: &str) -> Answer {
        self.post(path, "{}").await;
        self.answer().await
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.until("\r\n\r\n").await;
        let status =
            head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        let mut chunks = Vec::new();
        if head.contains("transfer-encoding: chunked") {
            loop {
                let size = usize::from_str_radix(self.until("\r\n").await.trim_end(), 16)
                    .expect("a chunk's size");
                let mut chunk = self.exactly(size + 2).await;
                assert_eq!(chunk.split_off(size), b"\r\n");
                if size == 0 {
                    break;
                }
                chunks.push(chunk);
            }
        } else if let Some((_, rest)) = head.split_once("content-length: ") {
            let length =
                rest.split("\r\n").next().and_then(|length| length.parse().ok()).expect("a length");
            chunks.push(self.exactly(length).await);
        }
        Answer { status, head, chunks }
    }

    /// All that comes until the connection ends, and how it ends.
    pub(crate) async fn rest(&mut self) -> (String, io::Result<()>) {
        let mut bytes = std::mem::take(&mut self.ahead);
        let end = loop {
            match self.stream.read_buf(&mut bytes).await {
                Ok(0) => break Ok(()),
                Ok(_) => {}
                Err(error) => break Err(error),
            }
        };
        (String::from_utf8_lossy(&bytes).into_owned(), end)
    }

    /// What comes up to and including `end`.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        loop {
            let text = String::from_utf8_lossy(&self.ahead);
            if let Some(position) = text.find(end) {
                let length = position + end.len();
                return String::from_utf8(self.exactly(length).await).expect("text");
            }
            self.read().await;
        }
    }

    async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.ahead.len() < length {
            self.read().await;
        }
        let rest = self.ahead.split_off(length);
        std::mem::replace(&mut self.ahead, rest)
    }

    async fn read(&mut self) {
        let read =
            self.stream.read_buf(&mut self.ahead).await.expect("the vendor's answer isn't reset");
        assert_ne!(
            read,
            0,
            "the vendor closed the connection after {:?}",
            String::from_utf8_lossy(&self.ahead)
        );
    }
}
