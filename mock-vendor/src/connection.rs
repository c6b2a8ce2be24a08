//! One connection of a client: takes requests off it and plays the replies' scripts, always
//! watching whether the client is still there.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use crate::parse::{self, BadRequest, Length};
use crate::reply::Reply;
use crate::request::Request;
use crate::script::{Op, Script};
use crate::state::{Open, Shared};

/// Larger than what any client of ours may send, small enough that one gone wild can't eat the
/// machine.
const MAX_HEAD: usize = 256 * 1024;
const MAX_BODY: usize = 64 * 1024 * 1024;

/// The most that a client may send ahead while a reply is under way.
const MAX_AHEAD: usize = 1024 * 1024;

const READ_SIZE: usize = 16 * 1024;

/// Serves one connection until either side ends it.
pub(crate) async fn serve(stream: TcpStream, shared: Arc<Shared>, open: Open) {
    let mut connection = Connection { stream, ahead: Vec::new() };
    let given_up = connection.run(&shared).await;
    // In this order, so that a test that hears of the disconnect sees one connection less.
    drop(connection);
    drop(open);
    if let Some(request) = given_up {
        shared.update(|state| state.given_up.push_back(request));
    }
}

struct Connection {
    stream: TcpStream,
    /// Bytes that were read but not used yet.
    ahead: Vec<u8>,
}

/// The reason why there is no request.
enum NoRequest {
    /// The client closed the connection, or lost it.
    Gone,
    /// Its request isn't HTTP, or is too large.
    Invalid(BadRequest),
}

impl From<BadRequest> for NoRequest {
    fn from(mistake: BadRequest) -> Self {
        Self::Invalid(mistake)
    }
}

impl From<io::Error> for NoRequest {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// The end of a reply.
enum Played {
    /// As HTTP wants it: the connection can be used again.
    Whole,
    /// The script closed the connection.
    Closed,
    /// The script reset the connection.
    Reset,
    /// The client went away first.
    GivenUp,
}

impl Connection {
    /// Returns the request that the client gave up, if that is how the connection ended.
    async fn run(&mut self, shared: &Shared) -> Option<Request> {
        // Cuts are of no use if the kernel glues them together again.
        self.stream.set_nodelay(true).ok()?;
        loop {
            let request = match self.request(shared).await {
                Ok(request) => request,
                Err(NoRequest::Gone) => return None,
                Err(NoRequest::Invalid(reason)) => {
                    let text =
                        format!("not a request that the scripted vendor understands: {reason}");
                    self.play(&Reply::status(400).body(text).connection_close().into_script())
                        .await;
                    return None;
                }
            };
            let script = shared.answer(&request);
            if script.is_early() {
                // If it fails the client is gone. What wasn't read makes the end a reset.
                let _ = perform(&mut self.stream.split().1, &script).await;
                return None;
            }
            match self.play(&script).await {
                Played::Whole if request.keeps_alive() => {}
                Played::Whole | Played::Closed | Played::Reset => return None,
                Played::GivenUp => return Some(request),
            }
        }
    }

    /// Takes a request off the connection, without its body if that isn't waited for.
    async fn request(&mut self, shared: &Shared) -> Result<Request, NoRequest> {
        let end = loop {
            if let Some(end) = parse::head_end(&self.ahead) {
                break end;
            }
            if self.ahead.len() > MAX_HEAD {
                return Err(BadRequest::LargeHead(MAX_HEAD).into());
            }
            self.read().await?;
        };
        let head = parse::head(&self.take(end))?;
        if shared.answers_early() {
            return Ok(head.request);
        }
        if head.expects_continue {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let mut request = head.request;
        request.body = match head.length {
            Length::Known(length) => self.exactly(length).await?,
            Length::Chunked => self.chunks().await?,
        };
        Ok(request)
    }

    async fn chunks(&mut self) -> Result<Vec<u8>, NoRequest> {
        let mut body = Vec::new();
        loop {
            let size = parse::chunk_size(&self.line().await?)?;
            if size == 0 {
                // Trailers, up to the blank line.
                while !self.line().await?.is_empty() {}
                return Ok(body);
            }
            if size > MAX_BODY - body.len() {
                return Err(BadRequest::LargeBody(MAX_BODY).into());
            }
            body.extend(self.exactly(size).await?);
            if !self.line().await?.is_empty() {
                return Err(BadRequest::LongChunk.into());
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> Result<Vec<u8>, NoRequest> {
        if length > MAX_BODY {
            return Err(BadRequest::LargeBody(MAX_BODY).into());
        }
        while self.ahead.len() < length {
            self.read().await?;
        }
        Ok(self.take(length))
    }

    async fn line(&mut self) -> Result<Vec<u8>, NoRequest> {
        loop {
            if let Some(end) = self.ahead.windows(2).position(|window| window == b"\r\n") {
                let mut line = self.take(end + 2);
                line.truncate(end);
                return Ok(line);
            }
            if self.ahead.len() > MAX_HEAD {
                return Err(BadRequest::LongLine(MAX_HEAD).into());
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<(), NoRequest> {
        self.ahead.reserve(READ_SIZE);
        match self.stream.read_buf(&mut self.ahead).await? {
            0 => Err(NoRequest::Gone),
            _ => Ok(()),
        }
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.ahead.split_off(length);
        std::mem::replace(&mut self.ahead, rest)
    }

    async fn play(&mut self, script: &Script) -> Played {
        let (mut read, mut write) = self.stream.split();
        // The client's going is seen at every step, also while the reply waits at a gate or stalls.
        let played = tokio::select! {
            biased;
            () = gone(&mut read, &mut self.ahead) => Played::GivenUp,
            played = perform(&mut write, script) => played.unwrap_or(Played::GivenUp),
        };
        // If these fail the client is gone, and nothing is left to be done.
        match played {
            Played::Reset => drop(self.stream.set_zero_linger()),
            Played::Closed => drop(self.stream.shutdown().await),
            Played::Whole | Played::GivenUp => {}
        }
        played
    }
}

/// Returns once the client has closed or lost the connection. What it sends meanwhile is kept for
/// its next request; one that sends without end counts as gone.
async fn gone(read: &mut ReadHalf<'_>, ahead: &mut Vec<u8>) {
    while ahead.len() <= MAX_AHEAD {
        match read.read_buf(ahead).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

async fn perform(write: &mut WriteHalf<'_>, script: &Script) -> io::Result<Played> {
    for op in script.ops() {
        match op {
            Op::Write(bytes) => write.write_all(bytes).await?,
            Op::WriteForever(bytes) => loop {
                write.write_all(bytes).await?;
            },
            Op::Wait(gate) => gate.pass().await,
            Op::Sleep(duration) => tokio::time::sleep(*duration).await,
            Op::Stall => std::future::pending().await,
            Op::Reset => return Ok(Played::Reset),
            Op::Close => return Ok(Played::Closed),
        }
    }
    Ok(Played::Whole)
}
