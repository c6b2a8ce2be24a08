//! A client that leaves: the vendor's connection is closed at once, because tokens that nobody
//! reads are money.

use mock_vendor::{Gate, MockVendor, Reply, claude};
use serde_json::{Value, json};

use crate::support::{App, Raw, ask, question};

/// Waits for the log line of the nth request that its client gave up, and returns it.
async fn cancelled(app: &App, nth: usize) -> Value {
    let of_cancelled = |line: &Value| line["outcome"] == "cancelled";
    app.logs().wait_for_count("the log line of a cancelled request", of_cancelled, nth + 1).await;
    app.logs().find(of_cancelled).swap_remove(nth)
}

#[tokio::test]
async fn a_client_that_leaves_before_the_vendors_headers_takes_the_call_with_it() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    for (nth, stream) in [false, true].into_iter().enumerate() {
        vendor.reply(Reply::stall());
        let client = Raw::chat(&app, &ask("Hello", json!({ "stream": stream }))).await;
        vendor.next_request().await;
        client.hang_up();
        vendor.wait_for_disconnect().await;
        let line = cancelled(&app, nth).await;
        assert_eq!(
            (&line["status"], &line["provider"]),
            (&json!(499), &json!("claude")),
            "stream: {stream}"
        );
        app.assert_well().await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_while_a_whole_answer_comes_takes_the_call_with_it() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    let gate = Gate::new();
    vendor.reply(Reply::json(200, claude::message("Hi")).wait_at(20, &gate));
    let client = Raw::chat(&app, &question("Hello")).await;
    gate.reached().await;
    client.reset();
    vendor.wait_for_disconnect().await;
    cancelled(&app, 0).await;
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_takes_the_call_with_it() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    for (nth, rudely) in [false, true].into_iter().enumerate() {
        let gate = Gate::new();
        vendor.reply(Reply::sse_text(claude::stream(&["Good ", "morning"])).wait_after(4, &gate));
        let mut client = Raw::chat(&app, &ask("Hello", json!({ "stream": true }))).await;
        client.until("Good ").await;
        if rudely {
            client.reset();
        } else {
            client.hang_up();
        }
        vendor.wait_for_disconnect().await;
        let line = cancelled(&app, nth).await;
        assert_eq!(line["status"], 200, "rudely: {rudely}");
        app.assert_well().await;
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_and_leaves_takes_an_endless_stream_with_it() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("LLM_RESPONSE_LIMIT", "1000000000").start().await;
    let start = claude::events(&["Good "])[..4].concat();
    vendor.reply(Reply::sse([start]).endless(claude::text_delta(0, &"x".repeat(1_000))));
    let mut client = Raw::chat(&app, &ask("Hello", json!({ "stream": true }))).await;
    client.until("Good ").await;
    client.hang_up();
    vendor.wait_for_disconnect().await;
    cancelled(&app, 0).await;
}

#[tokio::test]
async fn no_attempt_is_made_for_a_client_that_left_between_two() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    let later = || {
        Reply::json(529, claude::error("overloaded_error", "Overloaded")).header("retry-after", "1")
    };
    vendor.replies([later(), later(), Reply::json(200, claude::message("Hi"))]);

    let client = Raw::chat(&app, &question("I'm not patient")).await;
    app.wait_for_log(|line| line["message"] == "Attempt failed; trying again").await;
    client.hang_up();
    cancelled(&app, 0).await;

    // This one waits for the same second, from later on: had the other call gone on, it would have
    // been seen by now.
    app.chat(question("I am")).await.ok();
    let asked: Vec<Value> =
        vendor.requests().iter().map(|it| it.json()["messages"][0]["content"].clone()).collect();
    assert_eq!(asked, ["I'm not patient", "I am", "I am"]);
}

#[tokio::test]
async fn a_shared_call_goes_on_for_those_who_stay_and_ends_with_the_last() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("RUST_LOG", "info,arete=debug").start().await;
    let joined = |line: &Value| line["message"] == "Joined a call under way";

    let gate = Gate::new();
    vendor.reply(Reply::json(200, claude::message("Hi")).wait_before_headers(&gate));
    let first = Raw::chat(&app, &question("Who stays?")).await;
    gate.reached().await;
    let mut second = Raw::chat(&app, &question("Who stays?")).await;
    app.wait_for_log(joined).await;
    first.hang_up();
    cancelled(&app, 0).await;
    gate.open();
    let (status, head, body) = second.answer().await;
    assert_eq!(status, 200, "{body}");
    assert!(head.to_ascii_lowercase().contains("x-arete-cache: coalesced"), "{head}");
    assert_eq!(vendor.count(), 1);

    let gate = Gate::new();
    vendor.reply(Reply::json(200, claude::message("Hi")).wait_before_headers(&gate));
    let both = question("Nobody?");
    let clients = [Raw::chat(&app, &both).await, Raw::chat(&app, &both).await];
    app.logs().wait_for_count("both clients to share a call", joined, 2).await;
    gate.reached().await;
    let [first, second] = clients;
    first.hang_up();
    second.hang_up();
    vendor.wait_for_disconnect().await;
    assert_eq!(vendor.count(), 2);
}
