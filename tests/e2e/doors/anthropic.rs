//! `POST /v1/messages`.

use mock_vendor::{Gate, MockVendor, Reply, Step, claude};
use reqwest::Method;
use serde_json::{Value, json};

use super::{asked, assembled, events, first_bytes, message, question, with_both};
use crate::support::{App, client};

#[tokio::test]
async fn an_answer_has_anthropics_form_whole_and_as_a_stream() {
    let app = App::shared().await;
    let expected = json!({
        "type": "message",
        "role": "assistant",
        "model": "echo/echo",
        "content": [{ "type": "text", "text": "hello there" }],
        "stop_reason": "end_turn",
        "stop_sequence": null,
        "usage": {
            "input_tokens": 2,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 2,
        },
    });
    let body = question("echo/echo", "hello there", json!({}));
    for path in ["/v1/messages", "/v1/messages?beta=true"] {
        let answer = client::send(asked(&app, path, &body)).await;
        assert!(answer.header("request-id").is_some());
        let mut whole = answer.ok();
        assert!(
            whole.as_object_mut().and_then(|it| it.remove("id")).is_some_and(|id| id.is_string())
        );
        assert_eq!(whole, expected);
    }
    let mut streamed = assembled(&events(&app, body).await);
    streamed.as_object_mut().expect("an object").remove("id");
    assert_eq!(streamed, expected);
}

#[tokio::test]
async fn every_mistake_is_named() {
    let app = App::shared().await;
    for (body, says) in [
        (json!({ "model": "echo", "messages": [] }), "max_tokens is required"),
        (question("echo", "a", json!({ "max_tokens": 0 })), "max_tokens must be"),
        (question("echo", "a", json!({ "nn": 2 })), "nn is not a field"),
        (question("echo", "a", json!({ "mcp_servers": [{}] })), "mcp_servers can't be passed on"),
        (
            question(
                "echo",
                "a",
                json!({ "tools": [{ "type": "web_search_20250305", "name": "web_search" }] }),
            ),
            "tools[0].type is a tool that Anthropic runs",
        ),
        (
            json!({ "model": "echo", "max_tokens": 1, "messages": [{ "role": "user", "content": [{ "type": "container_upload", "file_id": "f" }] }] }),
            "messages[0].content[0].type can't be passed on",
        ),
    ] {
        let answer = message(&app, body).await;
        let body = answer.json();
        assert_eq!((answer.status, &body["type"]), (400, &json!("error")), "{body}");
        assert_eq!(body["error"]["type"], "invalid_request_error");
        assert_eq!(body["request_id"].as_str(), Some(answer.id()));
        assert!(body["error"]["message"].as_str().is_some_and(|it| it.contains(says)), "{body}");
    }
    // What Claude Code sends with every question.
    let habits = json!({
        "metadata": { "user_id": "{}" }, "thinking": { "type": "adaptive", "display": "omitted" },
        "context_management": { "edits": [] }, "output_config": { "effort": "high" },
        "system": [{ "type": "text", "text": "s", "cache_control": { "type": "ephemeral" } }],
        "tools": [{ "name": "t", "input_schema": { "type": "object" }, "defer_loading": true, "cache_control": {} }],
    });
    message(&app, question("echo", "a", habits)).await.ok();
}

#[tokio::test]
async fn a_message_thread_is_refused_as_its_clients_understand_it() {
    let app = App::shared().await;
    for thread in
        [json!({ "type": "create" }), json!({ "type": "continue", "previous_message_id": "msg_1" })]
    {
        let answer = message(&app, question("echo/echo", "a", json!({ "thread": thread }))).await;
        let error = answer.json()["error"].clone();
        assert_eq!(answer.status, 400);
        assert_eq!(error["details"]["error_code"], "thread_unsupported_request");
        assert_eq!(error["details"]["unsupported"], json!(["provider"]));
        let expected = "capability_rejected: beta_header:message-threads-2026-08-12;";
        assert!(error["message"].as_str().is_some_and(|it| it.starts_with(expected)), "{error}");
    }
}

