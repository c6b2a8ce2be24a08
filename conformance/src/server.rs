//! The real server as a process of its own: started with settings, known by its log, ended with the
//! value that stands for it.
//!
//! It belongs to the process group of the tool that started it, so what a terminal sends to the one
//! reaches the other.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use reqwest::Client;
use tokio::sync::watch;

use crate::log_line::LogLine;

/// The longest start: a debug build compiles all bundled components first.
const START_MAX: Duration = Duration::from_secs(120);
/// The time that a server is given to end its calls.
const STOP_MAX: Duration = Duration::from_secs(20);
/// Lines that aren't of the log, such as the reason why the settings are wrong, that are kept.
const SAID_LINES_MAX: usize = 40;
/// The beginning of the ids of requests that only mark a place in the log.
const MARK: &str = "arete-conformance-mark-";

/// A running server. Dropping it kills the process.
pub struct Server {
    child: Child,
    address: SocketAddr,
    client: Client,
    log: watch::Receiver<Log>,
}

/// The facts that the log has told so far.
#[derive(Default)]
struct Log {
    /// The address at which the server listens.
    address: Option<SocketAddr>,
    /// The number of the newest mark.
    mark: u64,
    /// Lines that aren't of the log.
    said: Vec<String>,
    /// No line follows: the process has ended.
    ended: bool,
}

/// A server that ended before it listened.
#[derive(Debug)]
pub struct NotStarted {
    /// The exit status, if the process ended by itself.
    pub status: Option<ExitStatus>,
    /// The server's own words.
    pub said: String,
}

impl std::error::Error for NotStarted {}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.status, self.said.is_empty()) {
            (_, false) => f.write_str(&self.said),
            (Some(status), true) => write!(f, "the server ended before it listened ({status})"),
            (None, true) => write!(f, "the server didn't listen within {START_MAX:?}"),
        }
    }
}

impl Server {
    /// Starts `arete serve` by this command, which holds its settings, and waits until it listens.
    /// Each line of the log is shown to `watch` as it is written.
    ///
    /// The filter of the log has to let the line "Listening" through.
    ///
    /// # Errors
    /// [`NotStarted`] if the server ends instead.
    pub async fn start(
        mut command: Command,
        watch: impl Fn(&LogLine) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let client = Client::builder()
            .no_proxy()
            .tcp_nodelay(true)
            .build()
            .context("building the HTTP client")?;
        command.arg("serve").env("LOG_FORMAT", "json");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("{} can't be started", command.get_program().display()))?;
        let stderr = child.stderr.take().context("its standard error is a pipe")?;
        let unset = SocketAddr::from(([0, 0, 0, 0], 0));
        // Whole before anything is waited for, so that a process that never listens is killed too.
        let mut server = Self { child, address: unset, client, log: read(stderr, watch) };
        let listening = server.log.wait_for(|log| log.address.is_some() || log.ended);
        let address = match tokio::time::timeout(START_MAX, listening).await {
            Ok(Ok(log)) => log.address,
            _ => None,
        };
        match address {
            Some(address) => server.address = address,
            None => {
                let status = server.log.borrow().ended.then(|| server.child.wait().ok()).flatten();
                let said = server.log.borrow().said.join("\n");
                return Err(NotStarted { status, said }.into());
            }
        }
        Ok(server)
    }

    /// Returns the address at which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the client that asks it.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits until the process has ended, and returns its exit status.
    ///
    /// # Errors
    /// The reason why it can't be waited for.
    pub async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        // An error: nobody writes any more, which is the same.
        let _ = self.log.wait_for(|log| log.ended).await;
        self.child.wait().context("the server can't be waited for")
    }

    /// Returns whether the process has ended.
    pub fn is_gone(&self) -> bool {
        self.log.borrow().ended
    }

    /// Asks it to stop and waits until it has. One that takes too long is killed.
    pub async fn stop(mut self) {
        #[cfg(unix)]
        if let Some(pid) =
            i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw)
        {
            // Fails only for a process that has ended already.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let _ = tokio::time::timeout(STOP_MAX, self.ended()).await;
        }
    }

    /// Returns a way to mark places in the log.
    pub(crate) fn marker(&self) -> Marker {
        Marker {
            client: self.client.clone(),
            url: self.url("/api/llm/providers"),
            log: self.log.clone(),
            number: 0,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only for a process that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Marks places in the log: a line about a request may be written after its reply was read.
pub(crate) struct Marker {
    client: Client,
    url: String,
    log: watch::Receiver<Log>,
    number: u64,
}

impl Marker {
    /// Waits until all lines about replies that were read have been seen.
    pub(crate) async fn passed(&mut self) {
        self.number += 1;
        let request = self.client.get(&self.url).header("x-request-id", mark(self.number));
        // A server that doesn't answer writes nothing either.
        if request.send().await.is_ok() {
            let number = self.number;
            let passed = self.log.wait_for(|log| number <= log.mark || log.ended);
            let _ = tokio::time::timeout(STOP_MAX, passed).await;
        }
    }
}

fn mark(number: u64) -> String {
    format!("{MARK}{number}")
}

/// Reads the log until the process ends, in a thread of its own: no process may wait for its log to
/// be read.
fn read(
    stderr: impl Read + Send + 'static,
    watch: impl Fn(&LogLine) + Send + 'static,
) -> watch::Receiver<Log> {
    let log = Arc::new(watch::Sender::new(Log::default()));
    let receiver = log.subscribe();
    thread::spawn(move || {
        for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
            let line = LogLine::parse(String::from_utf8_lossy(&line).into_owned());
            let mark = line.field("request_id").and_then(|id| id.strip_prefix(MARK)?.parse().ok());
            if let Some(mark) = mark {
                log.send_modify(|log| log.mark = mark);
                continue;
            }
            watch(&line);
            if line.is_event() {
                if line.field("message") == Some("Listening") {
                    let address = line.field("address").and_then(|address| address.parse().ok());
                    log.send_modify(|log| log.address = address);
                }
            } else {
                log.send_modify(|log| {
                    if log.said.len() < SAID_LINES_MAX {
                        log.said.push(line.raw().to_owned());
                    }
                });
            }
        }
        log.send_modify(|log| log.ended = true);
    });
    receiver
}
