//! Heads of requests that could be read in two ways, and heads that are too large.

use crate::support::{App, Raw, raw};

/// The body of a chat request, as one chunk.
const CHUNKED: &str = "2\r\n{}\r\n0\r\n\r\n";

#[tokio::test]
async fn a_head_that_can_be_read_in_two_ways_is_refused_and_its_connection_closed() {
    let app = App::with_echo().start().await;
    let chat = "POST /api/llm/chat HTTP/1.1\r\ncontent-type: application/json\r\n";
    for head in [
        "GET /api/users HTTP/1.1\r\n\r\n".to_owned(),
        "GET /api/users HTTP/1.1\r\nhost:\r\n\r\n".to_owned(),
        "GET /api/users HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n".to_owned(),
        "GET /api/users HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n\r\n".to_owned(),
        "GET /api/users HTTP/1.1\r\nhost: localhost, evil.example\r\n\r\n".to_owned(),
        "GET /api/users HTTP/1.1\r\nhost: me@localhost\r\n\r\n".to_owned(),
        "GET http://evil.example/api/users HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
        "GET /api/users HTTP/1.1\nhost: localhost\r\n\r\n".to_owned(),
        "GET /api/users HTTP/1.1\r\nhost: localhost\n\r\n".to_owned(),
        "GET /api/users HTTP/1.1\r\nhost: localhost\n\n".to_owned(),
        "\nGET /api/users HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
        format!(
            "{chat}host: localhost\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{CHUNKED}"
        ),
        format!(
            "{chat}host: localhost\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n{CHUNKED}"
        ),
        format!("{chat}host: localhost\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{{}}"),
        format!("{chat}host: localhost\r\ntransfer-encoding: gzip, chunked\r\n\r\n{CHUNKED}"),
        format!(
            "{chat}host: localhost\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n{CHUNKED}"
        ),
        format!("{chat}host: localhost\r\ntransfer-encoding: chunked, chunked\r\n\r\n{CHUNKED}"),
    ] {
        let mut client = Raw::connect(&app).await;
        client.send(&head).await;
        let (status, _, body) = client.answer().await;
        assert_eq!(status, 400, "{head}: {body}");
        assert!(body.contains(r#""code":"invalid-request""#), "{head}: {body}");
        assert_eq!(client.rest().await, "", "{head}");
    }
    for head in [
        "GET /api/users HTTP/1.0\r\n\r\n",
        "GET http://localhost/api/users HTTP/1.1\r\nhost: LOCALHOST\r\n\r\n",
    ] {
        let mut client = Raw::connect(&app).await;
        client.send(head).await;
        assert_eq!(client.answer().await.0, 200, "{head}");
    }
    app.assert_well().await;
}

#[tokio::test]
async fn a_bare_line_feed_in_a_later_head_is_seen_and_one_in_a_body_is_not() {
    let app = App::with_echo().start().await;
    let mut client = Raw::connect(&app).await;
    let body = "{\n\n\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]\n}\n";
    client.send(raw::post("/api/llm/chat", body)).await;
    assert_eq!(client.answer().await.0, 200);
    client.send("GET /api/users HTTP/1.1\r\nhost: localhost\n\r\n").await;
    assert_eq!(client.answer().await.0, 400);
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn methods_that_ask_for_the_request_to_be_repeated_are_not_allowed() {
    let app = App::with_echo().start().await;
    for method in ["TRACE", "TRACK", "DEBUG", "CONNECT", "get"] {
        let mut client = Raw::connect(&app).await;
        client
            .send(format!(
                "{method} /api/users HTTP/1.1\r\nhost: localhost\r\nx-api-key: marker\r\n\r\n"
            ))
            .await;
        let (status, _, body) = client.answer().await;
        assert!(matches!(status, 400 | 404 | 405), "{method}: {status} {body}");
        assert!(!body.contains("marker"), "{method}: {body}");
    }
}

#[tokio::test]
async fn the_limit_of_a_head_holds_to_the_byte() {
    const LIMIT: usize = 32_768;
    let app = App::with_echo().start().await;
    for (size, status) in [(LIMIT, 200), (LIMIT + 1, 431), (40_000, 431)] {
        let start = "GET /api/users HTTP/1.1\r\nhost: localhost\r\nx-large: ";
        let end = "\r\n\r\n";
        let large = "x".repeat(size - start.len() - end.len());
        let mut client = Raw::connect(&app).await;
        client.send(format!("{start}{large}{end}")).await;
        assert_eq!(client.head().await.0, status, "{size}");
    }
}
