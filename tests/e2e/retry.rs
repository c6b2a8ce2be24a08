//! Attempts after a failure: only where another may succeed, never after the client has heard
//! something, and not for longer than the call may take.

use std::time::{Duration, Instant};

use mock_vendor::{Gate, MockVendor, Reply, claude};
use serde_json::{Value, json};

use crate::support::{App, ask, question};

fn overloaded() -> Reply {
    Reply::json(529, claude::error("overloaded_error", "Overloaded"))
}

fn hi() -> Reply {
    Reply::json(200, claude::message("Hi"))
}

/// The lines that tell of attempts that are followed by another.
fn retries(app: &App) -> Vec<Value> {
    app.logs().find(|line| line["message"] == "Attempt failed; trying again")
}

#[tokio::test]
async fn an_overloaded_vendor_is_asked_again() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    vendor.replies([overloaded(), hi()]);
    let answer = app.chat(question("Hello")).await;
    assert_eq!(answer.ok()["content"], "Hi");
    assert_eq!(vendor.count(), 2);
    let [first, second] = vendor.requests().try_into().expect("two requests");
    assert_eq!(first.body, second.body);

    let line = app.request_line(answer.id()).await;
    assert_eq!((&line["attempts"], &line["outcome"]), (&json!(2), &json!("ok")));
    let [retry] = retries(&app).try_into().expect("one line for one retry");
    assert_eq!(
        (&retry["provider"], &retry["attempt"], &retry["kind"]),
        (&json!("claude"), &json!(1), &json!("overloaded"))
    );
    assert!(retry["delay_ms"].is_u64(), "{retry}");
    assert_eq!(retry["request_id"], answer.id());
}

#[tokio::test]
async fn a_vendor_that_keeps_failing_is_given_up_after_the_last_retry() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("LLM_MAX_RETRIES", "3").start().await;
    vendor.replies((0..5).map(|_| Reply::json(500, claude::error("api_error", "Oh."))));
    let answer = app.chat(question("Hello")).await;
    answer.problem(502, "provider-failed");
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert_eq!(vendor.count(), 4);
    assert_eq!(app.request_line(answer.id()).await["attempts"], 4);
    let attempts: Vec<Value> = retries(&app).iter().map(|line| line["attempt"].clone()).collect();
    assert_eq!(attempts, [1, 2, 3]);
}

#[tokio::test]
async fn what_no_retry_can_mend_is_asked_once() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
    ] {
        let before = vendor.count();
        vendor.reply(Reply::json(status, claude::error(kind, "No.")));
        let answer = app.chat(question("Hello")).await;
        assert!(answer.status >= 400, "{answer:?}");
        assert_eq!(vendor.count(), before + 1, "{status}");
    }
    vendor.reply(Reply::status(200).body("nonsense"));
    app.chat(question("Hello")).await.problem(502, "provider-failed");
    assert_eq!(vendor.count(), 7, "an answer that makes no sense was made and paid for");
    assert_eq!(retries(&app), [json!(null); 0]);
}

#[tokio::test]
async fn an_answer_before_the_whole_question_was_sent_is_the_answer_and_nothing_is_sent_again() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    let refusal = Reply::json(413, claude::error("request_too_large", "Too large for the proxy."));
    vendor.always(refusal.before_request_body());
    let large = ask(&"x".repeat(8 << 20), json!({ "useCache": false }));
    for asked in 1..=10 {
        let problem = app.chat(large.clone()).await.problem(413, "body-too-large");
        assert_eq!(problem["detail"], "Too large for the proxy.");
        assert_eq!(vendor.count(), asked, "it is sent once");
        assert_eq!(vendor.connections_total(), asked);
    }
    // The same without an answer is a failed connection, which another attempt may mend.
    vendor.reset();
    vendor.reply(Reply::raw("").before_request_body());
    vendor.reply(hi());
    assert_eq!(app.chat(large).await.ok()["content"], "Hi");
}

#[tokio::test]
async fn no_retries_means_one_attempt() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("LLM_MAX_RETRIES", "0").start().await;
    vendor.always(overloaded());
    let answer = app.chat(question("Hello")).await;
    answer.problem(503, "overloaded");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(vendor.count(), 1);
}

#[tokio::test]
async fn a_wait_longer_than_a_minute_is_the_callers_to_make() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    let limited = Reply::json(429, claude::error("rate_limit_error", "Slower, please."));
    vendor.always(limited.header("retry-after", "120"));
    let answer = app.chat(question("Hello")).await;
    answer.problem(429, "rate-limited");
    assert_eq!(answer.header("retry-after"), Some("120"));
    assert_eq!(vendor.count(), 1);
}

#[tokio::test]
async fn the_vendor_is_given_the_time_it_asks_for() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    let limited = Reply::json(429, claude::error("rate_limit_error", "Slower, please."));
    vendor.replies([limited.header("retry-after", "1"), hi()]);
    let began = Instant::now();
    app.chat(question("Hello")).await.ok();
    let took = began.elapsed();
    assert!(Duration::from_secs(1) <= took, "{took:?}");
    assert_eq!(vendor.count(), 2);
    assert_eq!(retries(&app)[0]["delay_ms"], 1_000);
}

