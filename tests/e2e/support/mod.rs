//! What the tests share: the server as a process, and clients of it.
//!
//! ```ignore
//! let vendor = MockVendor::start().await;
//! let app = App::with_vendor(&vendor).set("LLM_MAX_RETRIES", "0").start().await;
//! vendor.reply(Reply::json(200, claude::message("Hi")));
//! let answer = app.chat(json!({ "messages": [{ "role": "user", "content": "Hello" }] })).await;
//! assert_eq!(answer.ok()["content"], "Hi");
//! ```

pub mod app;
pub mod builder;
pub mod client;
mod code;
pub mod logs;
pub mod raw;
pub mod sse;
pub mod tls;

use std::time::Duration;

use serde_json::{Value, json};

pub use self::app::App;
pub use self::builder::Builder;
pub use self::client::Answer;
pub use self::raw::Raw;
pub use self::sse::EventStream;

/// How long anything is waited for before a test fails. Far more than a loaded machine needs, so
/// that it never decides whether a correct server passes.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The vendor's key in all tests that have no need to name it.
pub const KEY: &str = "sk-ant-0123456789-of-the-tests";

/// Waits, but not for ever.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} for {what}"),
    }
}

/// A question of one user message.
pub fn question(text: &str) -> Value {
    json!({ "messages": [{ "role": "user", "content": text }] })
}

/// The same, with other fields set: `ask("Hi", json!({ "stream": true }))`.
pub fn ask(text: &str, fields: Value) -> Value {
    let mut body = question(text);
    let Value::Object(fields) = fields else { panic!("the fields of a question are an object") };
    body.as_object_mut().expect("a question is an object").extend(fields);
    body
}
