//! The quick way to read a chat request: in one pass, if there is nothing to say against it.
//!
//! The careful way reads each field as text first, so that it can tell all mistakes. Most requests
//! have none.

use serde::Deserialize;
use serde_json::Number;

use super::{ChatBody, MessageBody, ToolBody, ToolChoiceBody};
use crate::body::{Field, FromJson, Unknown};
use crate::routes::chat::parts::Object;

/// The fields of a [`ChatBody`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Quick {
    messages: Vec<MessageBody>,
    model: Option<String>,
    max_tokens: Option<Number>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<Number>,
    stop_sequences: Option<Vec<String>>,
    tools: Option<Vec<ToolBody>>,
    tool_choice: Option<ToolChoiceBody>,
    provider: Option<String>,
    use_cache: Option<bool>,
    #[serde(rename = "cacheTTL")]
    cache_ttl: Option<Number>,
    stream: Option<bool>,
    extra: Option<Object>,
}

impl FromJson for ChatBody {
    fn quickly(bytes: &[u8]) -> Option<Self> {
        // Read into a struct, an array would do as well.
        if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return None;
        }
        serde_json::from_slice::<Quick>(bytes).ok().map(Self::from)
    }
}

impl From<Quick> for ChatBody {
    fn from(quick: Quick) -> Self {
        Self {
            messages: Field::Given(quick.messages),
            model: quick.model.into(),
            max_tokens: quick.max_tokens.into(),
            temperature: quick.temperature.into(),
            top_p: quick.top_p.into(),
            top_k: quick.top_k.into(),
            stop_sequences: quick.stop_sequences.into(),
            tools: quick.tools.into(),
            tool_choice: quick.tool_choice.into(),
            provider: quick.provider.into(),
            use_cache: quick.use_cache.into(),
            cache_ttl: quick.cache_ttl.into(),
            stream: quick.stream.into(),
            extra: quick.extra.into(),
            unknown: Unknown::new(),
        }
    }
}

