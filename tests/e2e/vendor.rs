//! Vendors that refuse, fail, or answer what isn't an answer: each becomes a status and a sentence
//! that a person can act on, never a hang, a crash or an empty answer.

use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};
use mock_vendor::{MockVendor, Reply, claude};
use serde_json::{Value, json};

use crate::support::{App, ask, question};

#[tokio::test]
async fn each_refusal_of_the_vendor_has_its_status() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("LLM_MAX_RETRIES", "0").start().await;
    for (status, kind, expected, code, retry_after) in [
        (400, "invalid_request_error", 400, "invalid-request", None),
        (401, "authentication_error", 502, "provider-credentials", None),
        (402, "billing_error", 502, "provider-credentials", None),
        (403, "permission_error", 502, "provider-credentials", None),
        (404, "not_found_error", 404, "not-found", None),
        (413, "request_too_large", 413, "body-too-large", None),
        (422, "of_another_api", 400, "invalid-request", None),
        (429, "rate_limit_error", 429, "rate-limited", Some("30")),
        (500, "api_error", 502, "provider-failed", None),
        (504, "timeout_error", 504, "deadline-exceeded", None),
        (529, "overloaded_error", 503, "overloaded", Some("1")),
    ] {
        for stream in [false, true] {
            let words = format!("The vendor's words about {status}");
            vendor.reply(Reply::json(status, claude::error(kind, &words)));
            let answer = app.chat(ask(&words, json!({ "stream": stream }))).await;
            let problem = answer.problem(expected, code);
            assert_eq!(problem["detail"], words);
            assert_eq!(answer.header("retry-after"), retry_after, "{status}");
            assert_eq!(answer.header("x-should-retry"), Some("false"), "{status}");

            // What only an operator needs is in the log.
            let line = app.request_line(answer.id()).await;
            let error = line["error"].as_str().unwrap();
            assert!(
                error.contains(&status.to_string()) && error.contains(claude::REQUEST_ID),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn the_vendors_retry_after_is_passed_on() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("LLM_MAX_RETRIES", "0").start().await;
    for (header, value, expected) in [
        ("retry-after", "7", "7"),
        ("retry-after-ms", "1500", "2"),
        ("retry-after", "0", "1"),
        ("retry-after", "x", "30"),
    ] {
        let reply = Reply::json(429, claude::error("rate_limit_error", "Slower, please."));
        vendor.reply(reply.header(header, value));
        let answer = app.chat(question("Hello")).await;
        answer.problem(429, "rate-limited");
        assert_eq!(answer.header("retry-after"), Some(expected), "{header}: {value}");
    }
}

#[tokio::test]
async fn a_retry_after_date_is_held_against_the_time_the_answer_came_if_it_has_no_date() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("LLM_MAX_RETRIES", "0").start().await;
    let date = |timestamp: Timestamp| {
        DateTimePrinter::new().timestamp_to_rfc9110_string(&timestamp).expect("a date of HTTP")
    };
    let busy = || Reply::json(429, claude::error("rate_limit_error", "Slower, please."));
    let retry_after = async |reply: Reply| {
        vendor.reply(reply);
        let answer = app.chat(question("Hello")).await;
        answer.problem(429, "rate-limited");
        answer.header("retry-after").and_then(|seconds| seconds.parse::<i64>().ok())
    };
    let asked = Timestamp::now();
    let tomorrow = date(asked + SignedDuration::from_hours(24));
    let wait = retry_after(busy().header("retry-after", &*tomorrow)).await.expect("a wait");
    // The answer came between the question and now; dates have whole seconds.
    let longest = 24 * 3600 + 1;
    let shortest = longest - 2 - (Timestamp::now() - asked).get_seconds().abs() - 1;
    assert!((shortest..=longest).contains(&wait), "{wait}");
    // The vendor's own date wins: its clock may go otherwise.
    let own = busy().header("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT");
    let own = own.header("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(retry_after(own).await, Some(30));
}

#[tokio::test]
async fn an_answer_that_is_none_is_a_502_that_says_so() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("LLM_MAX_RETRIES", "0").start().await;
    let html = "<html><body><h1>502 Bad Gateway</h1>nginx</body></html>";
    let page = |status| Reply::status(status).header("content-type", "text/html").body(html);
    let mut no_reason = claude::message("Hi");
    no_reason["stop_reason"] = Value::Null;
    let message = claude::message("Hi").to_string();
    let answer = || Reply::json(200, claude::message("Hi"));

    for (how, reply) in [
        (
            "not JSON",
            Reply::status(200).header("content-type", "application/json").body("{\"id\": "),
        ),
        (
            "JSON of something else",
            Reply::json(200, json!({ "object": "chat.completion", "choices": [] })),
        ),
        ("an array", Reply::json(200, json!([]))),
        ("null", Reply::json(200, json!(null))),
        (
            "fields of other types",
            Reply::json(200, json!({ "type": "message", "id": 5, "model": {}, "content": "x" })),
        ),
        ("unfinished", Reply::json(200, no_reason)),
        ("a page", page(200)),
        ("a page that is refused", page(502)),
        ("an empty body", Reply::status(200)),
        ("an empty refusal", Reply::status(500)),
        ("not UTF-8", Reply::status(200).body(b"{\"id\": \"\xff\xfe\"}".as_slice())),
        ("too long a length", answer().content_length(message.len() + 10)),
        ("too short a length", answer().content_length(message.len() - 10)),
        ("reset before the head", answer().reset_before_headers()),
        ("closed before the head", answer().close_before_headers()),
        ("reset after the head", answer().reset_after_headers()),
        ("closed in the middle", answer().chunked().close_mid_body(20)),
        ("not HTTP", Reply::raw("SSH-2.0-OpenSSH_9.7\r\n")),
        ("half a head", Reply::raw("HTTP/1.1 200 OK\r\ncontent-le")),
        (
            "a redirect",
            Reply::status(302).header("location", "https://elsewhere.example/v1/messages"),
        ),
        (
            "a redirect that keeps the method",
            Reply::status(307).header("location", "/v1/elsewhere"),
        ),
        ("nested without end", Reply::status(200).body("[".repeat(100_000))),
    ] {
        vendor.reply(reply);
        let problem = app.chat(question(how)).await.problem(502, "provider-failed");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            20 < detail.len() && detail.len() < 400 && !detail.contains("<h1>"),
            "{how}: {detail}"
        );
    }
    assert_eq!(vendor.count(), 22, "no redirect was followed");
    app.assert_well().await;
}

