//! The stage of the checks: the service with the plugin, the scripted vendor, and the cassettes that
//! checks are made of.

use mock_vendor::{MockVendor, Reply, Request};
use serde_json::{Value, json};

use super::answer::Answer;
use super::cassette::Cassette;
use super::report::Finding;
use super::service::Service;

/// The stage.
pub(super) struct Stage {
    /// The service.
    pub(super) service: Service,
    /// The vendor.
    pub(super) vendor: MockVendor,
    /// The provider's name.
    pub(super) id: String,
    /// The plain question that checks are made of: one that succeeds.
    pub(super) plain: Option<Cassette>,
    /// The same for a stream.
    pub(super) streamed: Option<Cassette>,
}

/// The outcome of a call.
pub(super) struct Played {
    /// The caller's answer.
    pub(super) answer: Answer,
    /// The requests that the vendor saw.
    pub(super) requests: Vec<Request>,
}

impl Stage {
    /// The questions that checks are made of, as far as there are any.
    pub(super) fn subjects(&self) -> Vec<&Cassette> {
        self.plain.iter().chain(&self.streamed).collect()
    }

    /// Those of them whose answer comes from a vendor.
    pub(super) fn asking(&self) -> Vec<&Cassette> {
        self.subjects().into_iter().filter(|cassette| !cassette.exchanges.is_empty()).collect()
    }

    /// Returns the reason why a check about the vendor has nothing to look at.
    pub(super) fn nobody_asked(&self) -> &'static str {
        if self.subjects().is_empty() {
            "needs a cassette without [config] whose answer is a success"
        } else {
            "the plugin asks no vendor in its cassettes"
        }
    }

    /// Asks a question while the vendor gives these replies.
    pub(super) async fn play(&self, question: &Value, replies: Vec<Reply>) -> Played {
        self.play_as(&self.id, question, replies).await
    }

    /// The same with the provider of this name.
    pub(super) async fn play_as(&self, id: &str, question: &Value, replies: Vec<Reply>) -> Played {
        self.vendor.reset();
        self.vendor.replies(replies);
        let answer = self.service.ask(id, question).await;
        Played { answer, requests: self.vendor.requests() }
    }
}

/// The cassette's replies, the last one replaced: that is the one with the answer.
pub(super) fn with_last(cassette: &Cassette, last: Reply) -> Vec<Reply> {
    let before = cassette.exchanges.len().saturating_sub(1);
    let replies = cassette.exchanges.iter().take(before).map(|exchange| exchange.response.reply());
    replies.chain([last]).collect()
}

/// `plain` or `streamed`, for findings.
pub(super) fn mode(cassette: &Cassette) -> &'static str {
    if cassette.is_streamed() { "streamed" } else { "plain" }
}

/// The question with this as the text of its last message of the user; nothing if it has none.
pub(super) fn saying(question: &Value, text: &str) -> Option<Value> {
    let mut question = question.clone();
    let messages = question.get_mut("messages")?.as_array_mut()?;
    let last = messages
        .iter_mut()
        .rfind(|message| message.get("role").is_some_and(|role| role == "user"))?;
    let content = last.get_mut("content")?;
    match content {
        Value::String(said) => text.clone_into(said),
        Value::Array(parts) => {
            let part = parts
                .iter_mut()
                .rfind(|part| part.get("type").is_some_and(|kind| kind == "text"))?;
            *part.get_mut("text")? = json!(text);
        }
        _ => return None,
    }
    Some(question)
}

/// Returns the finding about a failure that has to be told by one of these codes; nothing if it is.
/// The plugin must not have crashed or broken the contract.
pub(super) fn told_as(answer: &Answer, codes: &[&str], advice: &str) -> Option<Finding> {
    let expected = format!("a problem with code {}", codes.join(" or "));
    match answer.problem() {
        Some((code, _)) if codes.contains(&code) => None,
        Some(("plugin-failed", detail)) => {
            let advice = "return an error of the contract instead; a plugin may neither crash nor break the contract";
            Some(Finding::new(expected, format!("plugin-failed: {detail}"), advice))
        }
        _ => Some(Finding::new(expected, answer.brief(), advice)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_message_of_the_user_is_what_changes() {
        let said = saying(
            &json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}),
            "x",
        );
        assert_eq!(
            said.unwrap()["messages"],
            json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": "b"}])
        );
        let parts = json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image"}]}]});
        assert_eq!(saying(&parts, "x").unwrap()["messages"][0]["content"][0]["text"], "x");
        assert!(
            saying(&json!({"messages": [{"role": "user", "content": [{"type": "image"}]}]}), "x")
                .is_none()
        );
        assert!(saying(&json!({}), "x").is_none());
    }
}
