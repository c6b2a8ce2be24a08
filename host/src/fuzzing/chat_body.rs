//! The body of a chat request.
//!
//! Promises: a body that is refused gets an answer of bounded length that names each mistake; one
//! that is accepted is read the same with other white space, and once more after it was written
//! from the contract's records, which is how parts of answers are sent back.

use serde_json::json;

use crate::api::chat::{ChatRequest, PartBody};
use crate::contract::{Message, Request, Role, Tool, ToolChoice};
use crate::http::json::FromJson;
use crate::http::problem::Problem;

/// The most bytes of an answer that names mistakes: fifty, each with a path and a message.
const ANSWER_MAX: usize = 64 << 10;
/// The most mistakes that are named.
const NAMED_MAX: usize = 50;

/// Reads a body.
pub fn run(data: &[u8]) {
    match ChatRequest::from_json(data) {
        Err(problem) => check_problem(&problem),
        Ok(chat) => {
            let Ok(text) = std::str::from_utf8(data) else { panic!("JSON that is no text") };
            check_same(&chat, &spread(text), "other white space changed it");
            check_same(&chat, &written(&chat), "it isn't read as it was written");
        }
    }
}

fn check_problem(problem: &Problem) {
    let answer = problem.body(None);
    assert!(answer.errors.len() <= NAMED_MAX, "too many mistakes are named");
    for error in &answer.errors {
        assert!(!error.message.is_empty() && !error.field.chars().any(char::is_control));
    }
    let length = serde_json::to_vec(&answer).map_or(0, |answer| answer.len());
    assert!(length <= ANSWER_MAX, "an answer of {length} bytes");
}

#[track_caller]
fn check_same(chat: &ChatRequest, body: &str, failure: &str) {
    let mut again = match ChatRequest::from_json(body.as_bytes()) {
        Ok(again) => again,
        Err(problem) => panic!("{failure}: {:?}\n{body}", problem.body(None)),
    };
    // A decimal may be read as its neighbour, which is far less than it can mean.
    for (again, number) in [
        (&mut again.request.temperature, chat.request.temperature),
        (&mut again.request.top_p, chat.request.top_p),
    ] {
        if again.zip(number).is_some_and(|(again, number)| (again - number).abs() < 1e-12) {
            *again = number;
        }
    }
    assert_eq!(again.request, chat.request, "{failure}");
    assert_eq!(again.provider, chat.provider, "{failure}");
    let settings = |chat: &ChatRequest| (chat.use_cache, chat.cache_ttl, chat.stream);
    assert_eq!(settings(&again), settings(chat), "{failure}");
}

/// Returns JSON with white space wherever it may stand.
fn spread(json: &str) -> String {
    let mut spread = String::new();
    let (mut in_string, mut escaped) = (false, false);
    for c in json.chars() {
        let between = !in_string && "{}[],:".contains(c);
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else {
            in_string = c == '"';
        }
        spread.extend(between.then_some(" \t"));
        spread.push(c);
        spread.extend(between.then_some("\r\n"));
    }
    spread
}

/// Returns the body that says the same, with every field that isn't absent.
fn written(chat: &ChatRequest) -> String {
    // Taken apart, so that a field that joins is compared too.
    let Request {
        model,
        messages,
        max_tokens,
        temperature,
        top_p,
        top_k,
        stop_sequences,
        tools,
        tool_choice,
        native,
        extra,
    } = &chat.request;
    assert_eq!(*native, None, "a body has no native request");
    let messages: Vec<String> = messages.iter().map(message).collect();
    let tools: Vec<String> = tools.iter().map(tool).collect();
    let choice = tool_choice.as_ref().map(|choice| match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::Any => json!("any"),
        ToolChoice::None => json!("none"),
        ToolChoice::Tool(name) => json!({ "name": name }),
        ToolChoice::Other(other) => panic!("a choice that no body can make: {other}"),
    });
    object(&[
        ("messages", Some(list(&messages))),
        ("model", (!model.is_empty()).then(|| value(model))),
        ("provider", chat.provider.as_ref().map(value)),
        ("maxTokens", max_tokens.map(|tokens| value(&tokens))),
        ("temperature", temperature.map(|number| value(&number))),
        ("topP", top_p.map(|number| value(&number))),
        ("topK", top_k.map(|number| value(&number))),
        ("stopSequences", Some(value(stop_sequences))),
        ("tools", Some(list(&tools))),
        ("toolChoice", choice.as_ref().map(value)),
        ("useCache", Some(value(&chat.use_cache))),
        ("cacheTTL", chat.cache_ttl.map(|ttl| value(&ttl.as_millis()))),
        ("stream", Some(value(&chat.stream))),
        ("extra", extra.clone()),
    ])
}

fn message(message: &Message) -> String {
    let Message { role, content, extra } = message;
    let role = match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Other(other) => panic!("a role that no body can name: {other}"),
    };
    let content: Vec<PartBody> = content.iter().map(PartBody::from_part).collect();
    object(&[
        ("role", Some(value(&role))),
        ("content", Some(value(&content))),
        ("extra", extra.clone()),
    ])
}

fn tool(tool: &Tool) -> String {
    let Tool { name, description, input_schema, extra } = tool;
    object(&[
        ("name", Some(value(name))),
        ("description", description.as_ref().map(value)),
        ("inputSchema", Some(input_schema.clone())),
        ("extra", extra.clone()),
    ])
}

fn value(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.join(","))
}

fn object(fields: &[(&str, Option<String>)]) -> String {
    let there = fields.iter().filter_map(|(name, text)| text.as_ref().map(|text| (name, text)));
    let fields: Vec<String> = there.map(|(name, text)| format!("{name:?}:{text}")).collect();
    format!("{{{}}}", fields.join(","))
}
