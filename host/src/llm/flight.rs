//! One upstream call and everybody who waits for it.
//!
//! A flight records what it learns; those aboard read the record, each at their own pace, from its
//! beginning. It has no task of its own: whoever waits for it moves it on, so a call that nobody
//! shares needs no other thread, and one whose client doesn't read asks for no more. Equal
//! questions find each other's flight by their key. A flight ends early when the last one has left:
//! tokens that nobody reads are money.

use std::collections::HashMap;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::Shared;

use super::key::Key;
use super::{Completion, Event};
use crate::plugin::CallError;
use crate::telemetry;

/// How a flight ended.
#[derive(Debug, Clone)]
pub(crate) struct Landing {
    /// The whole answer, or why there is none.
    pub(crate) result: Result<Arc<Completion>, CallError>,
    /// Whether it came out of the cache.
    pub(crate) cached: bool,
    /// What it took.
    pub(crate) effort: Effort,
}

/// What a call took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Effort {
    /// How many attempts; none for an answer out of the cache.
    pub(crate) attempts: u32,
    /// Time spent waiting for the vendor, over all attempts.
    pub(crate) upstream: Duration,
    /// Time spent in the plugin, over all attempts.
    pub(crate) plugin: Duration,
}

/// What those aboard are told next.
#[derive(Debug)]
pub(crate) enum Step {
    /// More of the answer.
    Events(Vec<Arc<Event>>),
    /// The end.
    Landed(Landing),
}

/// The record of a flight.
#[derive(Debug, Default)]
struct Record {
    events: Vec<Arc<Event>>,
    landing: Option<Landing>,
    /// Seats that have read all there is, by number, and whom to tell that there is more.
    waiting: Vec<(u64, Waker)>,
    /// Seats taken so far.
    seats: u64,
}

impl Record {
    fn wake_all(&mut self) {
        self.waiting.drain(..).for_each(|(_, waker)| waker.wake());
    }
}

/// What the flight writes to.
#[derive(Clone)]
pub(crate) struct Recorder(Arc<Mutex<Record>>);

impl Recorder {
    /// Tells more of the answer to all aboard.
    pub(crate) fn publish(&self, events: Vec<Event>) {
        if !events.is_empty() {
            let mut record = locked(&self.0);
            record.events.extend(events.into_iter().map(Arc::new));
            record.wake_all();
        }
    }

    fn land(&self, landing: Landing) {
        let mut record = locked(&self.0);
        record.landing = Some(landing);
        record.wake_all();
    }
}

/// What moves a flight on: polled by those aboard, and dropped with the last of them.
type Engine = Shared<Pin<Box<dyn Future<Output = ()> + Send>>>;

/// A flight, held by everybody aboard.
struct Flight {
    record: Arc<Mutex<Record>>,
    engine: Engine,
}

/// A place aboard a flight. Dropping it is leaving.
pub(crate) struct Seat {
    flight: Arc<Flight>,
    engine: Engine,
    number: u64,
    seen: usize,
}

impl Seat {
    fn aboard(flight: Arc<Flight>) -> Self {
        let number = {
            let mut record = locked(&flight.record);
            record.seats += 1;
            record.seats
        };
        Self { engine: flight.engine.clone(), flight, number, seen: 0 }
    }

    /// Waits for what is new.
    pub(crate) async fn next(&mut self) -> Step {
        poll_fn(|context| {
            self.poll(context, |record, seen| {
                if let Some(new) = record.events.get(*seen..).filter(|new| !new.is_empty()) {
                    *seen += new.len();
                    return Some(Step::Events(new.to_vec()));
                }
                record.landing.clone().map(Step::Landed)
            })
        })
        .await
    }

    /// Waits for the end.
    pub(crate) async fn landed(&mut self) -> Landing {
        poll_fn(|context| self.poll(context, |record, _| record.landing.clone())).await
    }

