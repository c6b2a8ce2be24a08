//! `POST /v1/responses`.

use mock_vendor::{MockVendor, Reply, claude};
use serde_json::{Value, json};

use super::{Frame, asked, stream, with_both};
use crate::support::{Answer, App, client};

async fn respond(app: &App, body: Value) -> Answer {
    client::send(asked(app, "/v1/responses", &body)).await
}

/// The events of a stream. Fails unless each is named by its type, they are numbered, and every delta
/// has an item that was added and isn't done.
async fn events(app: &App, body: Value) -> Vec<Value> {
    let frames = stream(app, "/v1/responses", body).await;
    let events: Vec<Value> = frames.iter().map(Frame::json).collect();
    let mut open: Vec<bool> = Vec::new();
    for (number, (frame, event)) in frames.iter().zip(&events).enumerate() {
        assert_eq!(event["type"].as_str(), frame.name.as_deref());
        assert_eq!(event["sequence_number"], number, "{event}");
        let kind = event["type"].as_str().expect("a type");
        let Some(index) = event["output_index"].as_u64() else { continue };
        let index = usize::try_from(index).expect("small");
        match kind {
            "response.output_item.added" => {
                assert_eq!(index, open.len(), "{event}");
                open.push(true);
            }
            "response.output_item.done" => assert!(std::mem::replace(&mut open[index], false)),
            _ => assert!(open[index], "{event}"),
        }
    }
    events
}

#[tokio::test]
async fn an_answer_is_the_same_whole_and_as_a_stream() {
    let app = App::shared().await;
    let body = json!({ "model": "echo/echo", "instructions": "Be brief.", "input": "hello there", "store": false, "metadata": { "a": "b" } });
    let whole = respond(&app, body.clone()).await.ok();
    assert_eq!((&whole["object"], &whole["status"]), (&json!("response"), &json!("completed")));
    assert_eq!((&whole["model"], &whole["store"]), (&json!("echo/echo"), &json!(false)));
    assert_eq!(whole["metadata"], json!({ "a": "b" }));
    assert_eq!(whole["output"][0]["content"][0]["text"], "hello there");
    assert_eq!(whole["usage"]["total_tokens"], 6);

    let events = events(&app, body).await;
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let last = &events[9]["response"];
    assert_eq!(last["output"][0]["content"], whole["output"][0]["content"]);
    assert_eq!(last["usage"], whole["usage"]);
}

#[tokio::test]
async fn items_reach_claude_as_messages_and_come_back_as_items() {
    let (vendor, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&vendor, &gpt).start().await;
    let tools = json!([{ "type": "function", "name": "look", "parameters": { "type": "object" }, "strict": true }]);
    let content = json!([
        { "type": "thinking", "thinking": "Hm.", "signature": "c2ln" },
        { "type": "text", "text": "Let me look." },
        { "type": "tool_use", "id": "toolu_1", "name": "look", "input": { "n": 1 } },
    ]);
    vendor.reply(Reply::json(200, claude::message_with(content, "tool_use")));
    let answer = respond(&app, json!({ "model": "claude-sonnet-5", "input": "a", "tools": tools }))
        .await
        .ok();
    let output = answer["output"].as_array().expect("items");
    let kinds: Vec<&str> = output.iter().filter_map(|item| item["type"].as_str()).collect();
    assert_eq!(kinds, ["reasoning", "message", "function_call"]);
    assert_eq!(output[0]["encrypted_content"], "c2ln");
    assert_eq!(
        (&output[2]["call_id"], &output[2]["arguments"]),
        (&json!("toolu_1"), &json!("{\"n\":1}"))
    );
    vendor.next_request().await;

    let mut input = vec![json!({ "role": "user", "content": "a" })];
    input.extend(output.iter().cloned());
    input.push(json!({ "type": "function_call_output", "call_id": "toolu_1", "output": "dark" }));
    vendor.reply(Reply::json(200, claude::message("Hi")));
    respond(&app, json!({ "model": "claude-sonnet-5", "input": input, "tools": tools })).await.ok();
    assert_eq!(
        vendor.next_request().await.json()["messages"],
        json!([
            { "role": "user", "content": "a" },
            { "role": "assistant", "content": [
                { "type": "thinking", "thinking": "Hm.", "signature": "c2ln" },
                { "type": "text", "text": "Let me look." },
                { "type": "tool_use", "id": "toolu_1", "name": "look", "input": { "n": 1 } },
            ] },
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "toolu_1", "content": "dark" }] },
        ])
    );
}

#[tokio::test]
async fn calls_are_streamed_as_items() {
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
        start(0, "toolu_1"),
        claude::input_delta(0, "{\"n\":"),
        claude::input_delta(0, "1}"),
        claude::block_stop(0),
        start(1, "toolu_2"),
        claude::block_stop(1),
        claude::message_delta("tool_use"),
        claude::message_stop(),
    ]));
    let told = events(&app, json!({ "model": "claude-sonnet-5", "input": "a" })).await;
    let last = told.last().expect("events");
    assert_eq!(last["type"], "response.completed");
    let calls: Vec<&Value> = last["response"]["output"].as_array().expect("items").iter().collect();
    assert_eq!(
        (&calls[0]["call_id"], &calls[0]["arguments"]),
        (&json!("toolu_1"), &json!("{\"n\":1}"))
    );
    assert_eq!((&calls[1]["call_id"], &calls[1]["arguments"]), (&json!("toolu_2"), &json!("{}")));
}

#[tokio::test]
async fn what_would_be_kept_at_the_vendor_is_refused_and_never_ignored() {
    let app = App::shared().await;
    for (field, value) in
        [("previous_response_id", json!("resp_1")), ("conversation", json!("conv_1"))]
    {
        let mut body = json!({ "model": "echo/echo", "input": "a" });
        body[field] = value;
        let answer = respond(&app, body).await;
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, &error["code"]), (400, &json!("previous_response_not_found")));
        assert_eq!(error["param"], field);
    }
    for (field, value) in [("store", json!(true)), ("background", json!(true))] {
        let mut body = json!({ "model": "echo/echo", "input": "a" });
        body[field] = value;
        let answer = respond(&app, body).await;
        assert_eq!((answer.status, answer.json()["error"]["param"].as_str()), (400, Some(field)));
    }
    let answer = respond(
        &app,
        json!({ "model": "echo/echo", "input": [{ "type": "item_reference", "id": "x" }] }),
    )
    .await;
    assert_eq!(answer.json()["error"]["param"], "input[0].type");
}

#[tokio::test]
async fn a_broken_answer_ends_in_an_error() {
    let (vendor, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&vendor, &gpt).set("LLM_MAX_RETRIES", "0").start().await;
    vendor.reply(Reply::sse(&claude::events(&["Good ", "morning"])[..5]));
    let told = events(&app, json!({ "model": "claude-sonnet-5", "input": "a" })).await;
    let kinds: Vec<&str> = told.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds[kinds.len() - 2..], ["error", "response.failed"]);
    assert!(!kinds.contains(&"response.completed"));
}
