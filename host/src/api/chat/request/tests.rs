//! Each mistake in a question is found where it is, and what isn't given isn't set.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::http::problem::Problem;

fn check(json: &str) -> Result<ChatRequest, Vec<String>> {
    let named =
        |problem: Problem| problem.body(None).errors.into_iter().map(|error| error.field).collect();
    ChatRequest::from_json(json.as_bytes()).map_err(named)
}

fn with(field: &str) -> Result<ChatRequest, Vec<String>> {
    check(&format!(r#"{{"messages": [{{"role": "user", "content": "hi"}}], {field}}}"#))
}

#[test]
fn each_mistake_names_its_field() {
    for (json, field) in [
        (r#""temperature": 2.1"#, "temperature"),
        (r#""temperature": "hot""#, "temperature"),
        (r#""topP": -0.1"#, "topP"),
        (r#""topK": 0"#, "topK"),
        (r#""maxTokens": 0"#, "maxTokens"),
        (r#""maxTokens": 1.5"#, "maxTokens"),
        (r#""maxTokens": 4294967296"#, "maxTokens"),
        (r#""cacheTTL": 0"#, "cacheTTL"),
        (r#""cacheTTL": -1"#, "cacheTTL"),
        (r#""cacheTTL": 2592000001"#, "cacheTTL"),
        (r#""cacheTTL": 1e300"#, "cacheTTL"),
        (r#""useCache": "yes""#, "useCache"),
        (r#""stream": 1"#, "stream"),
        (r#""stopSequences": ["a", 1]"#, "stopSequences[1]"),
        (r#""tools": [{"name": "t"}]"#, "tools[0].inputSchema"),
        (r#""tools": [{"name": "t", "inputSchema": {}, "x": 1}]"#, "tools[0].x"),
        (r#""tools": [{"name": "", "inputSchema": {}}]"#, "tools[0].name"),
        (r#""toolChoice": "some""#, "toolChoice"),
        (r#""toolChoice": {"name": 5}"#, "toolChoice.name"),
        (r#""extra": []"#, "extra"),
        (r#""model": """#, "model"),
        (r#""provider": 5"#, "provider"),
        (r#""max_tokens": 5"#, "max_tokens"),
    ] {
        let found = with(json).unwrap_err();
        assert_eq!(found.len(), 1, "{json}: {found:?}");
        assert!(found[0].starts_with(field), "{json}: {found:?}");
    }
}

#[test]
fn mistakes_in_messages_are_found_where_they_are() {
    for (messages, field) in [
        ("[]", "messages"),
        ("5", "messages"),
        (r#"[{"role": "user"}]"#, "messages[0]"),
        (r#"[{"role": "robot", "content": "a"}]"#, "messages[0].role"),
        (r#"[{"role": {"user": null}, "content": "a"}]"#, "messages[0].role"),
        (r#"[{"role": "user", "content": []}]"#, "messages[0].content"),
        (r#"[{"role": "user", "content": 5}]"#, "messages[0].content"),
        (r#"[{"role": "user", "content": "a", "nmae": "b"}]"#, "messages[0].nmae"),
        (r#"[{"role": "user", "content": [{"type": "txt"}]}]"#, "messages[0].content[0]"),
        (
            r#"[{"role": "user", "content": [{"type": "text", "text": "a", "b": 1}]}]"#,
            "messages[0].content[0]",
        ),
        (
            r#"[{"role": "user", "content": [{"type": "image", "url": "u", "data": "d"}]}]"#,
            "messages[0].content[0]",
        ),
        (
            r#"[{"role": "user", "content": [{"type": "image", "mediaType": "image/png", "data": "?"}]}]"#,
            "messages[0].content[0].data",
        ),
    ] {
        let found = check(&format!(r#"{{"messages": {messages}}}"#)).unwrap_err();
        assert!(found[0].starts_with(field), "{messages}: {found:?}");
    }
    assert_eq!(check("{}").unwrap_err(), ["messages"]);
}

#[test]
fn all_mistakes_are_named_at_once() {
    let found = check(r#"{"temperature": 5, "topK": 0, "nmae": 1}"#).unwrap_err();
    assert_eq!(found, ["messages", "temperature", "topK", "nmae"]);
}

#[test]
fn mistakes_are_named_at_every_depth() {
    let json = r#"{
        "messages": [{"role": "robot", "content": 5}, {"role": "user"}, {"content": []}],
        "tools": [{"name": 1}, {"description": "x"}],
        "toolChoice": {}
    }"#;
    assert_eq!(
        check(json).unwrap_err(),
        [
            "messages[0].role",
            "messages[0].content",
            "messages[1].content",
            "messages[2].role",
            "messages[2].content",
            "tools[0].name",
            "tools[0].inputSchema",
            "tools[1].name",
            "tools[1].inputSchema",
            "toolChoice.name",
        ]
    );
}

#[test]
fn the_fields_of_a_part_are_those_of_its_type() {
    for (part, field) in [
        (r#"{"text": "a"}"#, "type"),
        (r#"{"type": "text"}"#, "text"),
        (r#"{"text": 5, "type": "text"}"#, "text"),
        (r#"{"type": "text", "text": "a", "url": "u"}"#, "url"),
        (r#"{"type": "tool_use", "id": "1", "name": "n"}"#, "input"),
        (r#"{"type": "tool_use", "id": "1", "name": "n", "input": []}"#, "input"),
        (r#"{"type": "thinking", "text": "a", "isError": true}"#, "isError"),
        (r#"{"type": "other", "json": {}, "kind": null}"#, "kind"),
        (
            r#"{"type": "tool_result", "toolUseId": "1", "content": "a", "isError": null}"#,
            "isError",
        ),
        (
            r#"{"type": "tool_result", "toolUseId": "1", "content": [{"type": "thinking", "text": ""}]}"#,
            "content[0].type",
        ),
    ] {
        let json = format!(r#"{{"messages": [{{"role": "user", "content": [{part}]}}]}}"#);
        assert_eq!(
            check(&json).unwrap_err(),
            [format!("messages[0].content[0].{field}")],
            "{part}"
        );
    }
}

#[test]
fn every_field_of_the_description_is_read() {
    use utoipa::PartialSchema;

    let known = |schema: utoipa::openapi::RefOr<utoipa::openapi::Schema>,
                 around: fn(&str) -> String| {
        let schema = serde_json::to_value(schema).unwrap();
        let fields = schema["properties"].as_object().unwrap();
        assert!(!fields.is_empty());
        for name in fields.keys() {
            let json = around(&format!("\"{name}\": {{\"wrong\": 1}}"));
            let problem = ChatRequest::from_json(json.as_bytes()).unwrap_err().body(None);
            let unknown: Vec<_> = problem
                .errors
                .iter()
                .filter(|error| error.field.ends_with(name.as_str()))
                .filter(|error| error.message.contains("is not a field"))
                .collect();
            assert!(unknown.is_empty(), "{name}: {unknown:?}");
        }
    };
    use super::super::schema::{ChatBody, MessageBody, ToolBody};
    known(ChatBody::schema(), |field| format!("{{{field}}}"));
    known(MessageBody::schema(), |field| format!(r#"{{"messages": [{{{field}}}]}}"#));
    known(ToolBody::schema(), |field| format!(r#"{{"tools": [{{{field}}}]}}"#));
}

#[test]
fn what_is_not_given_is_not_set() {
    let chat = with(r#""temperature": null"#).unwrap();
    assert!(chat.use_cache && !chat.stream && chat.cache_ttl.is_none() && chat.provider.is_none());
    let request = chat.request;
    assert_eq!((request.max_tokens, request.temperature, request.extra), (None, None, None));
}

#[test]
fn numbers_are_kept_as_typed() {
    assert_eq!(with(r#""temperature": 0.7"#).unwrap().request.temperature, Some(0.7));
    let chat = with(r#""extra": {"b": 0.1, "a": {"z": 1, "y": 2.50}}"#).unwrap();
    assert_eq!(chat.request.extra.as_deref(), Some(r#"{"b":0.1,"a":{"z":1,"y":2.50}}"#));
    let digits = r#""extra": {"id": 2512292042121000001, "e": 1e400}"#;
    let chat = with(digits).unwrap();
    assert_eq!(chat.request.extra.as_deref(), Some(r#"{"id":2512292042121000001,"e":1e400}"#));
}

/// Any JSON, mostly made of the words that questions are made of.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("text"),
        Just("image"),
        Just("tool_use"),
        Just("tool_result"),
        Just("thinking"),
        Just("other"),
        Just("user"),
        Just("system"),
        Just("auto"),
        Just("aGk="),
        Just("")
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("type"),
        Just("role"),
        Just("content"),
        Just("text"),
        Just("mediaType"),
        Just("data"),
        Just("url"),
        Just("id"),
        Just("name"),
        Just("input"),
        Just("toolUseId"),
        Just("isError"),
        Just("kind"),
        Just("json"),
        Just("inputSchema"),
        Just("extra")
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..5).prop_map(|pairs| pairs
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_question_makes_the_server_fail(field in any_json(), name in "(messages|tools|toolChoice|extra|maxTokens|cacheTTL)") {
        let mut body = json!({ "messages": [{ "role": "user", "content": "hi" }] });
        body[name.as_str()] = field;
        if let Err(problem) = ChatRequest::from_json(body.to_string().as_bytes()) {
            let said = problem.body(None);
            prop_assert_eq!(said.status, 400);
            prop_assert!(!said.errors.is_empty());
        }
    }
}
