//! Vendors: what they answer has no end, no form, or another end than they say.

mod cuts;
mod endless;
mod framing;
mod many;
mod words;

use mock_vendor::MockVendor;
use serde_json::json;

use super::beside;
use crate::support::{Answer, App, ask};

/// A server whose provider asks this vendor, once, and has little patience and room.
async fn server(vendor: &MockVendor) -> App {
    App::with_vendor(vendor)
        .set("LLM_MAX_RETRIES", "0")
        .set("LLM_TIMEOUT", "4s")
        .set("LLM_FIRST_BYTE_TIMEOUT", "1500ms")
        .set("LLM_IDLE_TIMEOUT", "1500ms")
        .set("LLM_RESPONSE_LIMIT", "100000")
        .set("LLM_EVENT_LIMIT", "10000")
        .start()
        .await
}

/// Asks the vendor, beside a neighbour.
async fn chat(app: &App, stream: bool) -> Answer {
    let question = ask("Hello", json!({ "useCache": false, "stream": stream }));
    beside(app, app.chat(question)).await
}

/// Fails unless the answer is a failure of the vendor's, told before or within a stream.
#[track_caller]
fn assert_failed(what: &str, answer: &Answer) {
    let code = |code: &str| answer.body.contains(&format!("\"code\":\"{code}\""));
    let told = code("provider-failed") || code("deadline-exceeded");
    assert!(told, "{what}: {} {:.500}", answer.status, answer.body);
    assert!(!answer.body.contains("event: done"), "{what}: {:.500}", answer.body);
}
