//! Joining, leaving and landing, without a vendor.

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
    let (late, joined) =
        flights.board(key(), |_| async { unreachable!("there is a flight to join") });
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
    let fail = || async {
        Landing {
            result: Err(CallError::Deadline { allowed: std::time::Duration::ZERO }),
            cached: false,
            effort: Effort::default(),
        }
    };
    let (one, _) = flights.board(key(), |_| fail());
    let (two, joined) = flights.board(key(), |_| fail());
    assert!(joined);
    assert_eq!((told(one).await, told(two).await), (vec!["failed".into()], vec!["failed".into()]));
    let (mut next, joined) = flights.board(key(), |_| async { answer() });
    assert!(!joined && next.landed().await.result.is_ok());
}

#[tokio::test]
async fn a_call_that_panics_leaves_nobody_waiting() {
    let flights = Flights::default();
    let (mut seat, _) = flights.board(key(), |_| async { panic!("a fault of ours") });
    assert!(matches!(seat.landed().await.result, Err(CallError::Host(_))));
}
