//! Guests that crash, and guests that use up memory, stack or computing time.

use std::sync::{Arc, Weak};

use arete_artifacts as guests;
use mock_vendor::{Gate, MockVendor, Reply, claude};
use serde_json::json;
use tokio::sync::Mutex;

use super::{assert_limit, assert_named, disturb, shared};
use crate::support::{App, Raw, ask, question, within};

/// One server for the tests of guests that use up what they have.
pub(super) async fn server() -> Arc<App> {
    static SHARED: Mutex<Weak<App>> = Mutex::const_new(Weak::new());
    shared(&SHARED, &[guests::HOG, guests::LEAKER, guests::RECURSE, guests::SLEEPER, guests::SPIN])
        .await
}

#[tokio::test]
pub(super) async fn a_guest_that_ends_itself_fails_its_own_request_while_others_go_on() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).plugin(guests::TRAP).start().await;
    let gate = Gate::new();
    vendor.reply(Reply::sse_text(claude::stream(&["Good ", "morning"])).wait_after(4, &gate));
    let mut under_way = app.stream(question("Hello")).await;
    under_way.next().await;
    assert_eq!(under_way.text().await, "Good ");

    for (text, stream) in [("Hello", false), ("Hello", true), ("in the stream", true)] {
        let answer = app.chat(ask(text, json!({ "provider": "trap", "stream": stream }))).await;
        let problem = answer.problem(502, "plugin-failed");
        assert_named(&problem, "trap", "crashed");
        assert!(
            !answer.body.contains("fixture panics"),
            "its standard error is the operator's: {}",
            answer.body
        );
        let line = app.request_line(answer.id()).await;
        assert!(line["error"].as_str().unwrap().contains("the trap fixture panics in"), "{line}");
    }
    let left = app.chat(ask("leave", json!({ "provider": "trap" }))).await;
    assert_named(
        &left.problem(502, "plugin-failed"),
        "trap",
        "crashed (Exited with i32 exit status 0)",
    );
    app.assert_well().await;
    gate.open();
    assert_eq!(under_way.finish().await.0, "morning");
}

#[tokio::test]
pub(super) async fn a_panic_says_why_without_standard_error() {
    let app = App::with_echo().only_echo().plugin(guests::BARE).start().await;
    for (stream, place) in [(false, "complete"), (true, "next")] {
        let answer = app.chat(ask("Hello", json!({ "provider": "bare", "stream": stream }))).await;
        assert_named(&answer.problem(502, "plugin-failed"), "bare", "crashed");
        assert!(
            !answer.body.contains("fixture panics"),
            "its reason is the operator's: {}",
            answer.body
        );
        let line = app.request_line(answer.id()).await;
        let reason = format!("the bare fixture panics in {place}");
        assert!(line["error"].as_str().unwrap().contains(&reason), "{line}");
    }
    app.assert_well().await;
}

#[tokio::test]
pub(super) async fn a_guest_that_computes_for_ever_is_ended() {
    let app = server().await;
    for (text, stream) in [("whole", false), ("before it answers", true), ("in the stream", true)] {
        let problem = disturb(&app, "spin", text, stream).await;
        assert_limit(&problem, "spin", "computing time", ("cpu", "300ms"));
    }
}

#[tokio::test]
async fn a_guest_that_computes_in_small_steps_is_ended_too() {
    let app = server().await;
    for stream in [false, true] {
        let problem = disturb(&app, "spin", "in steps", stream).await;
        assert_limit(&problem, "spin", "computing time", ("cpu", "300ms"));
    }
}

#[tokio::test]
pub(super) async fn a_guest_that_takes_too_much_memory_is_ended() {
    let app = server().await;
    for stream in [false, true] {
        let problem = disturb(&app, "hog", "Hello", stream).await;
        assert_limit(&problem, "hog", "memory", ("memory", "32 MiB"));
        assert_named(&problem, "hog", "in the provider's file raises it, up to LLM_PLUGIN_MEMORY)");
    }
    // Being refused is no crime: a guest may try and go on without.
    let polite = app.chat(ask("politely", json!({ "provider": "hog" }))).await.ok();
    assert_eq!(polite["content"], "did without");
}

#[tokio::test]
pub(super) async fn a_guest_whose_stack_overflows_fails_its_own_call_only() {
    let app = server().await;
    for stream in [false, true] {
        let problem = disturb(&app, "recurse", "Hello", stream).await;
        assert_named(&problem, "recurse", "call stack exhausted");
    }
}

#[tokio::test]
pub(super) async fn waiting_is_not_charged_as_computing() {
    let app = server().await;
    // More than twice what it may compute.
    let sleep = ask("700", json!({ "provider": "sleeper", "useCache": false }));
    assert_eq!(app.chat(sleep.clone()).await.ok()["content"], "slept");
    assert_eq!(app.stream(sleep).await.finish().await.0, "good night");
}

/// Asks the sleeper again and again until it answers like this.
async fn answers(app: &App, provider: &str, status: u16) {
    let awake = ask("0", json!({ "provider": provider, "useCache": false }));
    let asking = async { while app.chat(awake.clone()).await.status != status {} };
    within(&format!("an answer of {status}"), asking).await;
}

#[tokio::test]
async fn a_guest_that_never_returns_ends_with_its_time_or_its_client() {
    const HOURS: &str = "36000000";
    let app = App::with_echo()
        .only_echo()
        .provider("brief", guests::SLEEPER, "limits.timeout = \"200ms\"")
        // Whether its only place is taken tells whether a call has begun and whether it has ended.
        // Who looks takes the place for a moment himself, and the call that shall stay
        // waits for that.
        .provider(
            "single",
            guests::SLEEPER,
            "limits.calls = 1\nlimits.queue = 1\nlimits.queue-timeout = \"3s\"",
        )
        .start()
        .await;
    let whole = app.chat(ask(HOURS, json!({ "provider": "brief" })));
    let (whole, ()) = tokio::join!(whole, app.assert_well());
    let mut stream = app.stream(ask(HOURS, json!({ "provider": "brief" }))).await;
    let broken = stream.fail(504, "deadline-exceeded").await;
    for problem in [whole.problem(504, "deadline-exceeded"), broken] {
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail
                .contains("(200ms; `timeout` under [limits] in the provider's file raises it, or"),
            "{detail}"
        );
    }

    for stream in [false, true] {
        let client =
            Raw::chat(&app, &ask(HOURS, json!({ "provider": "single", "stream": stream }))).await;
        answers(&app, "single", 503).await;
        client.hang_up();
        answers(&app, "single", 200).await;
    }
    app.assert_well().await;
}
