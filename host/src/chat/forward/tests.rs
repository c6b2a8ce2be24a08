//! Forwarded calls end to end: the bundled providers, as components, before a scripted vendor.

use std::time::Duration;

use futures_util::StreamExt;
use mock_vendor::{Gate, MockVendor, Reply, Step};
use serde_json::json;
use tempfile::TempDir;

use super::super::other_calls::{self, CountTokens, Embed, ListModels};
use super::*;
use crate::config::{Config, Machine, Vars};
use crate::contract::{ErrorKind, Message, Part, Request, Role, Text};
use crate::plugin::Loader;
use crate::plugin::{EmbedInput, EmbedRequest};

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
        let old = include_bytes!("../../../../tests/compiled/0.1.0/echo-rust.wasm");
        std::fs::write(folder.path().join("old.wasm"), old).unwrap();
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
            tenant: None,
        }
    }
}

/// A question to a model.
fn question() -> Request {
    let text = Text { text: "Hi".into(), extra: None };
    let message = Message { role: Role::User, content: vec![Part::Text(text)], extra: None };
    Request {
        model: "m".into(),
        messages: vec![message],
        max_tokens: Some(5),
        temperature: Some(0.5),
        top_p: None,
        top_k: None,
        stop_sequences: vec![],
        tools: vec![],
        tool_choice: None,
        native: None,
        extra: None,
    }
}

async fn forward(call: ForwardCall) -> Result<Forwarded, ForwardFailure> {
    run(call, Policy { max_retries: 2, delay: Duration::from_millis(1) }).await
}

#[tokio::test]
async fn models_are_listed_tokens_counted_and_vectors_made() {
    let scene = Scene::new().await;
    let policy = Policy { max_retries: 1, delay: Duration::from_millis(1) };
    let (claude, openai) = (scene.provider("claude"), scene.provider("openai"));
    assert!(claude.lists_models() && claude.counts_tokens() && !claude.embeds());
    assert!(openai.lists_models() && !openai.counts_tokens() && openai.embeds());

    scene.vendor.reply(Reply::json(529, json!({})));
    scene.vendor.reply(Reply::json(
        200,
        json!({
            "data": [{
                "type": "model", "id": "claude-x", "display_name": "Claude X", "created_at": "2026-01-01T00:00:00Z",
                "max_input_tokens": 1_000_000, "max_tokens": 64_000, "later": true
            }],
            "has_more": true, "first_id": "claude-x", "last_id": "claude-x"
        }),
    ));
    let list = ListModels(Some("claude w".into()));
    let (page, stats) = other_calls::run(claude.clone(), None, list, policy).await;
    let page = page.unwrap();
    assert_eq!((page.next.as_deref(), stats.attempts), (Some("claude-x"), 2));
    let model = &page.models[0];
    assert_eq!((&*model.id, model.display_name.as_deref()), ("claude-x", Some("Claude X")));
    assert_eq!((model.context_tokens, model.max_output_tokens), (Some(1_000_000), Some(64_000)));
    assert_eq!(model.extra.as_deref(), Some(r#"{"type":"model","later":true}"#));
    scene.vendor.next_request().await;
    let sent = scene.vendor.next_request().await;
    assert_eq!((&*sent.method, &*sent.path), ("GET", "/v1/models?limit=1000&after_id=claude%20w"));

    scene.vendor.reply(Reply::json(200, json!({ "input_tokens": 14 })));
    let (count, _) = other_calls::run(claude, None, CountTokens(question()), policy).await;
    assert_eq!(count.unwrap().input_tokens, 14);
    let sent = scene.vendor.next_request().await;
    assert_eq!(sent.path, "/v1/messages/count_tokens");
    assert_eq!(
        sent.json(),
        json!({ "model": "m", "messages": [{ "role": "user", "content": "Hi" }] })
    );

    scene.vendor.reply(Reply::json(
        200,
        json!({
            "object": "list", "model": "e", "usage": { "prompt_tokens": 3, "total_tokens": 3 },
            "data": [
                { "object": "embedding", "index": 1, "embedding": [1, 2.0] },
                { "object": "embedding", "index": 0, "embedding": [0.5, -1] }
            ]
        }),
    ));
    let texts = [EmbedInput::Text("a".into()), EmbedInput::Tokens(vec![1, 2])];
    let request = EmbedRequest {
        model: "e".into(),
        inputs: texts.into(),
        dimensions: Some(2),
        purpose: None,
        native: None,
        extra: Some(r#"{"user":"u"}"#.into()),
    };
    let one = EmbedRequest { inputs: vec![EmbedInput::Text("a".into())], ..request.clone() };
    let (refused, _) = other_calls::run(openai.clone(), None, Embed(request), policy).await;
    assert_eq!(refused.unwrap_err().kind(), "unsupported", "texts and tokens don't mix there");
    let two = vec![EmbedInput::Text("a".into()), EmbedInput::Text("b".into())];
    let two = EmbedRequest { inputs: two, ..one };
    let (answer, _) = other_calls::run(openai, None, Embed(two), policy).await;
    let answer = answer.unwrap();
    let numbers: Vec<f32> =
        answer.data.chunks(4).map(|it| f32::from_le_bytes(it.try_into().unwrap())).collect();
    assert_eq!((answer.dimensions, numbers), (2, vec![0.5, -1.0, 1.0, 2.0]));
    assert_eq!(answer.usage.input_tokens, Some(3));
    let sent = scene.vendor.next_request().await;
    assert_eq!(sent.path, "/v1/embeddings");
    assert_eq!(
        sent.json(),
        json!({ "model": "e", "input": ["a", "b"], "dimensions": 2, "encoding_format": "float", "user": "u" })
    );
}

#[tokio::test]
async fn a_component_of_the_first_version_stands_beside_one_of_this() {
    let scene = Scene::new().await;
    let old = scene.provider("old");
    assert!(!old.forwards("anthropic-messages") && !old.takes_wishes());
    assert!(!old.lists_models() && !old.counts_tokens() && !old.embeds());
    let mut call = old.begin_call(&Meter::default(), CallContext::default()).await.unwrap();
    let answer = call.complete(&question()).await.unwrap();
    let Part::Text(text) = &answer.parts[0] else { panic!("{answer:?}") };
    assert_eq!(text.text, "Hi");
    assert!(scene.provider("claude").forwards("anthropic-messages"));
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
