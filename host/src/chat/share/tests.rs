//! Joining, leaving and ending, without a vendor.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, oneshot};

use super::*;
use crate::contract::{Completion, Event, FinishReason, TextDelta, Usage};

fn key() -> Key {
    Key::of([7; 32])
}

fn answer() -> Outcome {
    let completion = Completion {
        id: "1".into(),
        model: "m".into(),
        parts: vec![],
        finish_reason: FinishReason::EndTurn,
        usage: Usage::default(),
        native: None,
        extra: None,
    };
    Outcome {
        result: Ok(Arc::new(completion)),
        cached: false,
        stats: CallStats::default(),
        tries: None,
    }
}

fn text(text: &str) -> Event {
    Event::Text(TextDelta { index: 0, text: text.into() })
}

/// Returns all that a subscriber is told up to the end.
async fn told(mut subscriber: Subscriber) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        match subscriber.progress().await {
            Progress::Events(events) => all.extend(events.iter().map(|event| match &**event {
                Event::Text(delta) => delta.text.clone(),
                other => format!("{other:?}"),
            })),
            Progress::Done(outcome) => {
                all.push(if outcome.result.is_ok() { "done".into() } else { "failed".into() });
                return all;
            }
        }
    }
}

#[tokio::test]
async fn fifty_equal_requests_are_one_call() {
    let calls = SharedCalls::default();
    let started = Arc::new(AtomicUsize::new(0));
    let go = Arc::new(Notify::new());
    let mut subscribers = Vec::new();
    for _ in 0..50 {
        let (started, go) = (started.clone(), go.clone());
        let (subscriber, _) = calls.join_or_start(key(), |_| async move {
            started.fetch_add(1, Ordering::SeqCst);
            go.notified().await;
            answer()
        });
        subscribers.push(subscriber);
    }
    go.notify_one();
    for mut subscriber in subscribers {
        assert!(subscriber.outcome().await.result.is_ok());
    }
    assert_eq!(started.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_late_follower_is_told_what_was_published_before() {
    let calls = SharedCalls::default();
    let (go, going) = oneshot::channel::<()>();
    let (mut first, _) = calls.join_or_start(key(), |publisher| async move {
        publisher.publish(vec![text("a"), text("b")]);
        let _ = going.await;
        publisher.publish(vec![text("c")]);
        answer()
    });
    assert!(matches!(first.progress().await, Progress::Events(events) if events.len() == 2));
    let (late, joined) =
        calls.join_or_start(key(), |_| async { unreachable!("there is a call to join") });
    assert!(joined);
    go.send(()).unwrap();
    assert_eq!(told(late).await, ["a", "b", "c", "done"]);
    assert_eq!(told(first).await, ["c", "done"]);
}

/// Says when it is dropped.
struct Dropped(Option<oneshot::Sender<()>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.take().unwrap().send(());
    }
}

#[tokio::test]
async fn the_first_to_leave_hurts_no_one_and_the_last_ends_the_call() {
    let calls = SharedCalls::default();
    let (dropped, mut was_dropped) = oneshot::channel();
    let guard = Dropped(Some(dropped));
    let (owner, _) = calls.join_or_start(key(), |publisher| async move {
        let _guard = guard;
        publisher.publish(vec![text("a")]);
        std::future::pending().await
    });
    let (mut other, joined) = calls.join_or_start(key(), |_| async { answer() });
    assert!(joined);
    drop(owner);
    assert!(matches!(other.progress().await, Progress::Events(_)));
    assert!(was_dropped.try_recv().is_err());
    drop(other);
    was_dropped.await.unwrap();

    let (mut next, joined) = calls.join_or_start(key(), |_| async { answer() });
    assert!(!joined, "a call without subscribers can't be joined");
    assert!(next.outcome().await.result.is_ok());
}

#[tokio::test]
async fn an_error_is_shared_by_those_who_waited_and_not_kept() {
    let calls = SharedCalls::default();
    let fail = || async {
        Outcome {
            result: Err(CallError::Deadline { allowed: std::time::Duration::ZERO }),
            cached: false,
            stats: CallStats::default(),
            tries: None,
        }
    };
    let (one, _) = calls.join_or_start(key(), |_| fail());
    let (two, joined) = calls.join_or_start(key(), |_| fail());
    assert!(joined);
    assert_eq!((told(one).await, told(two).await), (vec!["failed".into()], vec!["failed".into()]));
    let (mut next, joined) = calls.join_or_start(key(), |_| async { answer() });
    assert!(!joined && next.outcome().await.result.is_ok());
}

#[tokio::test]
async fn a_call_that_panics_leaves_nobody_waiting() {
    let calls = SharedCalls::default();
    let (mut subscriber, _) = calls.join_or_start(key(), |_| async { panic!("a fault of ours") });
    assert!(matches!(subscriber.outcome().await.result, Err(CallError::Host(_))));
}