#[tokio::test]
async fn connections_that_fail_before_an_answer_are_made_again() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    vendor.replies([
        hi().reset_before_headers(),
        hi().close_before_headers(),
        hi().reset_after_headers(),
        hi(),
    ]);
    assert_eq!(app.chat(question("Hello")).await.ok()["content"], "Hi");
    assert_eq!(vendor.count(), 4);
}

#[tokio::test]
async fn a_vendor_that_nobody_can_reach_is_a_502_after_the_retries() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("LLM_MAX_RETRIES", "2").start().await;
    vendor.stop().await;
    let answer = app.chat(question("Hello")).await;
    let problem = answer.problem(502, "provider-failed");
    assert!(problem["detail"].as_str().unwrap().contains("could not be reached"), "{problem}");
    assert_eq!(app.request_line(answer.id()).await["attempts"], 3);
}

#[tokio::test]
async fn a_stream_is_asked_for_again_only_until_the_client_has_heard_something() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    let events = claude::events(&["Good ", "morning"]);
    let fails_after = |count: usize| {
        let error = claude::error_event("overloaded_error", "Overloaded");
        Reply::sse(events[..count].iter().cloned().chain([error]))
    };

    vendor.replies([
        overloaded(),
        fails_after(0),
        fails_after(1),
        fails_after(3),
        Reply::sse(events.clone()),
    ]);
    let app_patient = App::with_vendor(&vendor).set("LLM_MAX_RETRIES", "4").start().await;
    let mut stream = app_patient.stream(question("Hello")).await;
    let all = stream.rest().await;
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["start", "delta", "delta", "done"],
        "one start, though five attempts were made"
    );
    assert_eq!(vendor.count(), 5);
    assert_eq!(app_patient.request_line(&stream.id()).await["attempts"], 5);

    vendor.reply(fails_after(4));
    app.stream(question("Hello")).await.fail(503, "overloaded").await;
    assert_eq!(vendor.count(), 6);
}

#[tokio::test]
async fn the_vendors_advice_is_followed_within_the_budget() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("LLM_MAX_RETRIES", "2").start().await;
    let advised = |status, kind, advice: &str| {
        Reply::json(status, claude::error(kind, "No.")).header("x-should-retry", advice)
    };
    for (reply, asked) in [
        (advised(529, "overloaded_error", "false"), 1),
        (advised(429, "rate_limit_error", "false"), 1),
        (advised(409, "conflict_error", "true"), 3),
        (advised(400, "invalid_request_error", "true"), 3),
    ] {
        let before = vendor.count();
        vendor.always(reply);
        let answer = app.chat(question("Hello")).await;
        assert!(answer.status >= 400, "{answer:?}");
        assert_eq!(vendor.count() - before, asked, "{answer:?}");
    }
}

#[tokio::test]
async fn an_error_in_place_of_a_stream_is_told_in_its_words_and_asked_for_once() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    let wrong_key = claude::error("authentication_error", "invalid x-api-key");
    let of_gateway = json!({ "error": { "message": "Incorrect API key provided" } });
    for (body, status, code, words) in [
        (wrong_key, 502, "provider-credentials", "invalid x-api-key"),
        (of_gateway, 502, "provider-failed", "Incorrect API key provided"),
    ] {
        for kind in ["text/event-stream", "application/json"] {
            let before = vendor.count();
            let reply = Reply::status(200).header("content-type", kind);
            vendor.always(reply.body(format!("{body}\n")));
            let answer = app.refused_stream(question("Hello")).await;
            assert_eq!(answer.problem(status, code)["detail"], words);
            assert_eq!(vendor.count(), before + 1);
        }
    }
}

#[tokio::test]
async fn the_deadline_bounds_everything() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("LLM_TIMEOUT", "300ms").start().await;

    vendor.reply(Reply::stall());
    let answer = app.chat(question("Hello")).await;
    answer.problem(504, "deadline-exceeded");
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    vendor.wait_for_disconnect().await;
    // The log says where the time went, although the call was cut while it waited.
    let line = app.request_line(answer.id()).await;
    assert!(line["upstream_ms"].as_u64() >= Some(200), "{line}");

    vendor
        .reply(Reply::sse_text(claude::stream(&["Good ", "morning"])).wait_after(4, &Gate::new()));
    app.stream(question("Hello")).await.fail(504, "deadline-exceeded").await;
    vendor.wait_for_disconnect().await;

    // A wait that the deadline wouldn't outlast isn't begun: the caller learns what the vendor
    // said.
    let limited = Reply::json(429, claude::error("rate_limit_error", "Slower, please."));
    vendor.reply(limited.header("retry-after", "10"));
    let before = vendor.count();
    app.chat(question("Hello")).await.problem(429, "rate-limited");
    assert_eq!(vendor.count(), before + 1);
}

#[tokio::test]
async fn a_crash_of_the_plugin_is_not_tried_again() {
    let app = App::with_echo().plugin(arete_artifacts::TRAP).start().await;
    let answer = app.chat(ask("Hello", json!({ "provider": "trap" }))).await;
    answer.problem(502, "plugin-failed");
    assert_eq!(app.request_line(answer.id()).await["attempts"], 1);
    assert_eq!(retries(&app), [json!(null); 0]);
}
