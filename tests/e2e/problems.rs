//! What a client does wrong: each mistake is a problem of one form, with a status that fits and the
//! field at fault.

use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use crate::support::{App, Raw, client, question};

/// The fields that a problem names.
fn fields(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().filter_map(|error| error["field"].as_str()).collect()
}

#[tokio::test]
async fn an_unknown_route_is_not_found() {
    let app = App::shared().await;
    for path in [
        "/",
        "/api",
        "/api/llm",
        "/api/llm/chat/",
        "/api/llm/chat/x",
        "/favicon.ico",
        "/api/llm/../../etc/passwd",
    ] {
        let problem = app.get(path).await.problem(404, "not-found");
        assert!(problem["detail"].as_str().unwrap().contains("GET /"), "{problem}");
    }
}

#[tokio::test]
async fn a_method_that_a_route_lacks_is_refused_with_those_it_has() {
    let app = App::shared().await;
    for (method, path, allowed) in [
        (Method::GET, "/api/llm/chat", "POST"),
        (Method::PUT, "/api/llm/chat", "POST"),
        (Method::DELETE, "/api/llm/providers", "GET,HEAD"),
        (Method::POST, "/api/health", "GET,HEAD"),
    ] {
        let answer = client::send(app.request(method, path)).await;
        answer.problem(405, "method-not-allowed");
        assert_eq!(answer.header("allow"), Some(allowed), "{path}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_by_its_type_is_refused() {
    let app = App::shared().await;
    let body = question("Hello").to_string();
    for content_type in
        ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json", ""]
    {
        let request = client::request(Method::POST, app.url("/api/llm/chat"))
            .header("content-type", content_type);
        client::send(request.body(body.clone())).await.problem(415, "unsupported-media-type");
    }
    let none = client::request(Method::POST, app.url("/api/llm/chat")).body(body.clone());
    client::send(none).await.problem(415, "unsupported-media-type");
    for content_type in
        ["application/json; charset=utf-8", "Application/JSON", "application/vnd.api+json"]
    {
        let request = client::request(Method::POST, app.url("/api/llm/chat"))
            .header("content-type", content_type);
        client::send(request.body(body.clone())).await.ok();
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_however_it_is_sent() {
    let app = App::with_echo().set("HTTP_BODY_LIMIT", "2000").start().await;
    let large = question(&"x".repeat(3_000));
    app.chat(large.clone()).await.problem(413, "body-too-large");

    // Announced: refused before it is sent.
    let mut raw = Raw::connect(&app).await;
    let head =
        "POST /api/llm/chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    raw.send(format!("{head}content-length: 99999999999\r\n\r\n")).await;
    assert_eq!(raw.head().await.0, 413);

    // Not announced: refused when it is too much.
    let mut raw = Raw::connect(&app).await;
    raw.send(format!("{head}transfer-encoding: chunked\r\n\r\n")).await;
    raw.send(format!("{:x}\r\n{}\r\n", 1_500, "x".repeat(1_500))).await;
    raw.send(format!("{:x}\r\n{}\r\n", 1_500, "x".repeat(1_500))).await;
    assert_eq!(raw.head().await.0, 413);

    app.chat(question(&"x".repeat(1_000))).await.ok();
}

#[tokio::test]
async fn a_body_that_is_not_a_json_object_is_refused() {
    let app = App::shared().await;
    let deep = |open: &str, close: &str| {
        let nested = format!("{}{}", open.repeat(10_000), close.repeat(10_000));
        format!(
            r#"{{"messages": [{{"role": "user", "content": "Hi"}}], "extra": {{"a": {nested}}}}}"#
        )
    };
    for body in [
        "",
        "{",
        "nonsense",
        "null",
        "5",
        "[]",
        r#""text""#,
        r#"{"messages": [],}"#,
        r#"{"messages": [{"role": "user", "content": "Hi"}]} {"#,
        "{\"messages\": \"\u{0}\"}",
        &"[".repeat(10_000),
        &r#"{"a":"#.repeat(10_000),
        &deep("[", "]"),
        &deep(r#"{"a":"#, "}").replace(":}", ":0}"),
    ] {
        let answer =
            client::send(app.request(Method::POST, "/api/llm/chat").body(body.to_owned())).await;
        answer.problem(400, "invalid-request");
        assert!(answer.body.len() < 2_000, "{}", answer.body);
    }
    let not_text = b"{\"messages\": [{\"role\": \"user\", \"content\": \"\xff\"}]}".to_vec();
    let answer = client::send(app.request(Method::POST, "/api/llm/chat").body(not_text)).await;
    answer.problem(400, "invalid-request");
    app.assert_well().await;
}

#[tokio::test]
async fn a_field_that_is_given_twice_is_refused() {
    let app = App::shared().await;
    let messages = r#""messages": [{"role": "user", "content": "Hi"}]"#;
    for (body, field) in [
        (format!(r#"{{{messages}, "model": "a", "model": "b"}}"#), "model"),
        (format!(r#"{{{messages}, {messages}}}"#), "messages"),
    ] {
        let answer = client::send(app.request(Method::POST, "/api/llm/chat").body(body)).await;
        let problem = answer.problem(400, "invalid-request");
        assert!(problem["detail"].as_str().unwrap().contains(field), "{problem}");
    }
}

#[tokio::test]
async fn each_mistake_in_a_question_is_named_with_its_field() {
    let app = App::shared().await;
    let hello = json!([{ "role": "user", "content": "Hello" }]);
    for (fields_given, field) in [
        (json!({}), "messages"),
        (json!({ "messages": null }), "messages"),
        (json!({ "messages": [] }), "messages"),
        (json!({ "messages": "Hello" }), "messages"),
        (json!({ "messages": [{ "role": "user" }] }), "messages[0]"),
        (json!({ "messages": [{ "content": "Hello" }] }), "messages[0]"),
        (json!({ "messages": [{ "role": "robot", "content": "Hello" }] }), "messages[0].role"),
        (json!({ "messages": [{ "role": "user", "content": 5 }] }), "messages[0].content"),
        (json!({ "messages": [{ "role": "user", "content": [] }] }), "messages[0].content"),
        (
            json!({ "messages": [{ "role": "user", "content": "Hello", "name": "x" }] }),
            "messages[0].name",
        ),
        (
            json!({ "messages": [{ "role": "user", "content": [{ "type": "vidio" }] }] }),
            "messages[0].content[0]",
        ),
        (json!({ "messages": hello, "model": "" }), "model"),
        (json!({ "messages": hello, "model": 5 }), "model"),
        (json!({ "messages": hello, "maxTokens": 0 }), "maxTokens"),
        (json!({ "messages": hello, "maxTokens": 1.5 }), "maxTokens"),
        (json!({ "messages": hello, "maxTokens": "7" }), "maxTokens"),
        (json!({ "messages": hello, "temperature": 2.1 }), "temperature"),
        (json!({ "messages": hello, "temperature": "hot" }), "temperature"),
        (json!({ "messages": hello, "topP": -0.1 }), "topP"),
        (json!({ "messages": hello, "topK": 0 }), "topK"),
        (json!({ "messages": hello, "stopSequences": "STOP" }), "stopSequences"),
        (json!({ "messages": hello, "stopSequences": ["a", 1] }), "stopSequences[1]"),
        (json!({ "messages": hello, "tools": [{ "name": "t" }] }), "tools[0]"),
        (json!({ "messages": hello, "toolChoice": "perhaps" }), "toolChoice"),
        (json!({ "messages": hello, "provider": "" }), "provider"),
        (json!({ "messages": hello, "useCache": "yes" }), "useCache"),
        (json!({ "messages": hello, "cacheTTL": 999 }), "cacheTTL"),
        (json!({ "messages": hello, "cacheTTL": 2_592_000_001_u64 }), "cacheTTL"),
        (json!({ "messages": hello, "stream": "yes" }), "stream"),
        (json!({ "messages": hello, "extra": [] }), "extra"),
        (json!({ "messages": hello, "max_tokens": 5 }), "max_tokens"),
    ] {
        let problem = app.chat(fields_given.clone()).await.problem(400, "invalid-request");
        let named = fields(&problem);
        assert!(named.len() == 1 && named[0].starts_with(field), "{fields_given}: {problem}");
    }
}

#[tokio::test]
async fn all_mistakes_are_named_at_once() {
    let app = App::shared().await;
    let problem = app
        .chat(json!({ "temperature": 5, "topK": 0, "nmae": 1 }))
        .await
        .problem(400, "invalid-request");
    assert_eq!(fields(&problem), ["messages", "temperature", "topK", "nmae"]);
}

#[tokio::test]
async fn mistakes_are_named_at_every_depth() {
    let app = App::shared().await;
    let body = json!({
        "messages": [{ "role": "robot", "content": 5 }, { "role": "user" }, { "content": [] }],
        "tools": [{ "name": 1 }, { "description": "x" }],
    });
    let problem = app.chat(body).await.problem(400, "invalid-request");
    assert_eq!(
        fields(&problem),
        [
            "messages[0].role",
            "messages[0].content",
            "messages[1].content",
            "messages[2].role",
            "messages[2].content",
            "tools[0].name",
            "tools[0].inputSchema",
            "tools[1].name",
            "tools[1].inputSchema",
        ]
    );
    assert_eq!(
        problem["errors"][0]["message"],
        "is `robot`, must be one of `system`, `user`, `assistant`"
    );
    assert!(problem["detail"].as_str().unwrap().ends_with("; and 6 more"), "{problem}");

    let body = json!({ "messages": vec![5; 1_000] });
    let problem = app.chat(body).await.problem(400, "invalid-request");
    assert_eq!(fields(&problem).len(), 50);
    assert!(problem["detail"].as_str().unwrap().ends_with("; and 997 more"), "{problem}");
}

#[tokio::test]
async fn a_clients_own_request_id_is_kept_if_it_is_sane() {
    let app = App::shared().await;
    for id in ["order-66/attempt:1", &"x".repeat(128)] {
        let answer =
            client::send(app.request(Method::GET, "/nowhere").header("x-request-id", id)).await;
        assert_eq!(answer.id(), id);
        answer.problem(404, "not-found");
        app.request_line(id).await;
    }
    let long = "x".repeat(129);
    for hostile in
        [b"".as_slice(), b"with space", b"t\tab", b"caf\xc3\xa9", b"\xff", long.as_bytes()]
    {
        let value = HeaderValue::from_bytes(hostile).unwrap();
        let answer =
            client::send(app.request(Method::GET, "/nowhere").header("x-request-id", value)).await;
        assert_eq!(answer.id().len(), 36, "a new one: {}", answer.id());
        answer.problem(404, "not-found");
    }
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let app = App::shared().await;
    let first = app.chat(question("Hello")).await;
    let second = app.get("/api/health").await;
    assert_eq!((first.id().len(), second.id().len()), (36, 36));
    assert_ne!(first.id(), second.id());
}

#[tokio::test]
async fn what_is_not_http_is_refused_and_disturbs_nobody() {
    let app = App::shared().await;
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(),
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"POST /api/llm/chat HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"POST /api/llm/chat HTTP/1.1\r\ncontent-length: -5\r\n\r\n",
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
    ] {
        let mut raw = Raw::connect(&app).await;
        raw.send(bytes).await;
        raw.send(b"\r\n\r\n").await;
        let answer = raw.rest().await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    app.assert_well().await;
}
