//! One upstream call and everybody who waits for it.
//!
//! A flight is a task that records what it learns; those aboard read the record, each at their own pace, from its
//! beginning. Equal questions find each other's flight by their key. A flight ends early when the last one has left:
//! tokens that nobody reads are money.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::key::Key;
use super::{Completion, Event};
use crate::plugin::CallError;

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
}

/// What the flying task writes to.
#[derive(Clone)]
pub(crate) struct Recorder {
    record: Arc<Mutex<Record>>,
    changed: watch::Sender<()>,
}

impl Recorder {
    /// Tells more of the answer to all aboard.
    pub(crate) fn publish(&self, events: Vec<Event>) {
        if !events.is_empty() {
            locked(&self.record).events.extend(events.into_iter().map(Arc::new));
            self.changed.send_replace(());
        }
    }

    fn land(&self, landing: Landing) {
        locked(&self.record).landing = Some(landing);
        self.changed.send_replace(());
    }
}

/// A flight, held by everybody aboard. Dropping the last hold ends the task.
struct Flight {
    record: Arc<Mutex<Record>>,
    changed: watch::Receiver<()>,
    task: JoinHandle<()>,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A place aboard a flight. Dropping it is leaving.
pub(crate) struct Seat {
    flight: Arc<Flight>,
    changed: watch::Receiver<()>,
    seen: usize,
}

impl Seat {
    fn aboard(flight: Arc<Flight>) -> Self {
        Self { changed: flight.changed.clone(), flight, seen: 0 }
    }

    /// Waits for what is new.
    pub(crate) async fn next(&mut self) -> Step {
        loop {
            {
                let record = locked(&self.flight.record);
                if let Some(new) = record.events.get(self.seen..).filter(|new| !new.is_empty()) {
                    let new = new.to_vec();
                    self.seen += new.len();
                    return Step::Events(new);
                }
                if let Some(landing) = &record.landing {
                    return Step::Landed(landing.clone());
                }
            }
            if self.changed.changed().await.is_err() {
                return Step::Landed(lost());
            }
        }
    }

    /// Waits for the end.
    pub(crate) async fn landed(&mut self) -> Landing {
        loop {
            if let Some(landing) = &locked(&self.flight.record).landing {
                return landing.clone();
            }
            if self.changed.changed().await.is_err() {
                return lost();
            }
        }
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
        // A flight that was cut because all had left may have been followed by another one of the same key already.
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
    let (sender, changed) = watch::channel(());
    let recorder = Recorder { record: record.clone(), changed: sender };
    let flying = work(recorder.clone());
    // As many of these as there are requests at work, which the router bounds.
    let task = tokio::spawn(
        async move {
            let landing = flying.await;
            // Out of the list first: who comes now finds the answer in the cache, or asks again after an error.
            drop(leaving);
            recorder.land(landing);
        }
        .in_current_span(),
    );
    Arc::new(Flight { record, changed, task })
}

/// The task ended without an end: it panicked.
fn lost() -> Landing {
    let result = Err(CallError::Host("the task of a call ended without a result".into()));
    Landing { result, cached: false, effort: Effort::default() }
}

/// The critical sections here are short and don't await; what a panic in one could leave behind is still whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
