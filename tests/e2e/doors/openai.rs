//! `POST /v1/chat/completions`.

use mock_vendor::{Gate, MockVendor, Reply, Step, claude};
use serde_json::{Value, json};

use super::{asked, chat, chunks, first_bytes, question, with_both};
use crate::support::App;

#[tokio::test]
async fn an_answer_has_openais_form_and_the_callers_spelling_of_the_model() {
    let app = App::shared().await;
    let answer = chat(&app, question("echo/echo", "hello there", json!({}))).await;
    assert_eq!(answer.header("x-arete-cache"), Some("bypass"));
    let mut body = answer.ok();
    assert!(body["id"].take().as_str().is_some_and(|id| id.starts_with("echo_")));
    assert!(body["created"].take().as_u64().is_some_and(|created| 1_700_000_000 < created));
    assert_eq!(
        body,
        json!({
            "id": null,
            "object": "chat.completion",
            "created": null,
            "model": "echo/echo",
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": "hello there", "refusal": null, "annotations": [] },
                "logprobs": null,
                "finish_reason": "stop",
            }],
            "usage": {
                "prompt_tokens": 2,
                "completion_tokens": 2,
                "total_tokens": 4,
                "prompt_tokens_details": { "cached_tokens": 0 },
                "completion_tokens_details": { "reasoning_tokens": 0 },
            },
        })
    );
    // A bare name that a provider lists, and one that none does.
    assert_eq!(chat(&app, question("echo", "a", json!({}))).await.ok()["model"], "echo");
    assert_eq!(chat(&app, question("gpt-x", "a", json!({}))).await.ok()["model"], "gpt-x");
}

#[tokio::test]
async fn a_stream_has_a_role_first_and_counts_only_where_they_are_wanted() {
    let app = App::shared().await;
    let told = chunks(&app, question("echo/echo", "a b", json!({}))).await;
    let deltas: Vec<&Value> = told.iter().map(|chunk| &chunk["choices"][0]["delta"]).collect();
    assert_eq!(
        deltas,
        [
            &json!({ "role": "assistant", "content": "" }),
            &json!({ "content": "a " }),
            &json!({ "content": "b" }),
            &json!({}),
        ]
    );
    let reasons: Vec<&Value> = told.iter().map(|it| &it["choices"][0]["finish_reason"]).collect();
    assert_eq!(reasons, [&Value::Null, &Value::Null, &Value::Null, &json!("stop")]);
    assert!(told.iter().all(|chunk| chunk.get("usage").is_none()), "{told:?}");

    let fields = json!({ "stream_options": { "include_usage": true } });
    let mut told = chunks(&app, question("echo/echo", "a b", fields)).await;
    let last = told.pop().expect("a chunk");
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["total_tokens"], 4);
    assert!(told.iter().all(|chunk| chunk["usage"] == Value::Null && chunk.get("usage").is_some()));
}

#[tokio::test]
async fn the_cache_is_asked_only_where_the_caller_or_the_operator_wants_it() {
    let app = App::shared().await;
    let ask = |value: &'static str| {
        let body = question("echo/echo", "cached?", json!({}));
        asked(&app, "/v1/chat/completions", &body).header("x-arete-use-cache", value)
    };
    for (value, expected) in [("true", "miss"), ("true", "hit"), ("false", "bypass")] {
        let answer = crate::support::client::send(ask(value)).await;
        assert_eq!(answer.header("x-arete-cache"), Some(expected));
    }
    let wrong = crate::support::client::send(ask("perhaps")).await;
    assert_eq!(
        (wrong.status, wrong.json()["error"]["param"].as_str()),
        (400, Some("x-arete-use-cache"))
    );

    let app = App::with_echo().set("LLM_DOORS_CACHE", "true").start().await;
    for expected in ["miss", "hit"] {
        let answer = chat(&app, question("echo/echo", "a", json!({}))).await;
        assert_eq!(answer.header("x-arete-cache"), Some(expected));
    }
}

#[tokio::test]
async fn every_mistake_is_named_as_the_caller_names_the_field() {
    let app = App::shared().await;
    for (body, param, says) in [
        (json!({}), "model", "is required"),
        (json!({ "model": "echo" }), "messages", "is required"),
        (json!({ "model": "echo", "messages": [] }), "messages", "must not be empty"),
        (question("echo", "a", json!({ "n": 2 })), "n", "can't be passed on"),
        (question("echo", "a", json!({ "nn": 2 })), "nn", "is not a field"),
        (question("echo", "a", json!({ "temperature": 3 })), "temperature", "from 0 to 2"),
        (question("echo", "a", json!({ "logprobs": true })), "logprobs", "can't be passed on"),
        (
            question("echo", "a", json!({ "response_format": { "type": "json_object" } })),
            "response_format",
            "can't be passed on",
        ),
        (
            json!({ "model": "echo", "messages": [{ "role": "user", "content": [{ "type": "input_audio", "input_audio": {} }] }] }),
            "messages[0].content[0].input_audio",
            "can't be passed on",
        ),
        (
            json!({ "model": "echo", "messages": [{ "role": "assistant", "tool_calls": [{ "id": "a", "type": "function", "function": { "name": "f", "arguments": "{" } }] }] }),
            "messages[0].tool_calls[0].function.arguments",
            "a JSON object",
        ),
    ] {
        let answer = chat(&app, body).await;
        let error = answer.json()["error"].clone();
        assert_eq!(answer.status, 400, "{error}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(
            (&error["type"], &error["param"]),
            (&json!("invalid_request_error"), &json!(param))
        );
        let message = error["message"].as_str().expect("a message");
        assert!(message.starts_with(param) && message.contains(says), "{message}");
    }
    // What only tunes or labels.
    let habits = json!({
        "user": "u", "seed": 1, "store": false, "metadata": {}, "service_tier": "auto", "verbosity": "low", "n": 1,
        "frequency_penalty": 0, "presence_penalty": 0, "logit_bias": {}, "logprobs": false, "parallel_tool_calls": true,
        "prompt_cache_key": "k", "safety_identifier": "s", "stream_options": null, "tools": null,
    });
    chat(&app, question("echo", "a", habits)).await.ok();
}

#[tokio::test]
async fn a_silent_stream_is_kept_alive_by_comments() {
    let (claude, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&claude, &gpt).set("HTTP_HEARTBEAT", "1s").start().await;
    let gate = Gate::new();
    claude.reply(Reply::steps([Step::wait(&gate), Step::send(claude::stream(&["Hi"]))]));
    let body = question("claude/claude-sonnet-5", "Hello", json!({ "stream": true }));
    assert_eq!(first_bytes(asked(&app, "/v1/chat/completions", &body)).await, ": \n\n");
    gate.open();
}

#[tokio::test]
async fn a_broken_stream_ends_in_an_error_and_never_in_done() {
    let (claude, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&claude, &gpt).set("LLM_MAX_RETRIES", "0").start().await;
    for cut in [4, 5, 6] {
        claude.reply(Reply::sse(&claude::events(&["Good ", "morning"])[..cut]));
        let body = question("claude/claude-sonnet-5", "Hello", json!({}));
        let frames = super::stream(&app, "/v1/chat/completions", body).await;
        let last = frames.last().expect("events").json();
        assert_eq!(last["error"]["type"], "server_error", "{frames:?}");
        assert!(last["error"]["message"].is_string(), "{last}");
        assert!(frames.iter().all(|frame| frame.data != "[DONE]"));
    }
}