#[tokio::test]
async fn a_silent_stream_is_kept_alive_by_pings() {
    let (claude, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&claude, &gpt).set("HTTP_HEARTBEAT", "1s").start().await;
    let gate = Gate::new();
    gpt.reply(Reply::steps([Step::wait(&gate), Step::send("data: [DONE]\n\n")]));
    let body = question("gpt/gpt-5.4", "Hello", json!({ "stream": true }));
    let ping = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
    assert_eq!(first_bytes(asked(&app, "/v1/messages", &body)).await, ping);
    gate.open();
}

#[tokio::test]
async fn a_broken_stream_ends_in_an_error_and_never_in_message_stop() {
    let (claude, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&claude, &gpt).set("LLM_MAX_RETRIES", "0").start().await;
    let whole = super::gpt_events(
        &[json!({ "role": "assistant", "content": "Good " }), json!({ "content": "morning" })],
        "stop",
    );
    for cut in [1, 2] {
        gpt.reply(Reply::sse(&whole[..cut]));
        let events = events(&app, question("gpt/gpt-5.4", "Hello", json!({}))).await;
        let last = events.last().expect("events");
        assert_eq!(
            (&last["type"], &last["error"]["type"]),
            (&json!("error"), &json!("api_error")),
            "{last}"
        );
        assert!(events.iter().all(|event| event["type"] != "message_stop"));
    }
}

#[tokio::test]
async fn tokens_are_counted_exactly_or_not_at_all() {
    let app = App::shared().await;
    let body = json!({ "model": "echo/echo", "messages": [{ "role": "user", "content": "a" }] });
    let answer = client::send(asked(&app, "/v1/messages/count_tokens", &body)).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["error"]["type"], "not_found_error");
}

#[tokio::test]
async fn a_vendors_refusal_comes_in_its_own_words_to_who_speaks_its_dialect() {
    let (vendor, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&vendor, &gpt).set("LLM_MAX_RETRIES", "0").start().await;
    let mut error = claude::error("invalid_request_error", "prompt is too long");
    error["error"]["details"] = json!({ "error_code": "prompt_too_long" });
    for (status, kind, expected) in [
        (400, "invalid_request_error", 400),
        (409, "conflict_error", 409),
        (529, "overloaded_error", 529),
    ] {
        error["error"]["type"] = kind.into();
        vendor.reply(Reply::json(status, error.clone()));
        let answer = message(&app, question("claude/claude-sonnet-5", "a", json!({}))).await;
        assert_eq!(answer.status, expected);
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        assert_eq!(answer.json()["error"], error["error"]);
    }
    // The operator's account is none of the caller's.
    for status in [401, 402, 403] {
        vendor
            .reply(Reply::json(status, claude::error("authentication_error", "invalid x-api-key")));
        let answer = message(&app, question("claude/claude-sonnet-5", "a", json!({}))).await;
        assert_eq!(
            (answer.status, answer.json()["error"]["type"].as_str()),
            (502, Some("api_error"))
        );
    }
}

#[tokio::test]
async fn either_of_two_keys_opens_and_a_wrong_one_is_not_tried_again() {
    let app = App::with_echo().set("ARETE_API_KEYS", "one:0123456789abcdef").start().await;
    let body = question("echo/echo", "a", json!({}));
    let ask = |headers: &[(&str, &str)]| {
        let request = asked(&app, "/v1/messages", &body);
        client::send(
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)),
        )
    };
    let right = "0123456789abcdef";
    let bearer = format!("Bearer {right}");
    for headers in [
        [("authorization", bearer.as_str()), ("x-app", "cli")],
        [("authorization", "Bearer a-login"), ("x-api-key", right)],
        [("authorization", bearer.as_str()), ("x-api-key", "another")],
        [("x-goog-api-key", right), ("x-app", "cli")],
    ] {
        ask(&headers).await.ok();
    }
    let answer = ask(&[("x-api-key", "wrong")]).await;
    assert_eq!((answer.status, answer.header("x-should-retry")), (401, Some("false")));
    assert_eq!(answer.json()["error"]["type"], Value::from("authentication_error"));
    let answer = client::send(app.request(Method::POST, "/v1/chat/completions").body("{}")).await;
    assert_eq!((answer.status, answer.header("x-should-retry")), (401, Some("false")));
    assert_eq!(answer.json()["error"]["code"], "invalid_api_key");
}
