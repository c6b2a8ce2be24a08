//! Answers that say another length than they have, in words that HTTP has or hasn't.

use mock_vendor::{MockVendor, Reply, claude};
use serde_json::json;

use super::{assert_failed, chat, server};
use crate::support::ask;

/// An answer that whoever takes it would show.
fn poison() -> String {
    let body = claude::message("poison").to_string();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn lengths_that_cannot_be_are_failures() {
    let vendor = MockVendor::start().await;
    let app = server(&vendor).await;
    let body = claude::message("Hi").to_string();
    let with = |lines: &str| {
        Reply::raw(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{lines}\r\n\r\n{body}"
        ))
    };
    let right = body.len();
    for lines in [
        "content-length: -1",
        "content-length: 1e3",
        "content-length: 0x10",
        "content-length: 99999999999999999999999",
        "content-length: 18446744073709551615",
        "content-length: 9223372036854775807",
        "content-length: 100000000",
        "content-length: 5",
        &format!("content-length: {right}\r\ncontent-length: 5"),
        &format!("content-length: {right}, 5"),
        "transfer-encoding: chunked",
        "transfer-encoding: gzip, chunked",
        &format!("transfer-encoding: chunked\r\ncontent-length: {right}"),
    ] {
        vendor.reply(with(lines));
        assert_failed(lines, &chat(&app, false).await);
    }
    for chunk in ["zz", "-1", "ffffffffffffffffff", "ffffffffffffffff", "5;a=\"\r\n", ""] {
        vendor.reply(Reply::raw(format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunk}\r\n{body}"
        )));
        assert_failed(chunk, &chat(&app, false).await);
    }
    vendor.reply(Reply::json(200, claude::message("Hi")));
    assert_eq!(chat(&app, false).await.ok()["content"], "Hi");
}

#[tokio::test]
async fn heads_that_are_none_are_failures() {
    let vendor = MockVendor::start().await;
    let app = server(&vendor).await;
    let body = claude::message("Hi").to_string();
    let end = format!("content-length: {}\r\n\r\n{body}", body.len());
    for head in [
        "HTTP/1.1 099 Low\r\n",
        "HTTP/1.1 1000 High\r\n",
        "HTTP/1.1 2OO OK\r\n",
        "HTTP/9.9 200 OK\r\n",
        "HTTP/1.1\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n",
        "HTTP/1.1 204 No Content\r\n",
        "HTTP/1.1 304 Not Modified\r\n",
        "HTTP/1.1 200 OK\r\na: b\0c\r\n",
        "HTTP/1.1 200 OK\r\n: empty\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n",
        "HTTP/1.1 200 OK\r\na b: c\r\n",
        "\r\n\r\n\r\n",
        "ICY 200 OK\r\n",
        "\x16\x03\x01\x02\x01\x01\r\n",
    ] {
        vendor.reply(Reply::raw(format!("{head}{end}")));
        assert_failed(head, &chat(&app, false).await);
    }
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_nobodys() {
    let vendor = MockVendor::start().await;
    let app = server(&vendor).await;
    let body = claude::message("mine").to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    for _ in 0..5 {
        // The second answer lies in the connection before anybody asks for one.
        vendor.reply(Reply::raw(format!("{head}{body}{}", poison())));
        assert_eq!(chat(&app, false).await.ok()["content"], "mine");
        vendor.reply(Reply::json(200, claude::message("mine too")));
        assert_eq!(chat(&app, false).await.ok()["content"], "mine too");
    }
}

#[tokio::test]
async fn a_connection_that_is_closed_between_two_answers_fails_neither() {
    let vendor = MockVendor::start().await;
    let app = server(&vendor).await;
    for _ in 0..10 {
        vendor.reply(Reply::json(200, claude::message("Hi")).connection_close());
        assert_eq!(chat(&app, false).await.ok()["content"], "Hi");
    }
    // At once, many: none gets what another asked for.
    vendor.always_with(|request| {
        let text = request.json()["messages"][0]["content"].as_str().unwrap_or_default().to_owned();
        Reply::json(200, claude::message(&text)).cut_every(7)
    });
    let all = (0..30).map(async |number| {
        let text = format!("question {number}.");
        let answer = app.chat(ask(&text, json!({ "useCache": false }))).await;
        assert_eq!(answer.ok()["content"], *text);
    });
    futures_util::future::join_all(all).await;
}
