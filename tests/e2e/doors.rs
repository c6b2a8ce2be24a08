//! The doors for clients of OpenAI's and of Anthropic's API, asked as those clients ask: what they
//! get, and what they must never get. The official client libraries are run by `tests/clients`.

mod anthropic;
mod failures;
mod forwarded;
mod models;
mod openai;
mod responses;
mod translated;

use mock_vendor::MockVendor;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Answer, App, Builder, client, within};

/// The key of the vendor that speaks OpenAI's dialect.
const GPT_KEY: &str = "sk-gpt-0123456789-of-the-tests";

/// A server with two vendors: `claude`, and `gpt`, which speaks OpenAI's dialect.
fn with_both(claude: &MockVendor, gpt: &MockVendor) -> Builder {
    App::with_vendor(claude)
        .file("plugins/gpt.toml", gpt_file(gpt))
        .set("LLM_PLUGIN_DIR", "plugins")
        .set("LLM_DEFAULT_PROVIDER", "echo")
}

/// The file of a provider that speaks OpenAI's dialect.
fn gpt_file(vendor: &MockVendor) -> String {
    let url = vendor.url();
    format!(
        "component = \"bundled:openai\"\n\
         [config]\nbase-url = \"{url}/v1\"\nmodel = \"gpt-5.4\"\nmodels = \"gpt-5.4, gpt-5.4-mini\"\n\
         [[outbound]]\norigin = \"{url}\"\nheaders = {{ authorization = \"Bearer {GPT_KEY}\" }}\n"
    )
}

/// A whole answer of the vendor that speaks OpenAI's dialect.
fn gpt_answer(message: Value, finish_reason: &str) -> Value {
    json!({
        "id": "chatcmpl-abc",
        "object": "chat.completion",
        "created": 1_764_374_400,
        "model": "gpt-5.4-2026-03-05",
        "choices": [{ "index": 0, "message": message, "finish_reason": finish_reason }],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 7,
            "total_tokens": 107,
            "prompt_tokens_details": { "cached_tokens": 90 },
            "completion_tokens_details": { "reasoning_tokens": 3 },
        },
    })
}

