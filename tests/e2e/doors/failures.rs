//! Failures under the doors' paths, whichever part of the server they come from: each has the form of
//! the caller's dialect.

use mock_vendor::{MockVendor, Reply, claude};
use reqwest::Method;
use serde_json::json;

use super::{chat, message, question, with_both};
use crate::support::{Answer, App, client};

/// Fails unless this is a failure in OpenAI's form.
#[track_caller]
fn openai(answer: &Answer, status: u16, kind: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.json();
    let error = body["error"].as_object().expect("an error");
    let names: Vec<&str> = error.keys().map(String::as_str).collect();
    assert_eq!(names, ["message", "type", "param", "code"]);
    assert_eq!(error["type"], kind, "{body}");
}

/// Fails unless this is a failure in Anthropic's form.
#[track_caller]
fn anthropic(answer: &Answer, status: u16, kind: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.json();
    assert_eq!((&body["type"], &body["error"]["type"]), (&json!("error"), &json!(kind)), "{body}");
    assert!(body["error"]["message"].is_string() && body["request_id"].is_string(), "{body}");
    assert_eq!(body["request_id"].as_str(), answer.header("request-id"));
}

#[tokio::test]
async fn what_never_becomes_a_call_has_the_dialects_form() {
    let app = App::with_echo().set("HTTP_BODY_LIMIT", "2000").start().await;
    let send = |method: Method, path: &'static str, kind: &'static str, body: String| {
        let request = client::request(method, app.url(path)).header("content-type", kind);
        client::send(request.body(body))
    };
    let json = "application/json";
    let large = question("echo", &"x".repeat(3_000), json!({})).to_string();

    let path = "/v1/chat/completions";
    openai(&send(Method::POST, path, json, "{".into()).await, 400, "invalid_request_error");
    openai(
        &send(Method::POST, path, "text/plain", "{}".into()).await,
        415,
        "invalid_request_error",
    );
    openai(&send(Method::POST, path, json, large.clone()).await, 413, "invalid_request_error");
    let refused = send(Method::GET, path, json, String::new()).await;
    openai(&refused, 405, "invalid_request_error");
    assert_eq!(refused.header("allow"), Some("POST"));
    openai(&send(Method::POST, "/v1/files", json, "{}".into()).await, 404, "invalid_request_error");
    openai(
        &send(Method::GET, "/v1/models/nobody", json, String::new()).await,
        404,
        "invalid_request_error",
    );

    let path = "/v1/messages";
    anthropic(&send(Method::POST, path, json, "{".into()).await, 400, "invalid_request_error");
    anthropic(
        &send(Method::POST, path, "text/plain", "{}".into()).await,
        415,
        "invalid_request_error",
    );
    anthropic(&send(Method::POST, path, json, large).await, 413, "request_too_large");
    anthropic(&send(Method::GET, path, json, String::new()).await, 405, "invalid_request_error");
    anthropic(
        &send(Method::POST, "/v1/messages/batches", json, "{}".into()).await,
        404,
        "not_found_error",
    );
    let request = client::request(Method::GET, app.url("/v1/files"))
        .header("anthropic-version", "2023-06-01");
    anthropic(&client::send(request).await, 404, "not_found_error");

    // A base URL without its end.
    let advised = send(Method::POST, "/messages", json, "{}".into()).await;
    assert!(
        advised.problem(404, "not-found")["detail"]
            .as_str()
            .is_some_and(|it| it.contains("/v1/messages"))
    );
}

#[tokio::test]
async fn each_failure_of_a_vendor_has_its_status_in_both_dialects() {
    let (vendor, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&vendor, &gpt).set("LLM_MAX_RETRIES", "0").start().await;
    for (status, kind, expected, of_openai) in [
        (400, "invalid_request_error", 400, "invalid_request_error"),
        (401, "authentication_error", 502, "server_error"),
        (403, "permission_error", 502, "server_error"),
        (404, "not_found_error", 404, "invalid_request_error"),
        (413, "request_too_large", 413, "invalid_request_error"),
        (429, "rate_limit_error", 429, "requests"),
        (500, "api_error", 502, "server_error"),
        (529, "overloaded_error", 503, "server_error"),
    ] {
        for stream in [false, true] {
            vendor.reply(Reply::json(status, claude::error(kind, "The vendor's words")));
            let body = question("claude/claude-sonnet-5", "a", json!({ "stream": stream }));
            let answer = chat(&app, body).await;
            openai(&answer, expected, of_openai);
            assert_eq!(answer.header("x-should-retry"), Some("false"));
        }
    }
    for (status, expected, of_anthropic) in [
        (400, 400, "invalid_request_error"),
        (401, 502, "api_error"),
        (404, 404, "not_found_error"),
        (429, 429, "rate_limit_error"),
        (500, 502, "api_error"),
        (503, 503, "overloaded_error"),
    ] {
        for stream in [false, true] {
            let error = json!({ "error": { "message": "The vendor's words", "type": "a_type", "param": null, "code": null } });
            gpt.reply(Reply::json(status, error).header("retry-after", "1.2"));
            let body = question("gpt/gpt-5.4", "a", json!({ "stream": stream }));
            let answer = message(&app, body).await;
            anthropic(&answer, expected, of_anthropic);
            assert_eq!(answer.header("x-should-retry"), Some("false"));
            assert_eq!(answer.header("retry-after"), Some("2"), "{status}");
        }
    }
}

#[tokio::test]
async fn the_hosts_attempts_are_all_there_are() {
    let (vendor, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&vendor, &gpt).set("LLM_MAX_RETRIES", "2").start().await;
    vendor.always(Reply::json(500, claude::error("api_error", "Down")));
    let answer = message(&app, question("claude/claude-sonnet-5", "a", json!({}))).await;
    assert_eq!((answer.status, answer.header("x-should-retry")), (500, Some("false")));
    assert_eq!(vendor.count(), 3);
}
