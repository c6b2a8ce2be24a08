//! What this provider makes, compared with the files in `tests/golden/openai`.

use arete_plugin::event_stream::DeltaReader;
use arete_plugin::golden::{self, Subject, question};
use arete_plugin::http::Header;
use arete_plugin::llm::{Completion, Message, Part, ProviderError, Request, Role};
use arete_plugin::tool_call;
use arete_plugin::wishes::none;

use crate::settings::Habits;
use crate::stream::Stream;
use crate::{DIALECT, answer, errors, request};

/// The model that was asked for in every answer and stream.
const ASKED: &str = "asked-for";

struct OpenAi;

impl Subject for OpenAi {
    const NAME: &'static str = "openai";

    fn body(request: &Request, stream: bool) -> Result<String, ProviderError> {
        request::body(request, &none(), stream, &Habits::default())
    }

    fn answer(body: &str, native: bool) -> Result<Completion, ProviderError> {
        answer::read(body, ASKED, native)
    }

    fn stream(native: bool) -> DeltaReader {
        DeltaReader::new(Stream::new(ASKED.into()), native.then_some(DIALECT))
    }

    fn refusal(status: u16, headers: &[Header], body: &str) -> ProviderError {
        errors::refusal(status, headers, body)
    }
}

arete_plugin::golden_tests!(OpenAi);

/// What only answers say isn't sent: thoughts, and fields that aren't known to be part of what the
/// model said.
#[test]
fn what_an_answer_held_can_be_sent_back() {
    for case in golden::cases("openai", "answers", "json") {
        let Ok(completion) = answer::read(&case.text, ASKED, false) else { continue };
        // The host takes out what is cut off.
        let cut = |part: &Part| matches!(part, Part::Other(it) if it.kind == tool_call::INCOMPLETE);
        if completion.parts.iter().any(cut) {
            continue;
        }
        let back = Message { role: Role::Assistant, content: completion.parts, extra: None };
        let asked = Request { messages: vec![back], ..question::plain(ASKED) };
        let sent = request::body(&asked, &none(), false, &Habits::default()).unwrap();
        let mut sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
        let mut came: serde_json::Value = serde_json::from_str(&case.text).unwrap();
        let (sent, came) = (sent["messages"][0].take(), came["choices"][0]["message"].take());
        for (key, value) in came.as_object().unwrap() {
            let nothing = value.is_null() || *value == serde_json::json!([]) || *value == "";
            match key.as_str() {
                "reasoning" | "reasoning_content" => {
                    assert!(sent.get(key).is_none(), "{}", case.name)
                }
                "refusal" if !nothing => assert_eq!(sent["content"], *value, "{}", case.name),
                "content" if value.is_array() => {
                    let thoughts = |block: &&serde_json::Value| block["type"] != "thinking";
                    let blocks: Vec<_> =
                        value.as_array().unwrap().iter().filter(thoughts).collect();
                    assert_eq!(sent["content"], serde_json::json!(blocks), "{}", case.name);
                }
                "tool_calls" if !nothing => {
                    let (sent, came) = (sent[key].as_array().unwrap(), value.as_array().unwrap());
                    assert_eq!(sent.len(), came.len(), "{}", case.name);
                    for (sent, came) in sent.iter().zip(came) {
                        assert_eq!(sent["custom"], came["custom"], "{}", case.name);
                        assert_eq!(sent["extra_content"], came["extra_content"], "{}", case.name);
                        assert_eq!(
                            sent["function"]["name"], came["function"]["name"],
                            "{}",
                            case.name
                        );
                    }
                }
                _ if nothing => {}
                _ if !answer::OWN.contains(&key.as_str()) && key != "role" && key != "content" => {
                    assert!(sent.get(key).is_none(), "{}", case.name);
                }
                _ => assert_eq!(sent[key], *value, "{}", case.name),
            }
        }
    }
}
