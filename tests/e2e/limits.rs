//! What the door bounds: slow clients, large heads, too many at once.

use mock_vendor::{Gate, MockVendor, Reply, claude};

use crate::support::{App, Raw, question, raw};

#[tokio::test]
async fn a_client_that_is_slow_with_its_head_is_cut() {
    let app = App::with_echo().set("HTTP_READ_TIMEOUT", "200ms").start().await;
    let mut silent = Raw::connect(&app).await;
    let mut slow = Raw::connect(&app).await;
    slow.send("POST /api/llm/chat HTTP/1.1\r\nhost: localhost\r\ncontent-").await;
    let answers = tokio::join!(silent.rest(), slow.rest());
    for answer in [answers.0, answers.1] {
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
    app.assert_well().await;
}

#[tokio::test]
async fn a_client_that_is_slow_with_its_body_is_told_so() {
    let app = App::with_echo().set("HTTP_READ_TIMEOUT", "200ms").start().await;
    let head =
        "POST /api/llm/chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    for start in [
        format!("{head}content-length: 100\r\n\r\n{{"),
        format!("{head}transfer-encoding: chunked\r\n\r\n1\r\n{{\r\n"),
    ] {
        let mut slow = Raw::connect(&app).await;
        slow.send(start).await;
        let (status, _, body) = slow.answer().await;
        assert_eq!(status, 408, "{body}");
        assert!(body.contains(r#""code":"request-timeout""#), "{body}");
        slow.rest().await;
    }
    app.assert_well().await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_nobody_elses_problem() {
    let app = App::with_echo().start().await;
    let mut gone = Raw::connect(&app).await;
    gone.send(
        "POST /api/llm/chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{",
    )
    .await;
    gone.reset();
    app.wait_for_log(|line| line["outcome"].is_string()).await;
    app.assert_well().await;
}

#[tokio::test]
async fn one_request_more_than_may_be_at_work_is_turned_away() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("HTTP_MAX_REQUESTS", "1").start().await;
    let gate = Gate::new();
    vendor.reply(Reply::json(200, claude::message("Hi")).wait_before_headers(&gate));
    let mut first = Raw::chat(&app, &question("Hello")).await;
    gate.reached().await;

    let second = app.chat(question("Me too")).await;
    second.problem(503, "overloaded");
    assert_eq!(second.header("retry-after"), Some("1"));
    assert_eq!(vendor.count(), 1);

    gate.open();
    assert_eq!(first.answer().await.0, 200);
    // The place is free again once the answer is sent.
    app.wait_for_log(|line| line["outcome"] == "ok").await;
    app.assert_well().await;
}

#[tokio::test]
async fn one_call_more_than_a_provider_may_have_is_turned_away() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("LLM_MAX_CALLS", "1").start().await;
    let gate = Gate::new();
    vendor.reply(Reply::json(200, claude::message("Hi")).wait_before_headers(&gate));
    let mut first = Raw::chat(&app, &question("Hello")).await;
    gate.reached().await;

    let second = app.chat(question("Me too")).await;
    second.problem(503, "overloaded");
    assert!(second.header("retry-after").is_some());
    // Another provider's places are its own.
    app.assert_well().await;

    gate.open();
    assert_eq!(first.answer().await.0, 200);
    app.assert_well().await;
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let app = App::with_echo().set("HTTP_MAX_CONNECTIONS", "1").start().await;
    let mut first = Raw::connect(&app).await;
    first.send("GET /api/health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert_eq!(first.answer().await.0, 200);
    let mut second = Raw::connect(&app).await;
    second.send("GET /api/health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    first.hang_up();
    assert_eq!(second.answer().await.0, 200);
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let app = App::with_echo().set("HTTP_HEADER_LIMIT", "8192").start().await;
    let one_large =
        format!("GET / HTTP/1.1\r\nhost: localhost\r\nx-large: {}\r\n\r\n", "x".repeat(8_200));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x-many: x\r\n".repeat(750));
    let long_path = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(8_200));
    for head in [one_large, many, long_path] {
        let mut client = Raw::connect(&app).await;
        // A little over the limit, so that the server reads all that is sent: with bytes left
        // unread, closing would reset the connection, and the answer could be lost.
        client.send(&head).await;
        let answer = client.rest().await;
        let refused = ["HTTP/1.1 400 ", "HTTP/1.1 414 ", "HTTP/1.1 431 "]
            .iter()
            .any(|it| answer.starts_with(it));
        assert!(refused, "{answer:?}");
    }
    app.assert_well().await;
}

#[tokio::test]
async fn a_connection_serves_many_requests_in_turn() {
    let app = App::shared().await;
    let mut client = Raw::connect(&app).await;
    let ask = |text: &str| raw::post("/api/llm/chat", &question(text).to_string());
    // Two at once: answered in order.
    client.send(format!("{}{}", ask("one"), ask("two"))).await;
    for text in ["one", "two"] {
        let (status, _, body) = client.answer().await;
        assert_eq!(status, 200);
        assert!(body.contains(text), "{body}");
    }
    client.send(ask("three")).await;
    assert!(client.answer().await.2.contains("three"));
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_cut() {
    let app = App::with_echo()
        .set("HTTP_READ_TIMEOUT", "2s")
        .set("HTTP_MAX_CONNECTIONS", "1")
        .start()
        .await;
    // More than the buffers between the two hold; the client reads nothing of it. Long enough for a
    // busy machine to take the question in.
    let idle = Raw::chat(&app, &question(&"x".repeat(16 << 20))).await;
    // The only place for a connection is free again, although its holder is still there.
    app.assert_well().await;
    drop(idle);
}
