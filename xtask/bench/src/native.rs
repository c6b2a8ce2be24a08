//! The reference: the mapping of the `claude` provider for text, as one would write it by hand with
//! axum and reqwest. It checks what Arete checks, has the timeouts that Arete has and frames events
//! by the standard; no sandbox, no cache, no retry, no log. And bare routes, which only read and
//! write JSON.

mod answer;
mod frames;
mod question;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use http::{HeaderValue, StatusCode, header};
use tokio::net::TcpListener;

use self::answer::{Answer, VENDOR, VendorAnswer, VendorUsage};
use self::question::{Question, VendorQuestion};
use crate::server::KEY;

/// As Arete has them: `.env.example` says what they are.
const BODY_LIMIT: usize = 32 << 20;
const TIMEOUT: Duration = Duration::from_secs(600);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Serves until it is killed. The first line it prints is its address.
pub(crate) async fn serve(vendor: String) -> Result<()> {
    let client = reqwest::Client::builder()
        .tcp_nodelay(true)
        .timeout(TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(IDLE_TIMEOUT)
        .build()?;
    let app =
        Arc::new(Native { client, url: reqwest::Url::parse(&format!("{vendor}/v1/messages"))? });
    let router = Router::new()
        .route("/api/llm/chat", post(chat))
        .route("/bare", get(bare).post(bare_post))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(app);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router).await?;
    Ok(())
}

struct Native {
    client: reqwest::Client,
    url: reqwest::Url,
}

type Failed = (StatusCode, String);

async fn chat(
    State(app): State<Arc<Native>>,
    Json(question): Json<Question>,
) -> Result<Response, Failed> {
    question.validate().map_err(|mistakes| (StatusCode::BAD_REQUEST, mistakes.to_string()))?;
    let body = serde_json::to_vec(&VendorQuestion::new(&question)).map_err(failed)?;
    let sent = app
        .client
        .post(app.url.clone())
        .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header("x-api-key", HeaderValue::from_static(KEY))
        .header("anthropic-version", HeaderValue::from_static("2023-06-01"))
        .body(body)
        .send()
        .await;
    let reply = sent.and_then(reqwest::Response::error_for_status).map_err(failed)?;
    if question.stream {
        let events =
            Sse::new(stream::events(reply)).keep_alive(KeepAlive::new().interval(HEARTBEAT));
        return Ok(events.into_response());
    }
    let body = reply.bytes().await.map_err(failed)?;
    let answer: VendorAnswer<'_> = serde_json::from_slice(&body).map_err(failed)?;
    Ok(Json(Answer::new(&answer).map_err(failed)?).into_response())
}

fn failed(error: impl ToString) -> Failed {
    (StatusCode::BAD_GATEWAY, error.to_string())
}

/// The least that a JSON route does.
async fn bare() -> Json<Answer<'static>> {
    let counts =
        VendorUsage { input_tokens: Some(12), output_tokens: Some(6), ..VendorUsage::default() };
    Json(Answer {
        id: mock_vendor::claude::MESSAGE_ID,
        content: "Good morning".into(),
        model: mock_vendor::claude::MODEL,
        usage: counts.into(),
        finish_reason: "end_turn",
        provider: VENDOR,
        cached: true,
    })
}

/// The same, once the question is read.
async fn bare_post(Json(_): Json<Question>) -> Json<Answer<'static>> {
    bare().await
}