/// For questions null is the same as nothing.
impl<T> From<Option<T>> for Field<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Self::Given)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a body means, or that it means nothing.
    fn carefully(json: &str) -> Result<String, ()> {
        let mut deserializer = serde_json::Deserializer::from_slice(json.as_bytes());
        let body = ChatBody::deserialize(&mut deserializer).map_err(drop)?;
        deserializer.end().map_err(drop)?;
        body.validate().map(|request| format!("{request:?}")).map_err(drop)
    }

    /// Whether both ways agree about a body. Returns whether the quick one took it.
    fn agree(json: &str) -> bool {
        let careful = carefully(json);
        let quick = ChatBody::quickly(json.as_bytes());
        let taken = quick.is_some();
        match quick {
            // What it takes may still be out of its range: that is looked at later, the same for
            // both.
            Some(body) => {
                assert_eq!(
                    body.validate().map(|request| format!("{request:?}")).map_err(drop),
                    careful,
                    "{json}"
                )
            }
            None => assert_eq!(careful, Err(()), "{json}"),
        }
        taken
    }

    #[test]
    fn both_ways_agree_where_they_might_not() {
        let hi = r#"{"role": "user", "content": "hi"}"#;
        for taken in [
            format!(r#"{{"messages": [{hi}]}}"#),
            format!("\n\t {{\"messages\": [{hi}], \"model\": null, \"stream\": false}} \r\n"),
            format!(
                r#"{{"messages": [{hi}], "maxTokens": 1.0, "topK": 1e3, "temperature": 1, "cacheTTL": -0}}"#
            ),
            format!(
                r#"{{"messages": [{hi}], "maxTokens": 18446744073709551616, "topK": 4294967296}}"#
            ),
            format!(
                r#"{{"messages": [{hi}], "extra": {{"a": 1, "a": 2, "b": {{"c": [1e300, 0.1]}}}}}}"#
            ),
            r#"{"messages": [{"role": "\u0075ser", "content": "\ud83d\ude00 \n \u0000"}]}"#
                .to_owned(),
            r#"{"messages": [["user", "hi"]]}"#.to_owned(),
            r#"{"messages": []}"#.to_owned(),
        ] {
            assert!(agree(&taken), "{taken}");
        }
        for refused in [
            format!("[[{hi}]]"),
            format!(r#"{{"messages": [{hi}], "messages": [{hi}]}}"#),
            format!(r#"{{"messages": [{hi}], "stream": true, "stream": true}}"#),
            format!(r#"{{"messages": [{hi}], "stream": null, "stream": true}}"#),
            format!(r#"{{"messages": [{hi}], "unknown": {{}}}}"#),
            format!(r#"{{"messages": [{hi}], "temperature": 1e999}}"#),
            format!(r#"{{"messages": [{hi}], "stream": 1}}"#),
            format!(r#"{{"messages": [{hi}]}} {{}}"#),
            format!(r#"{{"messages": [{hi}],}}"#),
            r#"{"messages": [{"role": "user", "content": "\ud83d"}]}"#.to_owned(),
            r#"{"messages": [{"role": "user", "role": "user", "content": "a"}]}"#.to_owned(),
            r#"{"messages": null}"#.to_owned(),
            "{}".to_owned(),
            "null".to_owned(),
            String::new(),
        ] {
            assert!(!agree(&refused), "{refused}");
        }
    }

    /// JSON as text, so that keys can come twice and numbers in any form.
    fn any_value() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|value| value.to_string()),
            any::<i64>().prop_map(|value| value.to_string()),
            prop_oneof![
                Just("1.0"),
                Just("1e3"),
                Just("1E400"),
                Just("-0"),
                Just("0.5"),
                Just("5000"),
                Just("01")
            ]
            .prop_map(str::to_owned),
            prop_oneof![
                Just("user"),
                Just("auto"),
                Just("text"),
                Just("\\u0061"),
                Just("\\ud800"),
                Just("é\\n"),
                Just("")
            ]
            .prop_map(|text| format!("\"{text}\"")),
            Just(r#"[{"role": "user", "content": "hi"}]"#.to_owned()),
            Just(r#"[{"type": "text", "text": "hi"}]"#.to_owned()),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|all| format!("[{}]", all.join(","))),
                object(
                    prop_oneof![
                        Just("type"),
                        Just("role"),
                        Just("content"),
                        Just("text"),
                        Just("name"),
                        Just("input"),
                        Just("id"),
                        Just("inputSchema"),
                        Just("description"),
                        Just("extra"),
                        Just("strange")
                    ],
                    inner,
                    0..5
                ),
            ]
        })
    }

    fn object(
        key: impl Strategy<Value = &'static str>,
        value: impl Strategy<Value = String>,
        size: std::ops::Range<usize>,
    ) -> impl Strategy<Value = String> {
        prop::collection::vec((key, value), size).prop_map(|fields| {
            let fields: Vec<_> =
                fields.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
            format!("{{{}}}", fields.join(", "))
        })
    }

    fn any_body() -> impl Strategy<Value = String> {
        let key = prop_oneof![
            Just("model"),
            Just("maxTokens"),
            Just("temperature"),
            Just("topP"),
            Just("topK"),
            Just("stopSequences"),
            Just("tools"),
            Just("toolChoice"),
            Just("provider"),
            Just("useCache"),
            Just("cacheTTL"),
            Just("stream"),
            Just("extra"),
            Just("messages"),
            Just("max_tokens")
        ];
        let fields = object(key, any_value(), 0..3);
        let messages = prop_oneof![
            Just(r#"[{"role": "user", "content": "hi"}]"#.to_owned()),
            any_value(),
            object(prop_oneof![Just("role"), Just("content"), Just("extra")], any_value(), 0..4)
                .prop_map(|message| format!("[{message}]")),
        ];
        (messages, fields).prop_map(|(messages, fields)| {
            let fields = fields.trim_start_matches('{').trim_start().to_owned();
            let comma = if fields == "}" { "" } else { ", " };
            format!("{{\"messages\": {messages}{comma}{fields}")
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn both_ways_agree(body in prop_oneof![any_body(), any_value()]) {
            agree(&body);
        }
    }
}
