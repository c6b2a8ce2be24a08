//! A question and its whole answer: the shape that clients of the original service know, and what
//! the vendor is sent.

use mock_vendor::{MockVendor, Reply, claude};
use serde_json::{Value, json};

use crate::support::{App, KEY, ask, question};

#[tokio::test]
async fn echo_answers_without_a_vendor_or_a_key() {
    let app = App::shared().await;
    let answer = app.chat(question("hello there")).await;
    assert_eq!(answer.header("x-arete-cache"), Some("miss"));
    assert!(answer.header("server-timing").is_some_and(|timing| timing.starts_with("total;dur=")));

    let mut body = answer.ok();
    let id = body["id"].take();
    assert!(id.as_str().is_some_and(|id| id.starts_with("echo_")), "{id}");
    assert_eq!(
        body,
        json!({
            "id": null,
            "content": "hello there",
            "model": "echo",
            "usage": { "inputTokens": 2, "outputTokens": 2, "totalTokens": 4 },
            "finishReason": "end_turn",
            "provider": "echo",
            "cached": false,
        })
    );
}

#[tokio::test]
async fn an_answer_has_the_original_services_exact_shape() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    let mut message = claude::message("Hi");
    message["usage"] = json!({ "input_tokens": 12, "output_tokens": 6 });
    vendor.reply(Reply::json(200, message));

    let answer = app.chat(question("Hello")).await;
    let expected = json!({
        "id": claude::MESSAGE_ID,
        "content": "Hi",
        "model": claude::MODEL,
        "usage": { "inputTokens": 12, "outputTokens": 6, "totalTokens": 18 },
        "finishReason": "end_turn",
        "provider": "anthropic",
        "cached": false,
    });
    assert_eq!(answer.ok(), expected);
    // Clients that show the JSON as it comes show the same order as before.
    assert_eq!(answer.body, expected.to_string());
}

#[tokio::test]
async fn the_vendor_is_sent_the_question_its_key_and_nothing_of_our_own() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    vendor.reply(Reply::json(200, claude::message("Hi")));
    app.chat(question("Hello")).await.ok();

    let sent = vendor.next_request().await;
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("POST", "/v1/messages"));
    assert_eq!(sent.header("x-api-key"), Some(KEY));
    assert_eq!(sent.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(sent.header("content-type"), Some("application/json"));
    for header in ["authorization", "cookie", "x-request-id"] {
        assert_eq!(sent.header(header), None);
    }
    assert_eq!(
        sent.json(),
        json!({
            "model": "claude-sonnet-5",
            "max_tokens": 1024,
            "messages": [{ "role": "user", "content": "Hello" }],
        })
    );
}

#[tokio::test]
async fn whatever_the_caller_set_arrives_as_it_was_typed() {
    let vendor = MockVendor::start().await;
    let app =
        App::with_vendor(&vendor).set("ANTHROPIC_MODEL", "claude-of-the-operator").start().await;
    vendor.always(Reply::json(200, claude::message("Hi")));

    let fields = json!({
        "model": "claude-of-the-caller",
        "maxTokens": 77,
        "temperature": 0.7,
        "topP": 0.95,
        "topK": 40,
        "stopSequences": ["STOP", "\u{2603}"],
        "tools": [{ "name": "weather", "description": "Tells it.", "inputSchema": { "type": "object" } }],
        "toolChoice": { "name": "weather" },
        "extra": { "service_tier": "auto" },
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": [{ "type": "text", "text": "Look:" }, { "type": "image", "mediaType": "image/png", "data": "aGk=" }] },
            { "role": "assistant", "content": "I see." },
            { "role": "user", "content": "Well?" },
        ],
    });
    app.chat(fields).await.ok();
    let sent = vendor.next_request().await;
    assert!(sent.text().contains(r#""temperature":0.7,"#), "{}", sent.text());
    assert_eq!(
        sent.json(),
        json!({
            "model": "claude-of-the-caller",
            "max_tokens": 77,
            "temperature": 0.7,
            "top_p": 0.95,
            "top_k": 40,
            "stop_sequences": ["STOP", "\u{2603}"],
            "tools": [{ "name": "weather", "description": "Tells it.", "input_schema": { "type": "object" } }],
            "tool_choice": { "type": "tool", "name": "weather" },
            "service_tier": "auto",
            "system": "Be brief.",
            "messages": [
                { "role": "user", "content": [
                    { "type": "text", "text": "Look:" },
                    { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "aGk=" } },
                ] },
                { "role": "assistant", "content": "I see." },
                { "role": "user", "content": "Well?" },
            ],
        })
    );

    app.chat(question("And without a model?")).await.ok();
    assert_eq!(vendor.next_request().await.json()["model"], "claude-of-the-operator");
}

