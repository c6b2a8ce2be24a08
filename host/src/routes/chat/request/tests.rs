//! Each mistake in a question is found where it is, and what isn't given isn't set.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn check(json: &str) -> Result<ChatRequest, Vec<String>> {
    let body: ChatBody = serde_json::from_str(json).unwrap();
    let named =
        |problem: Problem| problem.body(None).errors.into_iter().map(|error| error.field).collect();
    body.validate().map_err(named)
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
        (r#""tools": [{"name": "t"}]"#, "tools[0]"),
        (r#""tools": [{"name": "t", "inputSchema": {}, "x": 1}]"#, "tools[0].x"),
        (r#""tools": [{"name": "", "inputSchema": {}}]"#, "tools[0].name"),
        (r#""toolChoice": "some""#, "toolChoice"),
        (r#""toolChoice": {"nmae": "t"}"#, "toolChoice"),
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
    assert_eq!(chat.request.extra.as_deref(), Some(r#"{"b":0.1,"a":{"z":1,"y":2.5}}"#));
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
        let body: ChatBody = serde_json::from_str(&body.to_string()).unwrap();
        if let Err(problem) = body.validate() {
            let said = problem.body(None);
            prop_assert_eq!(said.status, 400);
            prop_assert!(!said.errors.is_empty());
        }
    }
}
