//! Forwarded calls end to end: the bundled providers, as components, before a scripted vendor.

use std::time::Duration;

use futures_util::StreamExt;
use mock_vendor::{Gate, MockVendor, Reply, Step};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::config::{Config, Machine, Vars};
use crate::contract::ErrorKind;
use crate::plugin::Loader;

const KEY: &str = "key-of-the-operator-0123456789";

/// The bundled providers, each before the same vendor.
struct Scene {
    vendor: MockVendor,
    loader: Loader,
    _folder: TempDir,
}

impl Scene {
    async fn new() -> Self {
        let (vendor, folder) = (MockVendor::start().await, TempDir::new().unwrap());
        let (data, url) = (folder.path().display().to_string(), vendor.url().to_owned());
        let openai = include_str!("../../../../plugins/openai/provider.toml")
            .replace("openai.wasm", "bundled:openai")
            .replace(
                "[config]",
                "[config]\ndialects = \"openai-chat,openai-embeddings,openai-responses\"",
            );
        std::fs::write(folder.path().join("openai.toml"), openai).unwrap();
        let vars = Vars::from([
            ("DATA_DIR", &*data),
            ("LLM_PLUGIN_DIR", &*data),
            ("ANTHROPIC_API_KEY", KEY),
            ("ANTHROPIC_BASE_URL", &*url),
            ("OPENAI_API_KEY", KEY),
            ("OPENAI_ORIGIN", &*url),
        ]);
        let config = Config::parse(&vars, &Machine::of_this_process()).unwrap();
        let loader = Loader::start(&config.plugins, crate::turns::Turns::new(1)).await.unwrap();
        Self { vendor, loader, _folder: folder }
    }

    fn provider(&self, id: &str) -> Arc<Provider> {
        self.loader.providers().get(id).unwrap().serving().cloned().unwrap()
    }

    fn call(&self, body: &'static str) -> ForwardCall {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("anthropic-version", "2026-10-21"),
            ("anthropic-beta", "message-threads-2026-08-12"),
            ("x-api-key", "key-of-the-caller"),
            ("authorization", "Bearer key-of-the-caller"),
            ("user-agent", "a program"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        ForwardCall {
            provider: self.provider("claude"),
            dialect: "anthropic-messages",
            method: Method::POST,
            query: Some("beta=true".into()),
            headers,
            model: "claude-sonnet-5".into(),
            streamed: false,
            body: Bytes::from_static(body.as_bytes()),
        }
    }
}

async fn forward(call: ForwardCall) -> Result<Forwarded, ForwardFailure> {
    run(call, Policy { max_retries: 2, delay: Duration::from_millis(1) }).await
}

fn kind(failure: &ForwardFailure) -> &'static str {
    failure.error.kind()
}

#[tokio::test]
async fn both_bodies_pass_as_they_are() {
    let scene = Scene::new().await;
    let answer = "{ \"id\":\"msg_1\",\t\"new_member\": [1.10, 2e5] }\n";
    scene.vendor.reply(
        Reply::status(200)
            .header("content-type", "application/json")
            .header("request-id", "req_1")
            .header("anthropic-ratelimit-tokens-limit", "100")
            .header("set-cookie", "a=b")
            .header("server", "hidden")
            .body(answer),
    );
    let body = "{\"n\": 1.10 ,\"model\":\"claude/claude-sonnet-5\", \"later\":{\"model\":\"x\"}}";
    let mut forwarded = forward(scene.call(body)).await.unwrap();
    assert_eq!(forwarded.status, 200);
    assert_eq!(forwarded.headers["request-id"], "req_1");
    assert_eq!(forwarded.headers["anthropic-ratelimit-tokens-limit"], "100");
    assert!(!forwarded.headers.contains_key("set-cookie"));
    assert!(!forwarded.headers.contains_key("server"));
    assert_eq!(forwarded.body.whole().await.unwrap(), answer);
    assert_eq!(forwarded.body.stats().attempts, 1);

    let sent = scene.vendor.next_request().await;
    assert_eq!((&*sent.method, &*sent.path), ("POST", "/v1/messages?beta=true"));
    assert_eq!(sent.header("x-api-key"), Some(KEY));
    assert_eq!(sent.header("authorization"), None);
    assert_eq!(sent.header("anthropic-version"), Some("2026-10-21"));
    assert_eq!(sent.header("anthropic-beta"), Some("message-threads-2026-08-12"));
    assert_eq!(sent.header("content-type"), Some("application/json"));
    let model = body.replace("claude/claude-sonnet-5", "claude-sonnet-5");
    assert_eq!(std::str::from_utf8(&sent.body).unwrap(), model);
}

#[tokio::test]
async fn every_dialect_that_a_provider_names_reaches_its_path() {
    let scene = Scene::new().await;
    for (id, dialect, path) in [
        ("claude", "anthropic-messages", "/v1/messages"),
        ("claude", "anthropic-count-tokens", "/v1/messages/count_tokens"),
        ("openai", "openai-chat", "/v1/chat/completions"),
        ("openai", "openai-embeddings", "/v1/embeddings"),
        ("openai", "openai-responses", "/v1/responses"),
    ] {
        let provider = scene.provider(id);
        assert!(provider.forwards(dialect), "{dialect}");
        scene.vendor.reply(Reply::json(200, json!({})));
        let call = scene.call("{}");
        forward(ForwardCall { provider, dialect, query: None, ..call }).await.unwrap();
        assert_eq!(scene.vendor.next_request().await.path, path);
    }
    assert!(!scene.provider("echo").forwards("anthropic-messages"));
}

