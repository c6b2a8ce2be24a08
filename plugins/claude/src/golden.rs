//! What this provider makes, compared with the files in `tests/golden/claude`.

use arete_plugin::event_stream::DeltaReader;
use arete_plugin::golden::{self, Subject, question};
use arete_plugin::http::Header;
use arete_plugin::json::{LIST, Object};
use arete_plugin::llm::{Completion, Message, ProviderError, Request, Role};
use arete_plugin::wishes::none;

use crate::stream::Stream;
use crate::{DIALECT, answer, errors, request};

struct Claude;

impl Subject for Claude {
    const NAME: &'static str = "claude";

    fn body(request: &Request, stream: bool) -> Result<String, ProviderError> {
        request::body(request, &none(), stream)
    }

    fn answer(body: &str, native: bool) -> Result<Completion, ProviderError> {
        answer::read(body, native)
    }

    fn stream(native: bool) -> DeltaReader {
        DeltaReader::new(Stream::new(), native.then_some(DIALECT))
    }

    fn refusal(status: u16, headers: &[Header], body: &str) -> ProviderError {
        errors::refusal(status, headers, body)
    }
}

arete_plugin::golden_tests!(Claude);

#[test]
fn what_an_answer_held_can_be_sent_back() {
    for case in golden::cases("claude", "answers", "json") {
        let Ok(completion) = answer::read(&case.text, false) else { continue };
        let back = Message { role: Role::Assistant, content: completion.parts, extra: None };
        let mut asked = question::plain("claude-sonnet-5");
        asked.messages.push(back);
        let mut body =
            Object::parse(&request::body(&asked, &none(), false).unwrap()).unwrap().into_owned();
        let messages: Vec<Box<serde_json::value::RawValue>> =
            body.require_as("messages", LIST).unwrap();
        let sent = Object::parse(messages.last().unwrap().get())
            .unwrap()
            .require("content", LIST)
            .unwrap()
            .into_owned();
        let came =
            Object::parse(&case.text).unwrap().require("content", LIST).unwrap().into_owned();
        let sent: serde_json::Value = serde_json::from_str(sent.get()).unwrap();
        let mut came: serde_json::Value = serde_json::from_str(came.get()).unwrap();
        // The vendor gives empty texts and refuses them.
        came.as_array_mut().unwrap().retain(|block| block["text"] != "");
        if came == serde_json::json!([]) {
            continue;
        }
        let sent = if sent.is_string() {
            serde_json::json!([{"type": "text", "text": sent}])
        } else {
            sent
        };
        assert_eq!(sent, came, "{}", case.name);
    }
}