/// What the vendor thought and asked for, whole.
fn blocks() -> Value {
    json!([
        { "type": "thinking", "thinking": "Hm, weather.", "signature": "c2lnbmVk" },
        { "type": "redacted_thinking", "data": "b3BhcXVl" },
        { "type": "text", "text": "Let me look." },
        { "type": "tool_use", "id": "toolu_1", "name": "weather", "input": { "city": "Oslo", "days": 1.50 } },
    ])
}

#[tokio::test]
async fn tool_use_and_thinking_come_as_parts_and_go_back_as_they_came() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    vendor.reply(Reply::json(200, claude::message_with(blocks(), "tool_use")));
    vendor.reply(Reply::json(200, claude::message("It rains.")));

    let answer = app.chat(question("The weather?")).await.ok();
    assert_eq!(answer["content"], "Let me look.");
    assert_eq!(answer["finishReason"], "tool_use");
    let parts = &answer["parts"];
    assert_eq!(
        parts[0],
        json!({ "type": "thinking", "text": "Hm, weather.", "signature": "c2lnbmVk" })
    );
    assert_eq!(parts[1]["type"], "other");
    assert_eq!(parts[2], json!({ "type": "text", "text": "Let me look." }));
    assert_eq!(
        parts[3],
        json!({ "type": "tool_use", "id": "toolu_1", "name": "weather", "input": { "city": "Oslo", "days": 1.5 } })
    );

    let result = json!({ "type": "tool_result", "toolUseId": "toolu_1", "content": "rain" });
    let again = app.chat(json!({ "messages": [
        { "role": "user", "content": "The weather?" },
        { "role": "assistant", "content": parts },
        { "role": "user", "content": [result] },
    ] }));
    assert_eq!(again.await.ok()["content"], "It rains.");
    let sent = &vendor.requests()[1].json()["messages"];
    assert_eq!(sent[1], json!({ "role": "assistant", "content": blocks() }));
    let block = &sent[2]["content"][0];
    assert_eq!((&block["type"], &block["tool_use_id"]), (&json!("tool_result"), &json!("toolu_1")));
}

#[tokio::test]
async fn several_text_blocks_are_joined_with_nothing_between() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    let blocks = json!([{ "type": "text", "text": "One, " }, { "type": "text", "text": "two" }]);
    vendor.reply(Reply::json(200, claude::message_with(blocks, "max_tokens")));
    let answer = app.chat(question("Count!")).await.ok();
    assert_eq!(
        (&answer["content"], &answer["finishReason"]),
        (&json!("One, two"), &json!("max_tokens"))
    );
}

#[tokio::test]
async fn a_caller_may_choose_among_the_providers_there_are() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    let answer = app.chat(ask("Hi", json!({ "provider": "echo" }))).await.ok();
    assert_eq!(answer["provider"], "echo");

    let unknown =
        app.chat(ask("Hi", json!({ "provider": "nobody" }))).await.problem(404, "not-found");
    let detail = unknown["detail"].as_str().unwrap();
    assert!(detail.contains("nobody") && detail.contains("claude, echo"), "{detail}");
    assert_eq!(vendor.count(), 0);
}

#[tokio::test]
async fn one_log_line_tells_how_a_request_went() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    vendor.reply(Reply::json(200, claude::message("Hi")));
    let answer = app.chat(ask("Hello", json!({ "useCache": false }))).await;
    assert_eq!(answer.header("x-arete-cache"), Some("bypass"));

    let line = app.request_line(answer.id()).await;
    for (field, value) in [
        ("outcome", json!("ok")),
        ("status", json!(200)),
        ("method", json!("POST")),
        ("path", json!("/api/llm/chat")),
        ("provider", json!("claude")),
        ("model", json!(claude::MODEL)),
        ("cache", json!("bypass")),
        ("attempts", json!(1)),
        ("input_tokens", json!(12)),
        ("output_tokens", json!(6)),
    ] {
        assert_eq!(line[field], value, "{field} in {line}");
    }
    assert_eq!(app.logs().find(|line| line["request_id"] == answer.id()).len(), 1);
}
