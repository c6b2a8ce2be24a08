//! One call at the vendor and all who wait for it: *single flight*.
//!
//! A shared call is a future and a log of events. Subscribers read the log from its beginning, each
//! at its own pace, and poll the future when they reach the log's end. So a call needs no task of
//! its own: one that nobody shares needs no other thread, and one whose client doesn't read asks
//! the vendor for no more. Equal requests find each other's call by their key. A call ends early
//! when its last subscriber is dropped: tokens that nobody reads cost money.

use std::collections::HashMap;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use futures_util::future::Shared;

use super::key::Key;
use super::outcome::{CallStats, Outcome, Progress};
use crate::contract::Event;
use crate::plugin::CallError;
use crate::request_id;
use crate::sync::lock;

/// The event log of a call.
#[derive(Debug, Default)]
struct EventLog {
    events: Vec<Arc<Event>>,
    outcome: Option<Outcome>,
    /// Wakers of the subscribers that have read all there is, by number.
    waiting: Vec<(u64, Waker)>,
    /// The number of subscribers so far.
    subscribers: u64,
}

impl EventLog {
    fn wake_all(&mut self) {
        self.waiting.drain(..).for_each(|(_, waker)| waker.wake());
    }
}

/// The writing end of the event log.
#[derive(Clone)]
pub(crate) struct Publisher(Arc<Mutex<EventLog>>);

impl Publisher {
    /// Publishes more of the completion to all subscribers.
    pub(crate) fn publish(&self, events: Vec<Event>) {
        if !events.is_empty() {
            let mut log = lock(&self.0);
            log.events.extend(events.into_iter().map(Arc::new));
            log.wake_all();
        }
    }

    fn complete(&self, outcome: Outcome) {
        let mut log = lock(&self.0);
        log.outcome = Some(outcome);
        log.wake_all();
    }
}

/// The future that makes the call: polled by the subscribers, and dropped with the last of them.
type Driver = Shared<Pin<Box<dyn Future<Output = ()> + Send>>>;

/// A shared call, held by its subscribers.
struct SharedCall {
    log: Arc<Mutex<EventLog>>,
    driver: Driver,
}

/// One who waits for a call. The call ends when its last subscriber is dropped.
pub(crate) struct Subscriber {
    call: Arc<SharedCall>,
    driver: Driver,
    number: u64,
    seen: usize,
}

impl Subscriber {
    /// Starts a call that nobody else may join.
    pub(crate) fn alone<F, W>(work: W) -> Self
    where
        W: FnOnce(Publisher) -> F,
        F: Future<Output = Outcome> + Send + 'static,
    {
        Self::new(start(work, None))
    }

    fn new(call: Arc<SharedCall>) -> Self {
        let number = {
            let mut log = lock(&call.log);
            log.subscribers += 1;
            log.subscribers
        };
        Self { driver: call.driver.clone(), call, number, seen: 0 }
    }

    /// Waits for more of the completion, or the end.
    pub(crate) async fn progress(&mut self) -> Progress {
        poll_fn(|context| {
            self.poll(context, |log, seen| {
                if let Some(new) = log.events.get(*seen..).filter(|new| !new.is_empty()) {
                    *seen += new.len();
                    return Some(Progress::Events(new.to_vec()));
                }
                log.outcome.clone().map(Progress::Done)
            })
        })
        .await
    }

    /// Waits for the end.
    pub(crate) async fn outcome(&mut self) -> Outcome {
        poll_fn(|context| self.poll(context, |log, _| log.outcome.clone())).await
    }

    /// Reads the log; when there is nothing new in it, polls the call and reads again.
    fn poll<T>(
        &mut self,
        context: &mut Context<'_>,
        read: impl Fn(&EventLog, &mut usize) -> Option<T>,
    ) -> Poll<T> {
        {
            let mut log = lock(&self.call.log);
            // It needn't be woken for what it learns by polling the call itself.
            log.waiting.retain(|(number, _)| *number != self.number);
            if let Some(found) = read(&log, &mut self.seen) {
                return Poll::Ready(found);
            }
        }
        // Once it has ended, the outcome is in the log.
        let ended = self.driver.poll_unpin(context).is_ready();
        let mut log = lock(&self.call.log);
        if let Some(found) = read(&log, &mut self.seen) {
            return Poll::Ready(found);
        }
        debug_assert!(!ended, "a call ends with its outcome");
        // Another subscriber may be polling it at this moment.
        log.waiting.push((self.number, context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        lock(&self.call.log).waiting.retain(|(number, _)| *number != self.number);
    }
}

/// The calls under way that equal requests may join.
#[derive(Clone, Default)]
pub(crate) struct SharedCalls(Arc<Mutex<CallsByKey>>);

#[derive(Default)]
struct CallsByKey {
    by_key: HashMap<Key, (u64, Weak<SharedCall>)>,
    /// The number of calls started: tells a call from a later one of the same key.
    started: u64,
}

impl SharedCalls {
    /// Joins the call of this key, or starts it. The flag is true if it was joined.
    pub(crate) fn join_or_start<F, W>(&self, key: Key, work: W) -> (Subscriber, bool)
    where
        W: FnOnce(Publisher) -> F,
        F: Future<Output = Outcome> + Send + 'static,
    {
        let mut calls = lock(&self.0);
        if let Some(call) = calls.by_key.get(&key).and_then(|(_, call)| call.upgrade()) {
            return (Subscriber::new(call), true);
        }
        calls.started += 1;
        let number = calls.started;
        let call = start(work, Some(Registration { calls: self.clone(), key, number }));
        calls.by_key.insert(key, (number, Arc::downgrade(&call)));
        (Subscriber::new(call), false)
    }
}

/// A call's entry in the list, removed when the call ends, however it ends.
struct Registration {
    calls: SharedCalls,
    key: Key,
    number: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut calls = lock(&self.calls.0);
        // A call that ended because all had left may have been followed by another one of the same
        // key already.
        if calls.by_key.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            calls.by_key.remove(&self.key);
        }
    }
}

fn start<F, W>(work: W, registration: Option<Registration>) -> Arc<SharedCall>
where
    W: FnOnce(Publisher) -> F,
    F: Future<Output = Outcome> + Send + 'static,
{
    let log = Arc::new(Mutex::new(EventLog::default()));
    let publisher = Publisher(log.clone());
    let call = work(publisher.clone());
    let driver = async move {
        let outcome = AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|_| lost());
        // Out of the list first: who comes now finds the answer in the cache, or asks again after
        // an error.
        drop(registration);
        publisher.complete(outcome);
    };
    // Whoever moves it on, what it logs belongs to the request that began it.
    let driver = match request_id::current() {
        Some(request) => request_id::within(request, driver).boxed(),
        None => driver.boxed(),
    };
    Arc::new(SharedCall { log, driver: driver.shared() })
}

/// Returns the outcome of a call that panicked.
fn lost() -> Outcome {
    let result = Err(CallError::Host("a call panicked".into()));
    Outcome { result, cached: false, stats: CallStats::default(), tries: None }
}

#[cfg(test)]
mod tests;
