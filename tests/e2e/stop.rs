//! Signals: what runs may end, nothing new begins, and the process goes when it said it would.

use mock_vendor::{Gate, MockVendor, Reply, claude};
use serde_json::json;
use tokio::net::TcpStream;

use crate::support::{App, Raw, ask, question};

/// Waits until the server has heard the signal and closed its port.
async fn stopping(app: &App) {
    app.wait_for_log(|line| line["message"] == "Stopping").await;
}

#[tokio::test]
async fn an_idle_server_stops_at_once_and_closes_idle_connections() {
    for signal in ["TERM", "INT"] {
        let mut app = App::with_echo().start().await;
        let mut idle = Raw::connect(&app).await;
        idle.send("GET /api/health HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        assert_eq!(idle.answer().await.0, 200);
        app.signal(signal);
        assert_eq!(idle.rest().await, "");
        assert_eq!(app.ended().await.code(), Some(0), "{signal}");
        assert!(app.logs().text().contains("Stopped"));
    }
}

#[tokio::test]
async fn what_is_under_way_may_end_within_the_grace() {
    let vendor = MockVendor::start().await;
    let mut app = App::with_vendor(&vendor).start().await;
    let gate = Gate::new();
    vendor.reply(Reply::sse_text(claude::stream(&["Good ", "morning"])).wait_after(4, &gate));
    let mut stream = app.stream(question("A stream")).await;
    stream.next().await;
    assert_eq!(stream.text().await, "Good ");
    vendor.reply(Reply::json(200, claude::message("Hi")).wait_before_headers(&gate));
    let mut whole = Raw::chat(&app, &question("A whole")).await;
    gate.reached_by(2).await;

    app.signal("TERM");
    stopping(&app).await;
    TcpStream::connect(app.address()).await.expect_err("nothing new begins");

    gate.open();
    assert_eq!(stream.finish().await.0, "morning");
    let (status, head, _) = whole.answer().await;
    assert_eq!(status, 200);
    assert!(head.to_ascii_lowercase().contains("connection: close"), "{head}");
    assert_eq!(whole.rest().await, "");
    assert_eq!(app.ended().await.code(), Some(0));
}

#[tokio::test]
async fn what_outlives_the_grace_is_cut_with_an_error() {
    let vendor = MockVendor::start().await;
    let mut app = App::with_vendor(&vendor).set("SHUTDOWN_GRACE", "200ms").start().await;
    vendor
        .reply(Reply::sse_text(claude::stream(&["Good ", "morning"])).wait_after(4, &Gate::new()));
    let mut stream = app.stream(question("A stream")).await;
    stream.next().await;
    assert_eq!(stream.text().await, "Good ");
    vendor.reply(Reply::stall());
    let mut whole = Raw::chat(&app, &question("A whole")).await;
    vendor.next_request().await;
    vendor.next_request().await;

    app.signal("TERM");
    let problem = stream.fail(503, "overloaded").await;
    assert!(problem["detail"].as_str().unwrap().contains("stopping"), "{problem}");
    let (status, head, body) = whole.answer().await;
    assert_eq!(status, 503, "{body}");
    assert!(head.to_ascii_lowercase().contains("retry-after: 1"), "{head}");
    assert_eq!(app.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let vendor = MockVendor::start().await;
    let mut app = App::with_vendor(&vendor).set("SHUTDOWN_GRACE", "1h").start().await;
    vendor.reply(Reply::stall());
    let mut client = Raw::chat(&app, &ask("Hello", json!({ "stream": true }))).await;
    vendor.next_request().await;
    app.signal("TERM");
    stopping(&app).await;
    app.signal("TERM");
    assert_eq!(app.ended().await.code(), Some(130));
    client.rest().await;
}

#[tokio::test]
async fn a_client_that_never_reads_does_not_keep_the_server() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor)
        .set("SHUTDOWN_GRACE", "100ms")
        .set("LLM_RESPONSE_LIMIT", "1000000000");
    let mut app = app.start().await;
    let start = claude::events(&["Good "])[..4].concat();
    vendor.reply(Reply::sse([start]).endless(claude::text_delta(0, &"x".repeat(1_000))));
    let mut client = Raw::chat(&app, &ask("Hello", json!({ "stream": true }))).await;
    client.until("Good ").await;
    assert_eq!(app.stop().await.code(), Some(0));
}

#[tokio::test]
async fn a_server_that_was_killed_starts_again() {
    let app = App::with_echo().start().await;
    let app = app.kill_and_restart().await;
    app.assert_well().await;
    let app = app.restart().await;
    app.assert_well().await;
}
