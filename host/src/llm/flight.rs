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
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::{Notify, oneshot};

    use super::super::{Event, FinishReason, TextDelta, Usage};
    use super::*;

    fn key() -> Key {
        Key::of([7; 32])
    }

    fn answer() -> Landing {
        let completion = Completion {
            id: "1".into(),
            model: "m".into(),
            parts: vec![],
            finish_reason: FinishReason::EndTurn,
            usage: Usage::default(),
            native: None,
            extra: None,
        };
        Landing { result: Ok(Arc::new(completion)), cached: false, effort: Effort::default() }
    }

    fn text(text: &str) -> Event {
        Event::Text(TextDelta { index: 0, text: text.into() })
    }

    /// All that a seat is told up to the end.
    async fn told(mut seat: Seat) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            match seat.next().await {
                Step::Events(events) => all.extend(events.iter().map(|event| match &**event {
                    Event::Text(delta) => delta.text.clone(),
                    other => format!("{other:?}"),
                })),
                Step::Landed(landing) => {
                    all.push(if landing.result.is_ok() { "landed".into() } else { "failed".into() });
                    return all;
                }
            }
        }
    }

    #[tokio::test]
    async fn fifty_equal_questions_are_one_flight() {
        let flights = Flights::default();
        let started = Arc::new(AtomicUsize::new(0));
        let go = Arc::new(Notify::new());
        let mut seats = Vec::new();
        for _ in 0..50 {
            let (started, go) = (started.clone(), go.clone());
            let (seat, _) = flights.board(key(), |_| async move {
                started.fetch_add(1, Ordering::SeqCst);
                go.notified().await;
                answer()
            });
            seats.push(seat);
        }
        go.notify_one();
        for mut seat in seats {
            assert!(seat.landed().await.result.is_ok());
        }
        assert_eq!(started.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn who_joins_late_is_told_what_was_said_before() {
        let flights = Flights::default();
        let (go, going) = oneshot::channel::<()>();
        let (mut first, _) = flights.board(key(), |recorder| async move {
            recorder.publish(vec![text("a"), text("b")]);
            let _ = going.await;
            recorder.publish(vec![text("c")]);
            answer()
        });
        assert!(matches!(first.next().await, Step::Events(events) if events.len() == 2));
        let (late, joined) = flights.board(key(), |_| async { unreachable!("there is a flight to join") });
        assert!(joined);
        go.send(()).unwrap();
        assert_eq!(told(late).await, ["a", "b", "c", "landed"]);
        assert_eq!(told(first).await, ["c", "landed"]);
    }

    /// Says when it is dropped.
    struct Dropped(Option<oneshot::Sender<()>>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.take().unwrap().send(());
        }
    }

    #[tokio::test]
    async fn the_first_to_leave_hurts_no_one_and_the_last_ends_the_flight() {
        let flights = Flights::default();
        let (dropped, mut was_dropped) = oneshot::channel();
        let guard = Dropped(Some(dropped));
        let (owner, _) = flights.board(key(), |recorder| async move {
            let _guard = guard;
            recorder.publish(vec![text("a")]);
            std::future::pending().await
        });
        let (mut other, joined) = flights.board(key(), |_| async { answer() });
        assert!(joined);
        drop(owner);
        assert!(matches!(other.next().await, Step::Events(_)));
        assert!(was_dropped.try_recv().is_err());
        drop(other);
        was_dropped.await.unwrap();

        let (mut next, joined) = flights.board(key(), |_| async { answer() });
        assert!(!joined, "a flight that nobody is aboard can't be joined");
        assert!(next.landed().await.result.is_ok());
    }

    #[tokio::test]
    async fn an_error_is_shared_by_those_who_waited_and_not_kept() {
        let flights = Flights::default();
        let fail = || async { Landing { result: Err(CallError::Deadline), cached: false, effort: Effort::default() } };
        let (one, _) = flights.board(key(), |_| fail());
        let (two, joined) = flights.board(key(), |_| fail());
        assert!(joined);
        assert_eq!((told(one).await, told(two).await), (vec!["failed".into()], vec!["failed".into()]));
        let (mut next, joined) = flights.board(key(), |_| async { answer() });
        assert!(!joined && next.landed().await.result.is_ok());
    }

    #[tokio::test]
    async fn a_task_that_panics_leaves_nobody_waiting() {
        let flights = Flights::default();
        let (mut seat, _) = flights.board(key(), |_| async { panic!("a fault of ours") });
        assert!(matches!(seat.landed().await.result, Err(CallError::Host(_))));
    }
}
