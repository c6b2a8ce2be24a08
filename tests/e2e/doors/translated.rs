//! Questions in one dialect to a vendor of the other: what the vendor is sent, and what comes back,
//! whole and as a stream.

use mock_vendor::{MockVendor, Reply, claude};
use serde_json::{Value, json};

use super::{
    assembled, chat, chunks, events, gpt_answer, gpt_events, message, question, with_both,
};

/// One pixel.
const PNG: &str = "iVBORw0KGgo=";

#[tokio::test]
async fn a_question_of_openais_clients_reaches_claude_in_its_words() {
    let (vendor, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&vendor, &gpt).start().await;
    vendor.reply(Reply::json(200, claude::message("Hi")));
    let body = json!({
        "model": "claude/claude-sonnet-5",
        "messages": [
            { "role": "developer", "content": "Be brief." },
            { "role": "user", "name": "ada", "content": [
                { "type": "text", "text": "What is this?" },
                { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{PNG}"), "detail": "high" } },
                { "type": "image_url", "image_url": { "url": "https://a.example/b.png" } },
                { "type": "file", "file": { "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0=" } },
            ] },
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "call_a", "type": "function", "function": { "name": "look", "arguments": "{\"n\": 1.10}" } },
                { "id": "call_b", "type": "function", "function": { "name": "look", "arguments": "" } },
            ] },
            { "role": "tool", "tool_call_id": "call_a", "content": "one" },
            { "role": "tool", "tool_call_id": "call_b", "content": [{ "type": "text", "text": "two" }] },
            { "role": "user", "content": "Go on." },
        ],
        "max_completion_tokens": 50,
        "stop": "END",
        "temperature": 0.5,
        "tools": [{ "type": "function", "function": { "name": "look", "description": "Looks.", "parameters": { "type": "object", "properties": { "n": { "const": 1.10 } } }, "strict": true } }],
        "tool_choice": "required",
        "parallel_tool_calls": false,
        "reasoning_effort": "high",
        "response_format": { "type": "json_schema", "json_schema": { "name": "x", "schema": { "type": "object" } } },
        "user": "u",
    });
    chat(&app, body).await.ok();
    let sent = vendor.next_request().await;
    assert_eq!(
        sent.json(),
        json!({
            "model": "claude-sonnet-5",
            "max_tokens": 50,
            "system": "Be brief.",
            "messages": [
                { "role": "user", "content": [
                    { "type": "text", "text": "What is this?" },
                    { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": PNG } },
                    { "type": "image", "source": { "type": "url", "url": "https://a.example/b.png" } },
                    { "type": "document", "source": { "type": "base64", "media_type": "application/pdf", "data": "JVBERi0=" }, "title": "a.pdf" },
                ] },
                { "role": "assistant", "content": [
                    { "type": "tool_use", "id": "call_a", "name": "look", "input": { "n": 1.10 } },
                    { "type": "tool_use", "id": "call_b", "name": "look", "input": {} },
                ] },
                { "role": "user", "content": [
                    { "type": "tool_result", "tool_use_id": "call_a", "content": "one" },
                    { "type": "tool_result", "tool_use_id": "call_b", "content": "two" },
                    { "type": "text", "text": "Go on." },
                ] },
            ],
            "temperature": 0.5,
            "stop_sequences": ["END"],
            "tools": [{ "name": "look", "description": "Looks.", "input_schema": { "type": "object", "properties": { "n": { "const": 1.10 } } }, "strict": true }],
            "tool_choice": { "type": "any", "disable_parallel_tool_use": true },
            "output_config": { "effort": "high", "format": { "type": "json_schema", "schema": { "type": "object" } } },
        })
    );
}