    /// Reads the record; when there is nothing new in it, moves the flight on and reads again.
    fn poll<T>(
        &mut self,
        context: &mut Context<'_>,
        read: impl Fn(&Record, &mut usize) -> Option<T>,
    ) -> Poll<T> {
        {
            let mut record = locked(&self.flight.record);
            // What this seat learns by moving the flight on itself, nobody needs to wake it for.
            record.waiting.retain(|(number, _)| *number != self.number);
            if let Some(found) = read(&record, &mut self.seen) {
                return Poll::Ready(found);
            }
        }
        // Once it has ended, the landing is in the record.
        let ended = self.engine.poll_unpin(context).is_ready();
        let mut record = locked(&self.flight.record);
        if let Some(found) = read(&record, &mut self.seen) {
            return Poll::Ready(found);
        }
        debug_assert!(!ended, "a flight ends by landing");
        // Another seat may be moving it on at this moment.
        record.waiting.push((self.number, context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        locked(&self.flight.record).waiting.retain(|(number, _)| *number != self.number);
    }
}

/// The flights that equal questions may join.
#[derive(Clone, Default)]
pub(crate) struct Flights(Arc<Mutex<Departures>>);

#[derive(Default)]
struct Departures {
    by_key: HashMap<Key, (u64, Weak<Flight>)>,
    /// How many have started: tells a flight from a later one of the same key.
    started: u64,
}

impl Flights {
    /// Joins the flight of this key, or starts it. The flag says which: true for having joined.
    pub(crate) fn board<F, W>(&self, key: Key, work: W) -> (Seat, bool)
    where
        W: FnOnce(Recorder) -> F,
        F: Future<Output = Landing> + Send + 'static,
    {
        let mut departures = locked(&self.0);
        if let Some(flight) = departures.by_key.get(&key).and_then(|(_, flight)| flight.upgrade()) {
            return (Seat::aboard(flight), true);
        }
        departures.started += 1;
        let number = departures.started;
        let flight = start(work, Some(Leaving { flights: self.clone(), key, number }));
        departures.by_key.insert(key, (number, Arc::downgrade(&flight)));
        (Seat::aboard(flight), false)
    }

    /// A flight that nobody else may join.
    pub(crate) fn alone<F, W>(work: W) -> Seat
    where
        W: FnOnce(Recorder) -> F,
        F: Future<Output = Landing> + Send + 'static,
    {
        Seat::aboard(start(work, None))
    }
}

/// Takes a flight out of the list when its task ends, however it ends.
struct Leaving {
    flights: Flights,
    key: Key,
    number: u64,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let mut departures = locked(&self.flights.0);
        // A flight that was cut because all had left may have been followed by another one of the
        // same key already.
        if departures.by_key.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            departures.by_key.remove(&self.key);
        }
    }
}

fn start<F, W>(work: W, leaving: Option<Leaving>) -> Arc<Flight>
where
    W: FnOnce(Recorder) -> F,
    F: Future<Output = Landing> + Send + 'static,
{
    let record = Arc::new(Mutex::new(Record::default()));
    let recorder = Recorder(record.clone());
    let flying = work(recorder.clone());
    let engine = async move {
        let landing = AssertUnwindSafe(flying).catch_unwind().await.unwrap_or_else(|_| lost());
        // Out of the list first: who comes now finds the answer in the cache, or asks again after
        // an error.
        drop(leaving);
        recorder.land(landing);
    };
    // Whoever moves it on, what it logs belongs to the request that began it.
    let engine = match telemetry::request() {
        Some(request) => telemetry::within(request, engine).boxed(),
        None => engine.boxed(),
    };
    Arc::new(Flight { record, engine: engine.shared() })
}

/// The call ended without an end: it panicked.
fn lost() -> Landing {
    let result = Err(CallError::Host("a call panicked".into()));
    Landing { result, cached: false, effort: Effort::default() }
}

/// The critical sections here are short and don't await; what a panic in one could leave behind is
/// still whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
