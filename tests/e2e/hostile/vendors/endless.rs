//! Answers without an end: in the head, before it, in the body, event by event, hop by hop.

use std::time::Duration;

use mock_vendor::{MockVendor, Reply, claude};

use super::{assert_failed, chat, server};

#[tokio::test]
async fn what_has_no_end_is_ended() {
    let vendor = MockVendor::start().await;
    let app = server(&vendor).await;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let events = || Reply::sse([claude::events(&["Good "])[..4].concat()]);
    for (what, reply) in [
        ("a status line", Reply::raw("HTTP/1.1 200 ").endless("O".repeat(1_000))),
        ("a header's name", Reply::raw(head).endless("x".repeat(1_000))),
        ("a header's value", Reply::raw(format!("{head}x: ")).endless("x".repeat(1_000))),
        ("headers", Reply::raw(head).endless("x: y\r\n".repeat(100))),
        (
            "interim answers",
            Reply::raw("").endless("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"),
        ),
        ("answers that tell to go on", Reply::raw("").endless("HTTP/1.1 100 Continue\r\n\r\n")),
        ("a body", Reply::json(200, claude::message("Hi")).endless("x".repeat(1_000))),
        ("white space before the JSON", Reply::status(200).endless(" ".repeat(1_000))),
        ("a refusal", Reply::status(500).endless("x".repeat(1_000))),
        (
            "an extension of a chunk",
            Reply::raw(format!("{head}transfer-encoding: chunked\r\n\r\n2;"))
                .endless("a".repeat(1_000)),
        ),
        (
            "chunks of one byte",
            Reply::raw(format!("{head}transfer-encoding: chunked\r\n\r\n"))
                .endless("1\r\n \r\n".repeat(100)),
        ),
        (
            "trailers",
            Reply::raw(format!("{head}transfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n"))
                .endless("a: b\r\n".repeat(100)),
        ),
        ("events", events().endless(claude::text_delta(0, "x"))),
        ("pings", events().endless(claude::ping())),
        ("comments", events().endless(": on\n\n".repeat(50))),
        ("empty lines", events().endless("\n".repeat(1_000))),
        ("empty events", events().endless("data:\n\n".repeat(100))),
        ("one line", events().endless("x".repeat(1_000))),
        ("one event of many lines", events().endless("data: x\n".repeat(100))),
        ("names of events", events().endless("event: a\n".repeat(100))),
        (
            "new blocks",
            events()
                .endless(claude::block_start(1, serde_json::json!({"type": "text", "text": ""}))),
        ),
        ("beginnings", events().endless(claude::message_start())),
        ("usage", events().endless(claude::message_delta("end_turn"))),
    ] {
        for stream in [false, true] {
            vendor.reply(reply.clone());
            let answer = chat(&app, stream).await;
            assert_failed(what, &answer);
            vendor.wait_for_disconnect().await;
        }
    }
}

#[tokio::test]
async fn a_drip_that_never_pauses_ends_with_the_time_of_the_call() {
    let vendor = MockVendor::start().await;
    let app = server(&vendor).await;
    let drip = |reply: Reply| reply.cut_every(1).pace(Duration::from_millis(100));
    for (what, reply, stream) in [
        ("a body", drip(Reply::json(200, claude::message(&"x".repeat(1_000)))), false),
        ("events", drip(Reply::sse([claude::stream(&["x"; 100])])), true),
        (
            "spaces",
            Reply::status(200)
                .body(" ".repeat(1_000))
                .cut_every(1)
                .pace(Duration::from_millis(100)),
            false,
        ),
    ] {
        vendor.reply(reply);
        let answer = chat(&app, stream).await;
        assert_failed(what, &answer);
        assert!(answer.body.contains("deadline-exceeded"), "{what}: {}", answer.body);
        vendor.wait_for_disconnect().await;
    }
}

#[tokio::test]
async fn redirects_in_a_circle_are_not_followed() {
    let vendor = MockVendor::start().await;
    let app = server(&vendor).await;
    let mut asked = 0;
    for status in [301, 302, 303, 307, 308] {
        for target in [
            vendor.url().to_owned(),
            "/v1/messages".into(),
            "//evil.example/".into(),
            "javascript:1".into(),
            "\u{1}".into(),
        ] {
            vendor.reply(Reply::status(status).header("location", target));
            assert_failed("a redirect", &chat(&app, false).await);
            asked += 1;
        }
    }
    assert_eq!(vendor.count(), asked);
}

#[tokio::test]
async fn silence_at_any_place_ends_with_its_own_limit() {
    let vendor = MockVendor::start().await;
    let app = server(&vendor).await;
    let message = claude::message("Hi").to_string();
    for (what, reply, stream) in [
        ("before the head", Reply::stall(), false),
        ("after the head", Reply::status(200).body("x").chunked().stall_mid_body(0), false),
        (
            "before the last byte",
            Reply::status(200).body(message.as_str()).stall_mid_body(message.len() - 1),
            false,
        ),
        ("before the first event", Reply::sse([claude::stream(&["x"])]).stall_mid_body(0), true),
        ("within an event", Reply::sse([claude::stream(&["x"])]).stall_mid_body(300), true),
    ] {
        vendor.reply(reply);
        let answer = chat(&app, stream).await;
        assert_failed(what, &answer);
        vendor.wait_for_disconnect().await;
    }
}