#[tokio::test]
async fn claudes_answer_comes_in_openais_words() {
    let (vendor, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&vendor, &gpt).start().await;
    let content = json!([
        { "type": "thinking", "thinking": "Hm.", "signature": "c2ln" },
        { "type": "redacted_thinking", "data": "ZGF0YQ==" },
        { "type": "text", "text": "Let me look." },
        { "type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {} },
        { "type": "tool_use", "id": "toolu_1", "name": "look", "input": { "n": 1 } },
        { "type": "tool_use", "id": "toolu_2", "name": "look", "input": {} },
    ]);
    let mut whole = claude::message_with(content, "tool_use");
    whole["usage"] = json!({ "input_tokens": 10, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 85, "output_tokens": 7 });
    vendor.reply(Reply::json(200, whole));
    let answer = chat(&app, question("claude/claude-sonnet-5", "a", json!({}))).await.ok();
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    let call = |id: &str, arguments: &str| json!({ "id": id, "type": "function", "function": { "name": "look", "arguments": arguments } });
    assert_eq!(
        choice["message"],
        json!({
            "role": "assistant",
            "content": "Let me look.",
            "refusal": null,
            "reasoning_content": "Hm.",
            "reasoning_details": [
                { "type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0 },
                { "type": "reasoning.encrypted", "data": "ZGF0YQ==", "format": "anthropic-claude-v1", "index": 1 },
            ],
            "annotations": [],
            "tool_calls": [call("toolu_1", r#"{"n":1}"#), call("toolu_2", "{}")],
        })
    );
    assert_eq!(
        answer["usage"],
        json!({
            "prompt_tokens": 100,
            "completion_tokens": 7,
            "total_tokens": 107,
            "prompt_tokens_details": { "cached_tokens": 85, "cache_write_tokens": 5 },
            "completion_tokens_details": { "reasoning_tokens": 0 },
        })
    );

    // What came is sent back, and Claude gets its own proofs.
    vendor.next_request().await;
    vendor.reply(Reply::json(200, claude::message("Hi")));
    let mut back = question("claude/claude-sonnet-5", "a", json!({}));
    let messages = back["messages"].as_array_mut().expect("a list");
    messages.push(choice["message"].clone());
    for id in ["toolu_1", "toolu_2"] {
        messages.push(json!({ "role": "tool", "tool_call_id": id, "content": "seen" }));
    }
    chat(&app, back).await.ok();
    let sent = vendor.next_request().await.json();
    let kinds: Vec<&Value> =
        sent["messages"][1]["content"].as_array().expect("blocks").iter().collect();
    assert_eq!(kinds[0], &json!({ "type": "thinking", "thinking": "Hm.", "signature": "c2ln" }));
    assert_eq!(kinds[1], &json!({ "type": "redacted_thinking", "data": "ZGF0YQ==" }));
    assert_eq!(kinds[2]["text"], "Let me look.");
    assert_eq!(
        (kinds[3]["id"].as_str(), kinds[4]["id"].as_str()),
        (Some("toolu_1"), Some("toolu_2"))
    );
}

/// Puts the chunks of a stream together as the client libraries do: fragments are joined by the
/// index of their call.
fn joined(chunks: &[Value]) -> (String, Vec<(String, String, String)>, String) {
    let (mut text, mut calls, mut reason) = (String::new(), Vec::new(), String::new());
    for chunk in chunks {
        let choice = &chunk["choices"][0];
        text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        for fragment in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let index =
                usize::try_from(fragment["index"].as_u64().expect("an index")).expect("small");
            assert!(index <= calls.len(), "a gap: {fragment}");
            let piece = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let function = &fragment["function"];
            if index == calls.len() {
                assert_eq!(fragment["type"], "function");
                assert!(function["arguments"].is_string(), "{fragment}");
                calls.push((piece(&fragment["id"]), piece(&function["name"]), String::new()));
            } else {
                assert!(
                    fragment.get("id").is_none() && function.get("name").is_none(),
                    "{fragment}"
                );
            }
            calls[index].2.push_str(&piece(&function["arguments"]));
        }
        reason.push_str(choice["finish_reason"].as_str().unwrap_or_default());
    }
    (text, calls, reason)
}

#[tokio::test]
async fn claudes_stream_counts_calls_and_not_blocks() {
    let (vendor, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&vendor, &gpt).start().await;
    let start = |index: u32, id: &str| {
        claude::block_start(
            index,
            json!({ "type": "tool_use", "id": id, "name": "look", "input": {} }),
        )
    };
    vendor.reply(Reply::sse([
        claude::message_start(),
        claude::block_start(0, json!({ "type": "thinking", "thinking": "", "signature": "" })),
        claude::block_delta(0, json!({ "type": "thinking_delta", "thinking": "Hm." })),
        claude::block_delta(0, json!({ "type": "signature_delta", "signature": "c2ln" })),
        claude::block_stop(0),
        claude::block_start(1, json!({ "type": "text", "text": "" })),
        claude::text_delta(1, "Let me "),
        claude::text_delta(1, "look.\u{2028}"),
        claude::block_stop(1),
        start(2, "toolu_1"),
        claude::input_delta(2, "{\"n\":"),
        claude::input_delta(2, "1}"),
        claude::block_stop(2),
        start(3, "toolu_2"),
        claude::block_stop(3),
        claude::message_delta("tool_use"),
        claude::message_stop(),
    ]));
    let told = chunks(&app, question("claude/claude-sonnet-5", "a", json!({}))).await;
    let (text, calls, reason) = joined(&told);
    assert_eq!((text.as_str(), reason.as_str()), ("Let me look.\u{2028}", "tool_calls"));
    let call = |id: &str, arguments: &str| (id.to_owned(), "look".to_owned(), arguments.to_owned());
    assert_eq!(calls, [call("toolu_1", "{\"n\":1}"), call("toolu_2", "{}")]);
    let deltas = told.iter().map(|chunk| &chunk["choices"][0]["delta"]);
    let thoughts: String =
        deltas.clone().filter_map(|delta| delta["reasoning_content"].as_str()).collect();
    assert_eq!(thoughts, "Hm.");
    let signatures: Vec<&str> =
        deltas.filter_map(|delta| delta["reasoning_details"][0]["signature"].as_str()).collect();
    assert_eq!(signatures, ["c2ln"]);
}

#[tokio::test]
async fn a_question_of_anthropics_clients_reaches_gpt_in_its_words() {
    let (vendor, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&vendor, &gpt).start().await;
    gpt.reply(Reply::json(
        200,
        gpt_answer(json!({ "role": "assistant", "content": "Hi" }), "stop"),
    ));
    let body = json!({
        "model": "gpt-5.4",
        "max_tokens": 50,
        "system": [{ "type": "text", "text": "Be brief.", "cache_control": { "type": "ephemeral" } }],
        "messages": [
            { "role": "user", "content": [
                { "type": "text", "text": "What is this?", "citations": [] },
                { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": PNG } },
                { "type": "document", "title": "a.pdf", "source": { "type": "base64", "media_type": "application/pdf", "data": "JVBERi0=" } },
                { "type": "document", "title": "b", "source": { "type": "text", "media_type": "text/plain", "data": "words" } },
            ] },
            { "role": "assistant", "content": [
                { "type": "thinking", "thinking": "Hm.", "signature": "" },
                { "type": "redacted_thinking", "data": "ZGF0YQ==" },
                { "type": "tool_use", "id": "toolu_1", "name": "look", "input": { "n": 1 }, "caller": { "type": "direct" } },
            ] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "toolu_1", "is_error": true, "content": [
                    { "type": "text", "text": "dark" },
                    { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": PNG } },
                ] },
                { "type": "text", "text": "Go on." },
            ] },
            { "role": "system", "content": "The time is noon." },
        ],
        "stop_sequences": ["END"],
        "tools": [{ "name": "look", "input_schema": { "type": "object" }, "strict": true, "defer_loading": true }],
        "tool_choice": { "type": "tool", "name": "look", "disable_parallel_tool_use": true },
        "output_config": { "effort": "high", "format": { "type": "json_schema", "schema": { "type": "object" } } },
        "thinking": { "type": "enabled", "budget_tokens": 2_000 },
        "metadata": { "user_id": "u" },
    });
    message(&app, body).await.ok();
    let sent = gpt.next_request().await;
    assert_eq!(sent.path, "/v1/chat/completions");
    let picture = json!({ "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{PNG}") } });
    assert_eq!(
        sent.json(),
        json!({
            "model": "gpt-5.4",
            "messages": [
                { "role": "system", "content": "Be brief." },
                { "role": "user", "content": [
                    { "type": "text", "text": "What is this?" },
                    picture,
                    { "type": "file", "file": { "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0=" } },
                    { "type": "text", "text": "b\n\nwords" },
                ] },
                { "role": "assistant", "content": null, "tool_calls": [
                    { "id": "toolu_1", "type": "function", "function": { "name": "look", "arguments": "{\"n\":1}" } },
                ] },
                { "role": "tool", "tool_call_id": "toolu_1", "content": [
                    { "type": "text", "text": "Error:" },
                    { "type": "text", "text": "dark" },
                    { "type": "text", "text": "The picture is in the next message." },
                ] },
                { "role": "user", "content": [
                    { "type": "text", "text": "Go on." },
                    { "type": "text", "text": "A picture in the result of the tool call toolu_1:" },
                    picture,
                ] },
                { "role": "system", "content": "The time is noon." },
            ],
            "max_completion_tokens": 50,
            "stop": ["END"],
            "tools": [{ "type": "function", "function": { "name": "look", "parameters": { "type": "object" }, "strict": true } }],
            "tool_choice": { "type": "function", "function": { "name": "look" } },
            "response_format": { "type": "json_schema", "json_schema": { "name": "answer", "schema": { "type": "object" }, "strict": true } },
            "parallel_tool_calls": false,
            "reasoning_effort": "high",
        })
    );
}

#[tokio::test]
async fn gpts_answer_comes_in_anthropics_words() {
    let (vendor, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&vendor, &gpt).start().await;
    let call = |id: &str, arguments: &str| json!({ "id": id, "type": "function", "function": { "name": "look", "arguments": arguments } });
    let said = json!({
        "role": "assistant",
        "content": "Let me look.",
        "reasoning_content": "Hm.",
        "tool_calls": [call("call_1", "{\"n\":1}"), call("call_2", "")],
    });
    gpt.reply(Reply::json(200, gpt_answer(said, "tool_calls")));
    let answer = message(&app, question("gpt/gpt-5.4", "a", json!({}))).await.ok();
    let expected = json!([
        { "type": "thinking", "thinking": "Hm.", "signature": "" },
        { "type": "text", "text": "Let me look." },
        { "type": "tool_use", "id": "call_1", "name": "look", "input": { "n": 1 } },
        { "type": "tool_use", "id": "call_2", "name": "look", "input": {} },
    ]);
    assert_eq!(answer["content"], expected);
    assert_eq!(
        (&answer["model"], &answer["stop_reason"]),
        (&json!("gpt/gpt-5.4"), &json!("tool_use"))
    );
    assert_eq!(
        answer["usage"],
        json!({
            "input_tokens": 10,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 90,
            "output_tokens": 7,
            "output_tokens_details": { "thinking_tokens": 3 },
        })
    );

    // Fragments of two calls, mixed: a block is told without gaps, and so is the other one.
    let start = |index: u32, id: &str| json!({ "tool_calls": [{ "index": index, "id": id, "type": "function", "function": { "name": "look", "arguments": "" } }] });
    let more = |index: u32, arguments: &str| json!({ "tool_calls": [{ "index": index, "function": { "arguments": arguments } }] });
    let deltas = [
        json!({ "role": "assistant", "content": "" }),
        json!({ "reasoning_content": "Hm." }),
        json!({ "content": "Let me " }),
        json!({ "content": "look." }),
        start(0, "call_1"),
        more(0, "{\"n\""),
        start(1, "call_2"),
        more(1, "{"),
        more(0, ":1}"),
        more(1, "}"),
    ];
    gpt.reply(Reply::sse(gpt_events(&deltas, "tool_calls")));
    let streamed = assembled(&events(&app, question("gpt/gpt-5.4", "a", json!({}))).await);
    assert_eq!(streamed["content"], expected);
    assert_eq!(streamed["stop_reason"], "tool_use");
    let counts = json!([streamed["usage"]["input_tokens"], streamed["usage"]["output_tokens"]]);
    assert_eq!(counts, json!([10, 7]));
}

#[tokio::test]
async fn every_finish_reason_has_its_word_in_the_other_dialect() {
    let (vendor, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&vendor, &gpt).start().await;
    for (reason, expected) in [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("stop_sequence", "stop"),
        ("refusal", "content_filter"),
        ("pause_turn", "stop"),
        ("model_context_window_exceeded", "length"),
        ("of_tomorrow", "stop"),
    ] {
        let text = json!([{ "type": "text", "text": "Hi" }]);
        vendor.reply(Reply::json(200, claude::message_with(text, reason)));
        let answer = chat(&app, question("claude/claude-sonnet-5", reason, json!({}))).await.ok();
        assert_eq!(answer["choices"][0]["finish_reason"], expected, "{reason}");
    }
    for (reason, expected) in [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("content_filter", "refusal"),
        ("of_tomorrow", "end_turn"),
    ] {
        let said = json!({ "role": "assistant", "content": "Hi" });
        gpt.reply(Reply::json(200, gpt_answer(said, reason)));
        let answer = message(&app, question("gpt/gpt-5.4", reason, json!({}))).await.ok();
        assert_eq!(answer["stop_reason"], expected, "{reason}");
    }
}

#[tokio::test]
async fn a_wish_that_changes_the_answer_is_refused_where_the_api_has_no_word_for_it() {
    let (vendor, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&vendor, &gpt).start().await;
    let fields = json!({ "response_format": { "type": "json_object" } });
    let answer = chat(&app, question("claude/claude-sonnet-5", "a", fields)).await;
    assert_eq!(
        (answer.status, answer.json()["error"]["param"].as_str()),
        (400, Some("response_format"))
    );
    let fields = json!({ "frequency_penalty": 0.5 });
    let answer = chat(&app, question("claude/claude-sonnet-5", "a", fields)).await;
    assert_eq!(answer.json()["error"]["param"], "frequency_penalty");
    assert_eq!(vendor.count(), 0);
}
