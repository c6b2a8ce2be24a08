//! The log as people read it: `LOG_FORMAT=pretty`, the default.

use reqwest::Method;

use crate::support::{App, client, question};

/// Waits for the line with this text.
async fn line(app: &App, text: &str) -> String {
    let found = |line: &str| line.contains(text).then(|| line.to_owned());
    app.logs().wait_for_text(text, found).await
}

#[tokio::test]
async fn people_see_one_line_for_each_request_and_no_colours_in_a_file() {
    let app = App::with_echo().set("LOG_FORMAT", "pretty").start().await;
    let body = question("a secret prompt").to_string();
    let request = app.request(Method::POST, "/api/llm/chat").header("x-request-id", "order-66");
    client::send(request.body(body)).await.ok();
    let asked = line(&app, "request_id=order-66").await;
    for part in [
        " INFO ",
        "Request ",
        "method=POST",
        "path=/api/llm/chat",
        "status=200",
        "outcome=\"ok\"",
        "provider=\"echo\"",
        "cache=\"miss\"",
        "attempts=1",
        "total_ms=",
    ] {
        assert!(asked.contains(part), "{part} in {asked}");
    }
    let failed = app.request(Method::GET, "/nowhere").header("x-request-id", "order-67");
    client::send(failed).await.problem(404, "not-found");
    let failed = line(&app, "request_id=order-67").await;
    assert!(failed.contains(" WARN ") && failed.contains("status=404"), "{failed}");

    let text = app.logs().text();
    assert!(!text.contains("a secret prompt"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    assert_eq!(text.matches("request_id=order-66").count(), 1, "{text}");
    let started = line(&app, "Listening").await;
    assert!(started.contains("version=") && started.contains("keys=0"), "{started}");
}

#[tokio::test]
async fn nothing_of_a_caller_forges_a_line_for_people() {
    let app = App::with_echo().set("LOG_FORMAT", "pretty").start().await;
    let mut body = question("hi");
    body["model"] = "m\u{2028}2026-01-01T00:00:00Z ERROR forged".into();
    client::send(app.request(Method::POST, "/api/llm/chat").body(body.to_string())).await;
    client::send(app.request(Method::GET, "/a%0AERROR%20forged")).await;
    let asked = line(&app, "path=/api/llm/chat").await;
    line(&app, "/a%0AERROR").await;
    assert!(!asked.contains('\u{2028}'), "{asked}");
    for line in app.logs().text().lines() {
        assert!(!line.trim_start().starts_with("ERROR"), "{line}");
    }
}
