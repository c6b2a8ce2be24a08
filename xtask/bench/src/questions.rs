//! The questions, and the vendor's answers.

use bytes::Bytes;
use http::Method;
use mock_vendor::{Reply, claude};
use serde_json::{Value, json};

use crate::load::Question;

/// A question of a few words that no cache may answer.
pub(crate) fn chat() -> Question {
    chat_with(
        "Say good morning, in two words and without a full stop.",
        json!({ "useCache": false }),
    )
}

/// The same of other words, and with these fields.
pub(crate) fn chat_with(content: &str, more: Value) -> Question {
    let mut body =
        json!({ "messages": [{ "role": "user", "content": content }], "maxTokens": 100 });
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    Question { method: Method::POST, path: "/api/llm/chat", body: body.to_string().into() }
}

/// Returns the body that Arete and the reference make of such a question, to ask the vendor itself.
pub(crate) fn direct(question: &Question) -> Question {
    let Ok(Value::Object(mut body)) = serde_json::from_slice(&question.body) else {
        return question.clone();
    };
    for own in ["useCache", "provider"] {
        body.remove(own);
    }
    if let Some(max_tokens) = body.remove("maxTokens") {
        body.insert("max_tokens".into(), max_tokens);
    }
    body.insert("model".into(), claude::MODEL.into());
    Question {
        path: "/v1/messages",
        body: Value::Object(body).to_string().into(),
        ..question.clone()
    }
}

/// A route that has nothing to read.
pub(crate) fn get(path: &'static str) -> Question {
    Question { method: Method::GET, path, body: Bytes::new() }
}

/// A whole answer of a few words.
pub(crate) fn answer() -> Reply {
    Reply::json(200, claude::message("Good morning"))
}

/// A streamed answer of so many tokens, each an event and a packet of its own.
pub(crate) fn stream(tokens: usize) -> Reply {
    Reply::sse(claude::events(&vec!["token "; tokens]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendor_is_asked_in_its_own_words() {
        let asked = direct(&chat_with("Hello", json!({ "useCache": false, "stream": true })));
        let body: Value = serde_json::from_slice(&asked.body).unwrap();
        let expected = json!({
            "messages": [{ "role": "user", "content": "Hello" }],
            "stream": true,
            "max_tokens": 100,
            "model": claude::MODEL,
        });
        assert_eq!((asked.path, body), ("/v1/messages", expected));
    }
}
