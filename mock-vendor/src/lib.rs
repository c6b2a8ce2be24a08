//! A scripted LLM vendor on loopback TCP, for tests, benchmarks and `arete plugin test`.
//!
//! Arete is tested from outside, over real TCP, against a vendor that does what the test says:
//! answers, answers slowly, resets the connection in the middle of an event, never answers. An HTTP
//! server library would not let us misbehave like that, so HTTP/1.1 is spoken by hand here, byte by
//! byte.
//!
//! Tests decide what happens when by [`Gate`]s and by waiting for what the vendor sees, never by
//! sleeping.
//!
//! ```
//! use mock_vendor::{Gate, Reply, MockVendor, claude};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let vendor = MockVendor::start().await;
//! let gate = Gate::new();
//!
//! // Busy at first, then an answer of two words that stops in the middle until the test opens the gate.
//! vendor.reply(Reply::json(529, claude::error("overloaded_error", "Overloaded")).header("retry-after", "0"));
//! vendor.reply(Reply::sse_text(claude::stream(&["Good ", "morning"])).wait_after(4, &gate));
//! # let _ = vendor.url();
//! # }
//! ```
//!
//! - [`Reply`] says what is answered and how it goes wrong.
//! - [`MockVendor`] queues replies and tells what it has seen.
//! - [`claude`] makes bodies as Anthropic sends them.

pub mod claude;
mod connection;
mod delivery;
mod gate;
mod parse;
mod patience;
mod reply;
mod request;
mod script;
mod state;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

pub use crate::gate::Gate;
pub use crate::reply::{Reply, Step};
pub use crate::request::Request;
use crate::state::{Fallback, Requests, Shared};

/// A vendor that listens on a port of its own on 127.0.0.1, and serves until it is dropped.
#[derive(Debug)]
pub struct MockVendor {
    url: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl MockVendor {
    /// Starts a vendor with no replies queued.
    ///
    /// # Panics
    ///
    /// When loopback has no free port.
    pub async fn start() -> Self {
        Self::bind().await.expect("loopback has a free port")
    }

    /// The same for programs, which don't panic.
    ///
    /// # Errors
    ///
    /// When loopback has no free port.
    pub async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let server = tokio::spawn(listen(listener, Arc::clone(&shared)));
        Ok(Self { url: format!("http://{address}"), shared, server })
    }

    /// Returns its address, such as `http://127.0.0.1:49152`, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Queues a reply. Each request takes one, in order of arrival.
    pub fn reply(&self, reply: Reply) {
        self.replies([reply]);
    }

    /// Queues several replies.
    pub fn replies(&self, replies: impl IntoIterator<Item = Reply>) {
        let scripts: Vec<_> = replies.into_iter().map(Reply::into_script).collect();
        self.shared.update(|state| state.queue.extend(scripts));
    }

    /// Sets the reply of every request once the queue is empty. Without one, such a request gets a 500
    /// that says `unscripted request`.
    pub fn always(&self, reply: Reply) {
        let script = reply.into_script();
        self.shared.update(|state| state.fallback = Fallback::Script(script));
    }

    /// Like [`always`](Self::always), with the reply made for each request: for calls in parallel,
    /// whose order of arrival nobody knows.
    pub fn always_with(&self, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
        let answer = Arc::new(answer);
        self.shared.update(|state| state.fallback = Fallback::Answer(answer));
    }

    /// The number of queued replies nobody asked for yet.
    pub fn replies_left(&self) -> usize {
        self.shared.look(|state| state.queue.len())
    }

    /// The number of requests it has seen.
    pub fn count(&self) -> usize {
        self.shared.look(|state| state.requests.count())
    }

    /// All requests seen, oldest first. Of very many (a benchmark's) it keeps the newest.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.look(|state| state.requests.iter().cloned().collect())
    }

    /// The oldest request that this function hasn't returned yet; waits for it if need be.
    ///
    /// # Panics
    ///
    /// When none comes for a long time.
    pub async fn next_request(&self) -> Request {
        self.shared.wait_for("a request", |state| state.requests.take()).await
    }

    /// Waits until a client closes its connection while a reply on it is under way, paused or
    /// stalled, and returns the request that was given up. Each is returned once. The
    /// connection no longer counts as open then.
    ///
    /// A client that closes its sending side alone counts as gone: no client of LLM vendors does
    /// that and reads on.
    ///
    /// # Panics
    ///
    /// When none does for a long time.
    pub async fn wait_for_disconnect(&self) -> Request {
        self.shared
            .wait_for("a client to give up a request", |state| state.given_up.pop_front())
            .await
    }

    /// The same for programs, which don't panic: nothing when no client does so in this time.
    pub async fn disconnected_within(&self, patience: Duration) -> Option<Request> {
        self.shared.find_within(patience, |state| state.given_up.pop_front()).await
    }

    /// Forgets what was queued and what was seen. Replies under way go on.
    pub fn reset(&self) {
        self.shared.update(|state| {
            state.queue.clear();
            state.fallback = Fallback::Nothing;
            state.requests = Requests::default();
            state.given_up.clear();
        });
    }

    /// Returns the number of open connections, idle ones included.
    pub fn connections_open(&self) -> usize {
        self.shared.look(|state| state.open)
    }

    /// The number of connections there have been. Fewer than requests means that clients reuse
    /// them.
    pub fn connections_total(&self) -> usize {
        self.shared.look(|state| state.accepted)
    }

    /// Waits until exactly this many connections are open.
    ///
    /// # Panics
    ///
    /// When it doesn't come to that for a long time.
    pub async fn wait_for_connections(&self, open: usize) {
        let what = format!("{open} open connections");
        self.shared.wait_for(&what, |state| (state.open == open).then_some(())).await;
    }

    /// Closes all connections and stops listening. Once this returns, the vendor's address refuses
    /// connections.
    pub async fn stop(mut self) {
        self.server.abort();
        // An error: that the task was aborted.
        let _ = (&mut self.server).await;
        self.wait_for_connections(0).await;
    }
}

impl Drop for MockVendor {
    fn drop(&mut self) {
        // The task owns the connections' tasks, so they end with it.
        self.server.abort();
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let open = shared.opened();
                connections.spawn(connection::serve(stream, Arc::clone(&shared), open));
            }
            // Out of file descriptors, or a client gone before it was accepted: the next may do
            // better.
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}
