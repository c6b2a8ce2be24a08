//! Providers that were compiled for a version of the contract go on working: tests/compiled.

use std::fs;
use std::path::PathBuf;

use mock_vendor::{MockVendor, Reply};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::{App, ask};

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/compiled/0.1.0"))
}

#[test]
fn they_are_the_bytes_of_the_day() {
    let sums = fs::read_to_string(folder().join("SHA256SUMS")).unwrap();
    let mut listed = Vec::new();
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").expect("lines are as sha256sum writes them");
        let bytes = fs::read(folder().join(name)).unwrap();
        let digest: String =
            Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, sum, "{name}");
        listed.push(name.to_owned());
    }
    let components = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut components: Vec<String> = components.filter(|name| name.ends_with(".wasm")).collect();
    components.sort();
    assert_eq!(components, listed);
}

#[tokio::test]
async fn one_in_rust_answers_plain_and_streamed() {
    let component = fs::read(folder().join("echo-rust.wasm")).unwrap();
    let app = App::with_echo().plugin_file("old", component).start().await;
    assert_eq!(app.provider("old").await["state"], "ready");
    let asked = ask("It still answers.", json!({ "provider": "old" }));
    assert_eq!(app.chat(asked.clone()).await.ok()["content"], "It still answers.");
    let question = ask("It still streams.", json!({ "provider": "old" }));
    assert_eq!(app.stream(question).await.finish().await.0, "It still streams.");
}

#[tokio::test]
async fn one_in_c_answers_plain_and_streamed_and_tells_failures() {
    let vendor = MockVendor::start().await;
    let component = fs::read(folder().join("cohere-c.wasm")).unwrap();
    let url = vendor.url();
    let file = format!(
        "[config]\nbase-url = \"{url}\"\nmodel = \"command\"\n\
         [[outbound]]\norigin = \"{url}\"\nheaders = {{ authorization = \"Bearer key-of-the-tests\" }}\n"
    );
    let app = App::with_echo().set("LLM_MAX_RETRIES", "0").plugin_file("old", component);
    let app = app.file("plugins/old.toml", file).start().await;

    let answer = json!({
        "id": "1", "finish_reason": "COMPLETE",
        "message": { "role": "assistant", "content": [{ "type": "text", "text": "Still here." }] },
        "usage": { "tokens": { "input_tokens": 3, "output_tokens": 2 } },
    });
    vendor.reply(Reply::json(200, answer));
    let said = app.chat(ask("Hello", json!({ "provider": "old" }))).await.ok();
    assert_eq!(
        (&said["content"], &said["usage"]["totalTokens"]),
        (&json!("Still here."), &json!(5))
    );
    let sent = vendor.requests().pop().expect("the vendor was asked");
    assert_eq!(
        (sent.path.as_str(), sent.header("authorization")),
        ("/v2/chat", Some("Bearer key-of-the-tests"))
    );

    let events = [
        json!({ "type": "message-start", "id": "2", "delta": { "message": { "role": "assistant" } } }),
        json!({ "type": "content-start", "index": 0, "delta": { "message": { "content": { "type": "text", "text": "" } } } }),
        json!({ "type": "content-delta", "index": 0, "delta": { "message": { "content": { "text": "Still " } } } }),
        json!({ "type": "content-delta", "index": 0, "delta": { "message": { "content": { "text": "streaming." } } } }),
        json!({ "type": "content-end", "index": 0 }),
        json!({ "type": "message-end", "delta": { "finish_reason": "COMPLETE" } }),
    ];
    let text: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    vendor.reply(Reply::sse_text(text));
    assert_eq!(
        app.stream(ask("And now?", json!({ "provider": "old" }))).await.finish().await.0,
        "Still streaming."
    );

    vendor.reply(Reply::json(429, json!({ "message": "slow down" })).header("retry-after", "7"));
    let refused = app.chat(ask("Once more", json!({ "provider": "old" }))).await;
    assert_eq!(refused.headers["retry-after"], "7");
    refused.problem(429, "rate-limited");
}