#[tokio::test]
async fn a_stream_is_passed_on_as_it_comes_and_ends_with_its_caller() {
    let scene = Scene::new().await;
    let gate = Gate::new();
    let first = "event: message_start\r\ndata: {}\r\n\n: a comment\n\n";
    scene.vendor.reply(Reply::steps([
        Step::send(first),
        Step::wait(&gate),
        Step::send("never seen"),
    ]));
    let forwarded = forward(ForwardCall { streamed: true, ..scene.call("{}") }).await.unwrap();
    assert_eq!(forwarded.headers["content-type"], "text/event-stream; charset=utf-8");
    assert_eq!(scene.vendor.next_request().await.header("accept"), Some("text/event-stream"));
    let mut stream = Box::pin(forwarded.body.into_stream());
    let mut seen = Vec::new();
    while seen.len() < first.len() {
        seen.extend_from_slice(&stream.next().await.unwrap().unwrap());
    }
    assert_eq!(std::str::from_utf8(&seen).unwrap(), first);
    drop(stream);
    scene.vendor.wait_for_disconnect().await;
}

#[tokio::test]
async fn attempts_end_with_the_first_bytes() {
    let scene = Scene::new().await;
    let overloaded =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Later."}});
    scene.vendor.reply(Reply::json(529, overloaded));
    scene.vendor.reply(Reply::steps([Step::Close]));
    scene.vendor.reply(Reply::steps([Step::send("event: ping\n\n"), Step::Close]));
    let mut forwarded = forward(scene.call("{}")).await.unwrap();
    assert_eq!(forwarded.body.next().await.unwrap().unwrap(), "event: ping\n\n");
    let broken = forwarded.body.next().await.unwrap().unwrap_err();
    assert_eq!(broken.kind(), "interrupted");
    assert!(forwarded.body.next().await.is_none(), "nothing follows a failure");
    assert_eq!(forwarded.body.stats().attempts, 3);
    assert_eq!(scene.vendor.count(), 3);
}

#[tokio::test]
async fn a_refusal_is_kept_in_the_vendors_words() {
    let scene = Scene::new().await;
    let words = "{ \"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"No.\",\
                 \"details\":{\"error_code\":\"thread_unsupported_request\"}} }";
    let refusal = Reply::status(400)
        .header("content-type", "application/json")
        .header("request-id", "req_9")
        .body(words);
    scene.vendor.reply(refusal);
    let failure = forward(scene.call("{}")).await.err().unwrap();
    assert_eq!((kind(&failure), failure.stats.attempts), ("invalid-request", 1));
    let CallError::Provider(error) = &failure.error else { panic!("{failure:?}") };
    assert_eq!((&error.kind, error.status), (&ErrorKind::InvalidRequest, Some(400)));
    assert_eq!(error.request_id.as_deref(), Some("req_9"));
    let refusal = failure.refusal.unwrap();
    assert_eq!((refusal.status, refusal.whole), (400, true));
    assert_eq!(refusal.body, words);
    assert_eq!(refusal.headers["request-id"], "req_9");

    // The operator's key in the vendor's words, and more of them than are kept.
    let long = format!("{{\"error\":\"{KEY}\"}}{}", " ".repeat(REFUSAL_BYTES_MAX));
    scene.vendor.reply(Reply::status(401).body(long));
    let failure = forward(scene.call("{}")).await.err().unwrap();
    assert_eq!(kind(&failure), "credentials");
    let refusal = failure.refusal.unwrap();
    assert_eq!((refusal.body.len(), refusal.whole), (REFUSAL_BYTES_MAX, false));
    assert!(!String::from_utf8_lossy(&refusal.body).contains(KEY));
}

#[tokio::test]
async fn what_the_operator_did_not_grant_is_denied_before_anything_is_sent() {
    let scene = Scene::new().await;
    let call = ForwardCall { method: Method::DELETE, ..scene.call("{}") };
    let failure = forward(call).await.err().unwrap();
    assert_eq!((kind(&failure), failure.refusal.is_none()), ("denied", true));
    let call = ForwardCall { dialect: "openai-chat", ..scene.call("{}") };
    assert_eq!(kind(&forward(call).await.err().unwrap()), "unsupported");
    let call = ForwardCall { provider: scene.provider("echo"), ..scene.call("{}") };
    assert!(forward(call).await.is_err());
    let failure = forward(scene.call("[]")).await.err().unwrap();
    assert_eq!((kind(&failure), failure.stats.attempts), ("invalid-request", 0));
    assert_eq!(scene.vendor.count(), 0);
}

#[test]
fn only_headers_of_dialects_pass() {
    let passes = |name: &'static str| belongs_to_a_dialect(&HeaderName::from_static(name));
    for name in ["anthropic-version", "anthropic-beta", "anthropic-workspace-id", "openai-beta"] {
        assert!(passes(name), "{name}");
    }
    for name in ["authorization", "x-api-key", "cookie", "host", "x-stainless-lang", "accept"] {
        assert!(!passes(name), "{name}");
    }
    let read = |name: &'static str| is_read_by_programs(&HeaderName::from_static(name));
    for name in ["request-id", "anthropic-ratelimit-tokens-limit", "x-ratelimit-reset-tokens"] {
        assert!(read(name), "{name}");
    }
    for name in ["set-cookie", "content-length", "content-encoding", "server", "connection"] {
        assert!(!read(name), "{name}");
    }
}