#[tokio::test]
async fn an_answer_without_end_is_cut_at_its_limit() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor)
        .set("LLM_MAX_RETRIES", "0")
        .set("LLM_RESPONSE_LIMIT", "100000")
        .start()
        .await;
    let endless = "x".repeat(10_000);

    vendor.reply(Reply::json(200, claude::message("Hi")).endless(endless.as_str()));
    let problem = app.chat(question("Hello")).await.problem(502, "provider-failed");
    assert!(problem["detail"].as_str().unwrap().contains("larger than 100000 bytes"), "{problem}");
    vendor.wait_for_disconnect().await;

    // A refusal whose words have no end is still that refusal.
    vendor.reply(Reply::status(429).endless(endless.as_str()));
    app.chat(question("Hello")).await.problem(429, "rate-limited");
    vendor.wait_for_disconnect().await;

    let start = claude::events(&["Good "])[..4].concat();
    vendor.reply(Reply::sse([start]).endless(claude::text_delta(0, &"x".repeat(1_000))));
    let problem = app.stream(question("Hello")).await.fail(502, "provider-failed").await;
    assert!(problem["detail"].as_str().unwrap().contains("larger than 100000 bytes"), "{problem}");
    vendor.wait_for_disconnect().await;
}

#[tokio::test]
async fn an_event_larger_than_its_limit_is_a_failure() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor)
        .set("LLM_MAX_RETRIES", "0")
        .set("LLM_EVENT_LIMIT", "10000")
        .start()
        .await;

    let endless_line = Reply::sse(["event: message_start\ndata: {"]).endless("x".repeat(1_000));
    let problem = {
        vendor.reply(endless_line);
        app.refused_stream(question("Hello")).await.problem(502, "provider-failed")
    };
    assert!(problem["detail"].as_str().unwrap().contains("larger than 10000 bytes"), "{problem}");
    vendor.wait_for_disconnect().await;

    let lines_without_end = Reply::sse(["event: message_start\n"]).endless("data: x\n".repeat(100));
    vendor.reply(lines_without_end);
    app.refused_stream(question("Hello")).await.problem(502, "provider-failed");
    vendor.wait_for_disconnect().await;

    let mut events = claude::events(&["Good "])[..4].to_vec();
    events.push(claude::text_delta(0, &"x".repeat(20_000)));
    vendor.reply(Reply::sse(events));
    app.stream(question("Hello")).await.fail(502, "provider-failed").await;
}

#[tokio::test]
async fn a_vendor_that_falls_silent_is_given_up() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor)
        .set("LLM_MAX_RETRIES", "0")
        .set("LLM_IDLE_TIMEOUT", "200ms")
        .start()
        .await;

    vendor.reply(Reply::stall());
    let problem = app.chat(question("Hello")).await.problem(504, "deadline-exceeded");
    assert!(problem["detail"].as_str().unwrap().contains("200ms"), "{problem}");
    vendor.wait_for_disconnect().await;

    vendor.reply(Reply::json(200, claude::message("Hi")).stall_mid_body(10));
    app.chat(question("Hello")).await.problem(504, "deadline-exceeded");
    vendor.wait_for_disconnect().await;

    let words = claude::events(&["Good "])[..4].concat();
    let length = words.len();
    vendor.reply(Reply::sse([words]).stall_mid_body(length));
    app.stream(question("Hello")).await.fail(504, "deadline-exceeded").await;
    vendor.wait_for_disconnect().await;
}
