//! The caller's question, checked as Arete checks it, and the vendor's.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A chat request. Fields that nobody knows are refused.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Question {
    messages: Vec<Message>,
    model: Option<String>,
    max_tokens: Option<u32>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u32>,
    #[serde(default)]
    stop_sequences: Vec<String>,
    provider: Option<String>,
    #[expect(dead_code, reason = "there is no cache here")]
    use_cache: Option<bool>,
    #[serde(rename = "cacheTTL")]
    cache_ttl: Option<u64>,
    #[serde(default)]
    pub(super) stream: bool,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Message {
    role: Role,
    content: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    System,
    User,
    Assistant,
}

/// The body of `POST /v1/messages`.
#[derive(Serialize)]
pub(super) struct VendorQuestion<'a> {
    model: &'a str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    messages: Vec<&'a Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [String],
}

impl Question {
    /// Returns all mistakes at once.
    pub(super) fn validate(&self) -> Result<(), Mistakes> {
        let name = |name: &Option<String>| {
            name.as_ref().is_none_or(|name| {
                (1..=200).contains(&name.chars().count()) && !name.chars().any(char::is_control)
            })
        };
        let checks = [
            ((1..=100_000).contains(&self.messages.len()), "messages must be 1 to 100000"),
            (name(&self.model), "model must be 1 to 200 printable characters"),
            (name(&self.provider), "provider must be 1 to 200 printable characters"),
            (self.max_tokens.is_none_or(|tokens| tokens > 0), "maxTokens must be at least 1"),
            (
                self.temperature.is_none_or(|it| (0.0..=2.0).contains(&it)),
                "temperature must be from 0 to 2",
            ),
            (self.top_p.is_none_or(|it| (0.0..=1.0).contains(&it)), "topP must be from 0 to 1"),
            (self.top_k.is_none_or(|it| it > 0), "topK must be at least 1"),
            (
                self.cache_ttl.is_none_or(|it| (1000..=2_592_000_000).contains(&it)),
                "cacheTTL is out of range",
            ),
        ];
        if checks.iter().all(|(right, _)| *right) {
            return Ok(());
        }
        let mistakes =
            checks.iter().filter(|(right, _)| !right).map(|(_, mistake)| *mistake).collect();
        Err(Mistakes(mistakes))
    }
}

/// Sentences about a question's fields.
#[derive(Debug)]
pub(super) struct Mistakes(Vec<&'static str>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl<'a> VendorQuestion<'a> {
    pub(super) fn new(question: &'a Question) -> Self {
        let (system, messages): (Vec<_>, Vec<_>) =
            question.messages.iter().partition(|message| message.role == Role::System);
        let system: Vec<&str> = system.iter().map(|message| message.content.as_str()).collect();
        Self {
            model: question.model.as_deref().unwrap_or("claude-sonnet-5"),
            max_tokens: question.max_tokens.unwrap_or(1024),
            stream: question.stream,
            system: (!system.is_empty()).then(|| system.join("\n\n")),
            messages,
            temperature: question.temperature,
            top_p: question.top_p,
            top_k: question.top_k,
            stop_sequences: &question.stop_sequences,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn mistakes_are_refused() {
        let message = json!({ "role": "user", "content": "Hello" });
        for (body, mistake) in [
            (json!({ "messages": [] }), "messages"),
            (json!({ "messages": [message], "temperature": 2.1 }), "temperature"),
            (json!({ "messages": [message], "topP": -0.1 }), "topP"),
            (json!({ "messages": [message], "maxTokens": 0 }), "maxTokens"),
            (json!({ "messages": [message], "model": "" }), "model"),
        ] {
            let question: Question = serde_json::from_value(body).unwrap();
            assert!(question.validate().unwrap_err().to_string().starts_with(mistake));
        }
        for body in [
            json!({ "messages": [message], "other": 1 }),
            json!({ "messages": [{ "role": "tool" }] }),
        ] {
            assert!(serde_json::from_value::<Question>(body).is_err());
        }
    }

    #[test]
    fn system_messages_are_kept_apart_and_what_is_not_set_is_not_sent() {
        let question: Question = serde_json::from_value(json!({
            "messages": [{ "role": "system", "content": "Be brief." }, { "role": "user", "content": "Hello" }],
            "maxTokens": 5,
        }))
        .unwrap();
        let sent: Value = serde_json::to_value(VendorQuestion::new(&question)).unwrap();
        let expected = json!({
            "model": "claude-sonnet-5",
            "max_tokens": 5,
            "system": "Be brief.",
            "messages": [{ "role": "user", "content": "Hello" }],
        });
        assert_eq!(sent, expected);
    }
}
