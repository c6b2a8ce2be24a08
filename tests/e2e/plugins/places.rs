//! A provider's places, and the queue before them.

use arete_artifacts as guests;
use mock_vendor::{Gate, MockVendor, Reply};
use serde_json::json;

use crate::support::{Answer, App, ask};

/// A server whose provider `waiter` asks this vendor, one call at a time, with these limits.
async fn waiter(vendor: &MockVendor, limits: &str) -> App {
    let lines = format!("limits.calls = 1\n{limits}\n[[outbound]]\norigin = {:?}", vendor.url());
    App::with_echo().only_echo().provider("waiter", guests::WAITER, &lines).start().await
}

/// Fails unless the call was turned away for this limit, and may come again.
fn assert_turned_away(answer: &Answer, limit: &str) {
    let problem = answer.problem(503, "overloaded");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    let detail = problem["detail"].as_str().unwrap();
    let calls = "provider waiter is at its limit of 1 concurrent calls (`calls` under [limits] in the provider's file";
    assert!(detail.starts_with(calls) && detail.contains(limit), "{detail}");
}

#[tokio::test]
async fn as_many_calls_as_may_wait_and_one_more_is_turned_away_at_once() {
    let vendor = MockVendor::start().await;
    let app = waiter(&vendor, "limits.queue = 1\nlimits.queue-timeout = \"1h\"").await;
    let gate = Gate::new();
    vendor.always(Reply::status(200).body("x").wait_before_headers(&gate));
    let wait = ask(
        &format!("compute {}", vendor.url()),
        json!({ "provider": "waiter", "useCache": false }),
    );

    let first = app.chat(wait.clone());
    let others = async {
        gate.reached().await;
        // One waits and one is turned away: nobody knows which.
        let (one, other) = (app.chat(wait.clone()), app.chat(wait.clone()));
        tokio::pin!(one, other);
        let (turned_away, waiting) = tokio::select! {
            answer = &mut one => (answer, other),
            answer = &mut other => (answer, one),
        };
        assert_turned_away(&turned_away, "(1; `queue` under [limits]");
        app.assert_well().await;
        assert_eq!(vendor.count(), 1);
        gate.open();
        waiting.await
    };
    let (first, waiting) = tokio::join!(first, others);
    assert_eq!(first.ok()["content"], "1 bytes");
    assert_eq!(waiting.ok()["content"], "1 bytes");
}

#[tokio::test]
async fn who_waits_too_long_is_turned_away() {
    let vendor = MockVendor::start().await;
    let app = waiter(&vendor, "limits.queue = 5\nlimits.queue-timeout = \"50ms\"").await;
    let gate = Gate::new();
    vendor.always(Reply::status(200).body("x").wait_before_headers(&gate));
    let wait = ask(
        &format!("compute {}", vendor.url()),
        json!({ "provider": "waiter", "useCache": false }),
    );

    let first = app.chat(wait.clone());
    let others = async {
        gate.reached().await;
        assert_turned_away(&app.chat(wait.clone()).await, "(50ms; `queue-timeout` under [limits]");
        assert_turned_away(
            &app.refused_stream(wait.clone()).await,
            "(50ms; `queue-timeout` under [limits]",
        );
        app.assert_well().await;
        gate.open();
    };
    let (first, ()) = tokio::join!(first, others);
    assert_eq!(first.ok()["content"], "1 bytes");
    assert_eq!(app.chat(wait).await.ok()["content"], "1 bytes");
}
