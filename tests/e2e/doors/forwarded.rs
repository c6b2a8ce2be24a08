//! A caller who speaks the vendor's dialect: the bytes of both pass through, but for the model.

use mock_vendor::{MockVendor, Reply, claude};
use reqwest::Method;
use serde_json::json;

use super::{asked, gpt_events, question, with_both};
use crate::support::{Answer, App, client};

/// A question with everything that a reader would tidy up: white space, order, digits, members that
/// nobody knows, and the name `model` elsewhere.
fn odd(model: &str) -> String {
    format!(
        "{{ \"zeta\" : 1.10, \"messages\":[ {{\"role\":\"user\",\"content\":\"\\u00fc model\"}} ],\n \"tools\": [],\
         \"metadata\":{{\"model\":\"m\"}}, \"model\" : \"{model}\",\"max_tokens\":100, \"big\":123456789012345678901234567890 }}"
    )
}

async fn send(app: &App, path: &str, body: String, headers: &[(&str, &str)]) -> Answer {
    let request = app.request(Method::POST, path).body(body);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    client::send(request).await
}

#[tokio::test]
async fn whole_answers_pass_byte_by_byte_both_ways() {
    let (vendor, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&vendor, &gpt).start().await;
    let said = "{ \"id\" :\"msg_1\",\"type\":\"message\", \"n\":1.10,\"content\":[{\"type\":\"of_tomorrow\"}]}\n";
    for (behind, path, model, bare) in [
        (&vendor, "/v1/messages?beta=true", "claude/claude-sonnet-5", "claude-sonnet-5"),
        (&gpt, "/v1/chat/completions", "gpt/gpt-5.4", "gpt-5.4"),
    ] {
        let reply = Reply::status(200).header("content-type", "application/json").body(said);
        let reply = reply.header("request-id", "req_1").header("x-ratelimit-limit-requests", "5");
        behind
            .reply(reply.header("anthropic-ratelimit-requests-limit", "7").header("x-secret", "s"));
        let headers = [
            ("anthropic-version", "2026-10-21"),
            ("anthropic-beta", "a-1,b-2"),
            ("openai-beta", "c-3"),
            ("x-stainless-lang", "python"),
        ];
        let answer = send(&app, path, odd(model), &headers).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, said));
        assert_eq!(answer.header("request-id"), Some("req_1"));
        assert_eq!(answer.header("x-ratelimit-limit-requests"), Some("5"));
        assert_eq!(answer.header("anthropic-ratelimit-requests-limit"), Some("7"));
        assert_eq!(answer.header("x-secret"), None);

        let sent = behind.next_request().await;
        assert_eq!(String::from_utf8_lossy(&sent.body), odd(bare));
        assert_eq!(sent.header("x-stainless-lang"), None);
        if path.starts_with("/v1/messages") {
            assert_eq!(sent.path, "/v1/messages?beta=true");
            assert_eq!(sent.header("anthropic-version"), Some("2026-10-21"));
            assert_eq!(sent.header("anthropic-beta"), Some("a-1,b-2"));
        }
    }
}

#[tokio::test]
async fn streams_pass_byte_by_byte() {
    let (vendor, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&vendor, &gpt).start().await;
    let mut events = claude::events(&["Good ", "morning\u{2028}"]);
    events.insert(2, "event: of_tomorrow\ndata: {\"type\":\"of_tomorrow\", \"n\":1.10}\n\n".into());
    vendor.reply(Reply::sse(&events));
    let body = question("claude/claude-sonnet-5", "a", json!({ "stream": true }));
    let answer = client::send(asked(&app, "/v1/messages", &body)).await;
    assert_eq!(answer.body, events.concat());
    assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));

    let events = gpt_events(&[json!({ "content": "Hi", "of_tomorrow": 1.5 })], "stop");
    gpt.reply(Reply::sse(&events));
    let body = question("gpt/gpt-5.4", "a", json!({ "stream": true, "n": 1, "logprobs": true }));
    let answer = client::send(asked(&app, "/v1/chat/completions", &body)).await;
    assert_eq!(answer.body, events.concat());
}

