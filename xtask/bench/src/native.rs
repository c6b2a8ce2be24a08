//! The reference: the mapping of the `claude` provider as one would write it by hand with axum and reqwest. No sandbox,
//! no cache, no retry, no log. And bare routes, which only parse and write JSON.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Result;
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use futures_util::{Stream, StreamExt, stream};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;

/// Serves until it is killed. The first line it prints is its address.
pub(crate) async fn serve(vendor: String) -> Result<()> {
    let client = reqwest::Client::builder().tcp_nodelay(true).build()?;
    let app = Arc::new(Native { client, url: format!("{vendor}/v1/messages") });
    let router =
        Router::new().route("/api/llm/chat", post(chat)).route("/bare", get(bare).post(bare_post)).with_state(app);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router).await?;
    Ok(())
}

struct Native {
    client: reqwest::Client,
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "parsed as Arete parses it")]
struct Question {
    messages: Vec<Message>,
    model: Option<String>,
    max_tokens: Option<u32>,
    use_cache: Option<bool>,
    #[serde(default)]
    stream: bool,
}

#[derive(Deserialize, Serialize)]
struct Message {
    role: String,
    content: String,
}

#[derive(Serialize)]
struct VendorQuestion<'a> {
    model: &'a str,
    max_tokens: u32,
    messages: &'a [Message],
    stream: bool,
}

#[derive(Deserialize)]
struct VendorAnswer {
    id: String,
    model: String,
    #[serde(default)]
    content: Vec<Block>,
    stop_reason: Option<String>,
    usage: VendorUsage,
}

#[derive(Deserialize)]
struct Block {
    #[serde(default)]
    text: String,
}

#[derive(Deserialize, Clone, Copy)]
struct VendorUsage {
    input_tokens: u32,
    output_tokens: u32,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum VendorEvent {
    MessageStart {
        message: VendorAnswer,
    },
    ContentBlockDelta {
        delta: Block,
    },
    MessageDelta {
        delta: Stop,
        usage: VendorUsage,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Stop {
    stop_reason: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    id: String,
    content: String,
    model: String,
    usage: Usage,
    finish_reason: String,
    provider: &'static str,
    cached: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    input_tokens: u32,
    output_tokens: u32,
    total_tokens: u32,
}

impl From<VendorUsage> for Usage {
    fn from(VendorUsage { input_tokens, output_tokens }: VendorUsage) -> Self {
        Self { input_tokens, output_tokens, total_tokens: input_tokens + output_tokens }
    }
}

type Failed = (StatusCode, String);

async fn chat(State(app): State<Arc<Native>>, Json(question): Json<Question>) -> Result<Response, Failed> {
    let body = VendorQuestion {
        model: question.model.as_deref().unwrap_or("claude-sonnet-5"),
        max_tokens: question.max_tokens.unwrap_or(4096),
        messages: &question.messages,
        stream: question.stream,
    };
    let body = serde_json::to_vec(&body).map_err(failed)?;
    let sent = app.client.post(&app.url).body(body).header("content-type", "application/json");
    let sent = sent.header("x-api-key", "sk-of-the-benchmark").header("anthropic-version", "2023-06-01").send().await;
    let reply = sent.and_then(reqwest::Response::error_for_status).map_err(failed)?;
    if question.stream {
        return Ok(Sse::new(events(reply)).into_response());
    }
    let answer: VendorAnswer = serde_json::from_slice(&reply.bytes().await.map_err(failed)?).map_err(failed)?;
    Ok(Json(Answer {
        id: answer.id,
        content: answer.content.into_iter().map(|block| block.text).collect(),
        model: answer.model,
        usage: answer.usage.into(),
        finish_reason: answer.stop_reason.unwrap_or_default(),
        provider: "anthropic",
        cached: false,
    })
    .into_response())
}

/// The vendor's events as ours, as they come.
fn events(reply: reqwest::Response) -> impl Stream<Item = Result<Event, Infallible>> {
    let state = (reply.bytes_stream(), Vec::new(), VecDeque::new());
    stream::unfold(state, |(mut chunks, mut buffer, mut ready)| async move {
        loop {
            if let Some(event) = ready.pop_front() {
                return Some((Ok(event), (chunks, buffer, ready)));
            }
            let chunk: bytes::Bytes = chunks.next().await?.ok()?;
            buffer.extend_from_slice(&chunk);
            let mut taken = 0;
            while let Some(length) = buffer[taken..].windows(2).position(|two| two == b"\n\n") {
                ready.extend(event(&buffer[taken..taken + length]));
                taken += length + 2;
            }
            buffer.drain(..taken);
        }
    })
}

fn event(text: &[u8]) -> Option<Event> {
    let data = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"data: "))?;
    let (name, body) = match serde_json::from_slice(data).ok()? {
        VendorEvent::MessageStart { message } => (
            "start",
            json!({ "id": message.id, "model": message.model, "provider": "anthropic", "cached": false }).to_string(),
        ),
        VendorEvent::ContentBlockDelta { delta } => {
            ("delta", serde_json::to_string(&Delta { text: &delta.text }).ok()?)
        }
        VendorEvent::MessageDelta { delta, usage } => {
            ("done", json!({ "finishReason": delta.stop_reason, "usage": Usage::from(usage) }).to_string())
        }
        VendorEvent::Other => return None,
    };
    Some(Event::default().event(name).data(body))
}

#[derive(Serialize)]
struct Delta<'a> {
    text: &'a str,
}

fn failed(error: impl ToString) -> Failed {
    (StatusCode::BAD_GATEWAY, error.to_string())
}

/// The least that a JSON route does.
async fn bare() -> Json<Answer> {
    Json(Answer {
        id: upstream::claude::MESSAGE_ID.into(),
        content: "Good morning".into(),
        model: upstream::claude::MODEL.into(),
        usage: VendorUsage { input_tokens: 12, output_tokens: 6 }.into(),
        finish_reason: "end_turn".into(),
        provider: "anthropic",
        cached: true,
    })
}

/// The same, once the question is read.
async fn bare_post(Json(_): Json<Question>) -> Json<Answer> {
    bare().await
}
