//! Secrets: keys, prompts and answers are in no log line, however much is logged, and a vendor that
//! gives our key away doesn't get it past us.

use mock_vendor::{MockVendor, Reply, claude};
use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, App, EventStream, KEY, ask, client, question};

const PROMPT: &str = "marker-of-the-prompt-5d1f";
const ANSWER: &str = "marker-of-the-answer-77ac";
const VENDOR_KEY: &str = "sk-ant-marker-of-the-vendor-key-90be";
const CALLER_KEY: &str = "marker-of-the-caller-key-31c4";

#[tokio::test]
async fn no_log_line_holds_a_key_a_prompt_or_an_answer() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor)
        .set("RUST_LOG", "trace")
        .set("ANTHROPIC_API_KEY", VENDOR_KEY)
        .set("ARETE_API_KEYS", format!("team:{CALLER_KEY}"))
        .plugin(arete_artifacts::TRAP)
        .start()
        .await;
    let post = |body: serde_json::Value| {
        let request = app.request(Method::POST, "/api/llm/chat").bearer_auth(CALLER_KEY);
        request.body(body.to_string())
    };
    let send = |body: serde_json::Value| client::send(post(body));

    vendor.reply(Reply::json(200, claude::message(ANSWER)));
    let whole: Answer = send(question(PROMPT)).await;
    assert_eq!(whole.ok()["content"], ANSWER);
    // The same again: out of the cache.
    assert_eq!(send(question(PROMPT)).await.ok()["cached"], true);

    let streamed = question(&format!("{PROMPT}, streamed"));
    vendor.reply(Reply::sse_text(claude::stream(&[ANSWER, " and more"])));
    let mut streamed_body = streamed.clone();
    streamed_body["stream"] = json!(true);
    for _ in 0..2 {
        let (text, _) = EventStream::open(post(streamed_body.clone())).await.finish().await;
        assert_eq!(text, format!("{ANSWER} and more"));
    }

    // Retried, refused, broken, crashed, misspelled, and let in by nobody.
    let uncached = |text: &str| ask(text, json!({ "useCache": false }));
    vendor.reply(Reply::json(529, claude::error("overloaded_error", "Overloaded")));
    vendor.reply(Reply::json(400, claude::error("invalid_request_error", "No.")));
    send(uncached(PROMPT)).await.problem(400, "invalid-request");
    vendor.reply(Reply::status(200).body(format!("{{\"{ANSWER}\": ")));
    send(uncached(PROMPT)).await.problem(502, "provider-failed");
    send(ask(PROMPT, json!({ "provider": "trap" }))).await.problem(502, "plugin-failed");
    send(ask(PROMPT, json!({ "temperature": 5 }))).await.problem(400, "invalid-request");
    let stranger = app.request(Method::POST, "/api/llm/chat").bearer_auth(format!("{CALLER_KEY}x"));
    client::send(stranger.body(question(PROMPT).to_string())).await.problem(401, "unauthorized");

    let health = app.get("/api/health").await;
    app.request_line(health.id()).await;
    let logs = app.logs().text();
    assert!(logs.contains("\"TRACE\""), "everything is logged");
    for marker in [PROMPT, ANSWER, VENDOR_KEY, CALLER_KEY] {
        let lines: Vec<&str> = logs.lines().filter(|line| line.contains(marker)).collect();
        assert!(lines.is_empty(), "{marker} in {} lines, such as {:?}", lines.len(), lines.first());
    }
}

#[tokio::test]
async fn a_key_that_the_vendor_repeats_reaches_neither_client_nor_log() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("LLM_MAX_RETRIES", "0").start().await;
    let words = format!("invalid x-api-key: {KEY}");
    let refused = claude::error("authentication_error", &words);

    vendor.reply(Reply::json(401, refused.clone()).header("request-id", format!("req_{KEY}")));
    let plain = app.chat(question("Hello")).await;
    plain.problem(502, "provider-credentials");
    vendor.reply(Reply::json(401, refused.clone()));
    let stream = app.refused_stream(question("Hello")).await;
    let problem = stream.problem(502, "provider-credentials");
    assert_eq!(problem["detail"], "invalid x-api-key: [redacted]");

    let mut events = claude::events(&["Half an "])[..4].to_vec();
    events.push(claude::error_event("api_error", &words));
    vendor.reply(Reply::sse([events.concat()]).cut_every(1));
    let in_band = app.stream(question("Hello")).await.fail(502, "provider-failed").await;

    vendor.reply(Reply::json(200, json!({ "type": KEY })));
    let nonsense = app.chat(question("Hello")).await;
    for text in [&plain.body, &stream.body, &in_band.to_string(), &nonsense.body] {
        assert!(!text.contains(KEY), "{text}");
    }
    for answer in [&plain, &stream, &nonsense] {
        app.request_line(answer.id()).await;
    }
    let logs = app.logs().text();
    assert!(!logs.contains(KEY), "{:?}", logs.lines().find(|line| line.contains(KEY)));
}

#[tokio::test]
async fn a_placeholder_for_a_key_stays_in_answers_and_the_operator_is_told() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("ANTHROPIC_API_KEY", "lm-studio").start().await;
    vendor.reply(Reply::json(200, claude::message("Install the lm-studio CLI")));
    assert_eq!(app.chat(question("Hello")).await.ok()["content"], "Install the lm-studio CLI");
    let logs = app.logs().text();
    let warnings = logs.lines().filter(|line| line.contains("too much like words"));
    let warnings: Vec<&str> = warnings.collect();
    assert!(warnings.len() == 1 && warnings[0].contains("\"claude\""), "{warnings:?}");
    assert!(!warnings[0].contains("lm-studio"), "{warnings:?}");
}
