//! The vendor's state, shared between the test and the connections: the replies to give and the
//! requests seen.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;

use crate::patience::PATIENCE;
use crate::reply::Reply;
use crate::request::Request;
use crate::script::Script;

/// The number of requests that are remembered, and how many bytes of bodies. Only a benchmark has
/// more.
const REQUESTS_KEPT: usize = 10_000;
const BYTES_KEPT: usize = 512 * 1024 * 1024;

/// The state, and a way to wait for it to change.
#[derive(Debug, Default)]
pub(crate) struct Shared(watch::Sender<State>);

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) queue: VecDeque<Script>,
    pub(crate) fallback: Fallback,
    pub(crate) requests: Requests,
    /// Requests whose client went away before the reply was complete, until the test asks for
    /// them.
    pub(crate) given_up: VecDeque<Request>,
    pub(crate) open: usize,
    pub(crate) accepted: usize,
}

impl Shared {
    pub(crate) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.0.borrow())
    }

    pub(crate) fn update(&self, update: impl FnOnce(&mut State)) {
        self.0.send_modify(update);
    }

    /// Waits until `take` finds what it looks for, and panics when it doesn't for a long time.
    pub(crate) async fn wait_for<T>(
        &self,
        what: &str,
        take: impl FnMut(&mut State) -> Option<T>,
    ) -> T {
        match self.find_within(PATIENCE, take).await {
            Some(found) => found,
            None => self.look(|state| {
                panic!(
                    "waited {PATIENCE:?} for {what}; the vendor has seen {} requests on {} connections, {} of them open",
                    state.requests.count(),
                    state.accepted,
                    state.open,
                )
            }),
        }
    }

    /// Waits until `take` finds what it looks for, but not longer than this.
    pub(crate) async fn find_within<T>(
        &self,
        patience: Duration,
        mut take: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        // Subscribed before the first look, so that no change is missed.
        let mut changes = self.0.subscribe();
        let search = async {
            loop {
                let mut found = None;
                self.0.send_if_modified(|state| {
                    found = take(state);
                    found.is_some()
                });
                match found {
                    Some(found) => return found,
                    // An error would mean that the sender is gone, and `self` holds it.
                    None => drop(changes.changed().await),
                }
            }
        };
        tokio::time::timeout(patience, search).await.ok()
    }

    /// Counts a connection for as long as the guard lives.
    pub(crate) fn opened(self: &Arc<Self>) -> Open {
        self.update(|state| {
            state.accepted += 1;
            state.open += 1;
        });
        Open(Arc::clone(self))
    }

    /// Returns true if the next reply is given before the request's body has come.
    pub(crate) fn answers_early(&self) -> bool {
        self.look(|state| match (state.queue.front(), &state.fallback) {
            (Some(script), _) | (None, Fallback::Script(script)) => script.is_early(),
            (None, Fallback::Nothing | Fallback::Answer(_)) => false,
        })
    }

    /// Notes a request and says how to answer it: both at once, so that replies are taken in the
    /// order in which requests are listed.
    pub(crate) fn answer(&self, request: &Request) -> Script {
        let mut chosen = Fallback::Nothing;
        self.update(|state| {
            state.requests.push(request.clone());
            chosen =
                state.queue.pop_front().map_or_else(|| state.fallback.clone(), Fallback::Script);
        });
        // The test's own code runs here, when the state isn't locked.
        match chosen {
            Fallback::Script(script) => script,
            Fallback::Answer(answer) => answer(request).into_script(),
            Fallback::Nothing => unscripted(request).into_script(),
        }
    }
}

fn unscripted(request: &Request) -> Reply {
    let message = format!("unscripted request: {} {}", request.method, request.path);
    Reply::json(
        500,
        json!({ "type": "error", "error": { "type": "api_error", "message": message } }),
    )
}

/// An open connection, as counted.
#[derive(Debug)]
pub(crate) struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.update(|state| state.open -= 1);
    }
}

/// The reply to a request when the queue is empty.
#[derive(Clone, Default)]
pub(crate) enum Fallback {
    #[default]
    Nothing,
    Script(Script),
    Answer(Arc<dyn Fn(&Request) -> Reply + Send + Sync>),
}

impl fmt::Debug for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("Nothing"),
            Self::Script(script) => f.debug_tuple("Script").field(script).finish(),
            Self::Answer(_) => f.write_str("Answer"),
        }
    }
}

/// The requests seen: all are counted, the newest are kept.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    kept: VecDeque<Request>,
    bytes: usize,
    forgotten: usize,
    /// The number of the test has taken, of all that were seen.
    taken: usize,
}

impl Requests {
    pub(crate) fn count(&self) -> usize {
        self.forgotten + self.kept.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Request> {
        self.kept.iter()
    }

    /// The oldest that wasn't taken yet and is still known.
    pub(crate) fn take(&mut self) -> Option<Request> {
        let next = self.taken.max(self.forgotten);
        let request = self.kept.get(next - self.forgotten)?.clone();
        self.taken = next + 1;
        Some(request)
    }

    fn push(&mut self, request: Request) {
        self.bytes += request.body.len();
        self.kept.push_back(request);
        while self.kept.len() > REQUESTS_KEPT || (self.bytes > BYTES_KEPT && self.kept.len() > 1) {
            if let Some(oldest) = self.kept.pop_front() {
                self.bytes -= oldest.body.len();
                self.forgotten += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str) -> Request {
        Request {
            method: "GET".into(),
            path: path.into(),
            headers: Vec::new(),
            body: b"1234".to_vec(),
        }
    }

    #[test]
    fn requests_are_taken_in_order_and_once() {
        let mut requests = Requests::default();
        assert_eq!(requests.take(), None);
        requests.push(request("/1"));
        requests.push(request("/2"));
        assert_eq!(requests.take(), Some(request("/1")));
        assert_eq!(requests.take(), Some(request("/2")));
        assert_eq!(requests.take(), None);
        assert_eq!(requests.count(), 2);
    }

    #[test]
    fn the_oldest_requests_are_forgotten_but_counted() {
        let mut requests = Requests::default();
        for n in 0..REQUESTS_KEPT + 2 {
            requests.push(request(&format!("/{n}")));
        }
        assert_eq!(requests.count(), REQUESTS_KEPT + 2);
        assert_eq!(requests.iter().count(), REQUESTS_KEPT);
        assert_eq!(requests.bytes, REQUESTS_KEPT * 4);
        assert_eq!(requests.take(), Some(request("/2")));
    }
}
