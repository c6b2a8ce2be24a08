//! A question and its whole answer: the shape that clients of the original service know, and what the vendor is sent.

use serde_json::json;
use upstream::{Reply, Upstream, claude};

use crate::support::{App, KEY, ask, question};

#[tokio::test]
async fn echo_answers_without_a_vendor_or_a_key() {
    let app = App::shared().await;
    let answer = app.chat(ask("hello there", json!({ "provider": "echo" }))).await.ok();
    assert!(answer["id"].as_str().is_some_and(|id| id.starts_with("echo_")), "{answer}");
    assert_eq!(answer["content"], "hello there");
    assert_eq!(answer["provider"], "echo");
    assert_eq!(answer["usage"], json!({ "inputTokens": 2, "outputTokens": 2, "totalTokens": 4 }));
}

#[tokio::test]
async fn an_answer_has_the_original_services_exact_shape() {
    let vendor = Upstream::start().await;
    let app = App::with_vendor(&vendor).start().await;
    vendor.reply(Reply::json(200, claude::message("Hi")));

    let answer = app.chat(question("Hello")).await;
    assert_eq!(
        answer.ok(),
        json!({
            "id": claude::MESSAGE_ID,
            "content": "Hi",
            "model": claude::MODEL,
            "usage": { "inputTokens": 12, "outputTokens": 6, "totalTokens": 18, "cacheReadTokens": 0, "cacheWriteTokens": 0 },
            "finishReason": "end_turn",
            "provider": "anthropic",
            "cached": false,
        })
    );
    let seen = vendor.next_request().await;
    assert_eq!(seen.header("x-api-key"), Some(KEY));
}