#[tokio::test]
async fn a_stream_that_breaks_off_or_lacks_its_end_gets_the_dialects_error() {
    let (vendor, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&vendor, &gpt).set("LLM_MAX_RETRIES", "0").start().await;
    let whole = claude::events(&["Good ", "morning"]);
    for cut in [1, 3, 5] {
        let told = whole[..cut].concat();
        // Closed properly, and in the middle of an event.
        for half in [told.clone(), format!("{told}event: content_bl")] {
            vendor.reply(Reply::sse([half.clone()]));
            let body = question("claude/claude-sonnet-5", "a", json!({ "stream": true }));
            let answer = client::send(asked(&app, "/v1/messages", &body)).await;
            let rest = answer.body.strip_prefix(half.as_str()).expect("the vendor's bytes first");
            assert!(
                rest.trim_start().starts_with("event: error\ndata: {\"type\":\"error\""),
                "{rest}"
            );
        }
    }
    let told = gpt_events(&[json!({ "content": "Hi" })], "stop")[..1].concat();
    gpt.reply(Reply::sse([told.clone()]).close_mid_body(told.len()));
    let body = question("gpt/gpt-5.4", "a", json!({ "stream": true }));
    let answer = client::send(asked(&app, "/v1/chat/completions", &body)).await;
    let rest = answer.body.strip_prefix(told.as_str()).expect("the vendor's bytes first");
    assert!(rest.starts_with("data: {\"error\":{\"message\":"), "{rest}");
}

#[tokio::test]
async fn a_refusal_passes_as_it_came_once_the_host_has_tried_again() {
    let (vendor, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&vendor, &gpt).set("LLM_MAX_RETRIES", "1").start().await;
    let words = "{\"type\":\"error\", \"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\",\"details\":{\"n\":1.10}} }";
    let reply = || Reply::status(529).header("content-type", "application/json").body(words);
    vendor.replies([reply(), reply().header("request-id", "req_2")]);
    let answer = send(&app, "/v1/messages", odd("claude/claude-sonnet-5"), &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (529, words));
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert_eq!(answer.header("request-id"), Some("req_2"));
    assert_eq!(vendor.count(), 2);
    // The operator's account is none of the caller's.
    vendor.reply(Reply::json(401, claude::error("authentication_error", "invalid x-api-key")));
    let answer = send(&app, "/v1/messages", odd("claude/claude-sonnet-5"), &[]).await;
    assert_eq!((answer.status, answer.json()["error"]["type"].as_str()), (502, Some("api_error")));
}

#[tokio::test]
async fn tokens_are_counted_by_the_vendor() {
    let (vendor, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&vendor, &gpt).start().await;
    vendor.reply(Reply::json(200, json!({ "input_tokens": 2_095 })));
    let answer = send(&app, "/v1/messages/count_tokens", odd("claude/claude-sonnet-5"), &[]).await;
    assert_eq!(answer.ok(), json!({ "input_tokens": 2_095 }));
    assert_eq!(vendor.next_request().await.path, "/v1/messages/count_tokens");
}

#[tokio::test]
async fn a_message_thread_reaches_the_vendor_that_keeps_it_and_is_asked_once() {
    let (vendor, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&vendor, &gpt).set("LLM_MAX_RETRIES", "3").start().await;
    vendor.always(Reply::json(500, claude::error("api_error", "Down")));
    let thread = json!({ "thread": { "type": "continue", "previous_message_id": "msg_1" } });
    let body = question("claude/claude-sonnet-5", "a", thread);
    let answer = client::send(asked(&app, "/v1/messages", &body)).await;
    assert_eq!((answer.status, vendor.count()), (500, 1));
    assert_eq!(vendor.next_request().await.json()["thread"]["previous_message_id"], "msg_1");
}

#[tokio::test]
async fn vectors_are_the_vendors_and_nobody_makes_them_up() {
    let vendor = MockVendor::start().await;
    let url = vendor.url();
    let file = format!(
        "component = \"bundled:openai\"\n[config]\nbase-url = \"{url}/v1\"\nmodels = \"vectors\"\n\
         dialects = \"openai-chat, openai-embeddings\"\n[[outbound]]\norigin = \"{url}\"\nheaders = {{ authorization = \"Bearer k\" }}\n"
    );
    let app = App::with_echo().file("plugins/gpt.toml", file).set("LLM_PLUGIN_DIR", "plugins");
    let app = app.start().await;
    let said = json!({ "object": "list", "data": [{ "object": "embedding", "index": 0, "embedding": "AACAPw==" }] });
    vendor.reply(Reply::json(200, said.clone()));
    let body = json!({ "model": "gpt/vectors", "input": "a", "encoding_format": "base64" });
    let answer = client::send(asked(&app, "/v1/embeddings", &body)).await;
    assert_eq!(answer.ok(), said);
    let sent = vendor.next_request().await;
    assert_eq!(sent.path, "/v1/embeddings");
    assert_eq!(sent.json()["model"], "vectors");
    let body = json!({ "model": "echo/echo", "input": "a" });
    let answer = client::send(asked(&app, "/v1/embeddings", &body)).await;
    assert_eq!((answer.status, answer.json()["error"]["param"].as_str()), (404, Some("model")));
}