/// A stream of the vendor that speaks OpenAI's dialect: these deltas, then this finish reason.
fn gpt_events(deltas: &[Value], finish_reason: &str) -> Vec<String> {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": "chatcmpl-abc",
            "object": "chat.completion.chunk",
            "created": 1_764_374_400,
            "model": "gpt-5.4-2026-03-05",
            "choices": choices,
            "usage": usage,
        });
        format!("data: {chunk}\n\n")
    };
    let choice = |delta: &Value, reason: Value| json!([{ "index": 0, "delta": delta, "finish_reason": reason }]);
    let usage = json!({ "prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107, "prompt_tokens_details": { "cached_tokens": 90 } });
    let mut events: Vec<String> =
        deltas.iter().map(|delta| chunk(choice(delta, Value::Null), Value::Null)).collect();
    events.push(chunk(choice(&json!({}), finish_reason.into()), Value::Null));
    events.push(chunk(json!([]), usage));
    events.push("data: [DONE]\n\n".into());
    events
}

/// Asks through a door.
fn asked(app: &App, path: &str, body: &Value) -> RequestBuilder {
    app.request(Method::POST, path).body(body.to_string())
}

async fn chat(app: &App, body: Value) -> Answer {
    client::send(asked(app, "/v1/chat/completions", &body)).await
}

async fn message(app: &App, body: Value) -> Answer {
    client::send(asked(app, "/v1/messages", &body)).await
}

/// A question of one message of the user, with a limit, which one of the APIs demands.
fn question(model: &str, text: &str, fields: Value) -> Value {
    let mut body = json!({ "model": model, "max_tokens": 100, "messages": [{ "role": "user", "content": text }] });
    let (Value::Object(body), Value::Object(fields)) = (&mut body, fields) else {
        panic!("a question is an object")
    };
    body.extend(fields);
    Value::Object(body.clone())
}

/// The data of a stream's events, in order, as they stand in it; comments are left out. Fails unless
/// it is a stream.
async fn stream(app: &App, path: &str, mut body: Value) -> Vec<Frame> {
    body["stream"] = true.into();
    let answer = client::send(asked(app, path, &body)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    frames(&answer.body)
}

/// An event of a stream.
#[derive(Debug, Clone, PartialEq)]
struct Frame {
    name: Option<String>,
    data: String,
}

impl Frame {
    fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn frames(text: &str) -> Vec<Frame> {
    let blocks = text.split("\n\n").filter(|block| !block.is_empty() && !block.starts_with(':'));
    blocks
        .map(|block| {
            let mut name = None;
            let mut data = None;
            for line in block.split('\n') {
                match line.split_once(": ") {
                    Some(("event", value)) => name = Some(value.to_owned()),
                    Some(("data", value)) => data = Some(value.to_owned()),
                    _ => panic!("no line of an event: {line:?}"),
                }
            }
            Frame { name, data: data.unwrap_or_else(|| panic!("no data: {block:?}")) }
        })
        .collect()
}

/// The chunks of OpenAI's stream. Fails unless its last event is `[DONE]`, and none has a name.
async fn chunks(app: &App, body: Value) -> Vec<Value> {
    let mut frames = stream(app, "/v1/chat/completions", body).await;
    assert_eq!(frames.pop().map(|frame| frame.data).as_deref(), Some("[DONE]"));
    let chunks: Vec<Value> =
        frames.iter().inspect(|frame| assert_eq!(frame.name, None)).map(Frame::json).collect();
    for chunk in &chunks {
        assert_eq!(chunk["object"], "chat.completion.chunk");
    }
    chunks
}

/// The events of Anthropic's stream. Fails unless each is named by its type.
async fn events(app: &App, body: Value) -> Vec<Value> {
    let frames = stream(app, "/v1/messages", body).await;
    let events = frames.iter().map(|frame| {
        let event = frame.json();
        assert_eq!(event["type"].as_str(), frame.name.as_deref(), "{frame:?}");
        event
    });
    events.collect()
}

/// The message that Anthropic's stream comes to, put together as its client libraries do. Fails where
/// they would: blocks have to be in order, one open at a time, with deltas of their own kind.
fn assembled(events: &[Value]) -> Value {
    let mut message = Value::Null;
    let mut open: Option<usize> = None;
    for event in events {
        match event["type"].as_str().expect("a type") {
            "message_start" => {
                assert_eq!(message, Value::Null, "a second start");
                message = event["message"].clone();
                assert_eq!(message["content"], json!([]));
                assert!(message["usage"]["input_tokens"].is_u64(), "{message}");
            }
            "content_block_start" => {
                let content = message["content"].as_array_mut().expect("a list");
                assert_eq!(event["index"], content.len(), "{event}");
                assert_eq!(open, None, "{event}");
                open = Some(content.len());
                content.push(event["content_block"].clone());
            }
            "content_block_delta" => {
                let at = open.expect("an open block");
                assert_eq!(event["index"], at, "{event}");
                let block = &mut message["content"][at];
                let (kind, field, from) = match event["delta"]["type"].as_str().expect("a type") {
                    "text_delta" => ("text", "text", "text"),
                    "thinking_delta" => ("thinking", "thinking", "thinking"),
                    "signature_delta" => ("thinking", "signature", "signature"),
                    "input_json_delta" => ("tool_use", "partial", "partial_json"),
                    other => panic!("an unknown delta {other}"),
                };
                assert_eq!(block["type"], kind, "{event}");
                let so_far = block[field].as_str().unwrap_or_default().to_owned();
                block[field] = (so_far + event["delta"][from].as_str().expect("a text")).into();
            }
            "content_block_stop" => {
                let at = open.take().expect("an open block");
                assert_eq!(event["index"], at, "{event}");
                let block = &mut message["content"][at];
                if let Some(partial) = block["partial"].as_str() {
                    block["input"] = serde_json::from_str(partial).expect("whole arguments");
                    block.as_object_mut().expect("an object").remove("partial");
                }
            }
            "message_delta" => {
                message["stop_reason"] = event["delta"]["stop_reason"].clone();
                message["stop_sequence"] = event["delta"]["stop_sequence"].clone();
                message["usage"] = event["usage"].clone();
            }
            "message_stop" | "ping" => {}
            other => panic!("an unknown event {other}"),
        }
    }
    assert_eq!(open, None, "a block is still open");
    assert_eq!(events.last().expect("events")["type"], "message_stop");
    message
}

/// Waits for the first bytes of a stream that says nothing else.
async fn first_bytes(request: RequestBuilder) -> String {
    let response = within("a stream", request.send()).await.expect("the server answers");
    let mut response = response;
    let chunk = within("a heartbeat", response.chunk()).await.expect("a piece").expect("a piece");
    String::from_utf8(chunk.to_vec()).expect("text")
}
