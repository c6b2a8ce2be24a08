//! JSON objects that are passed on: checked, and kept as text.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{At, Shape};
use crate::surrogates::mended;

/// The deepest nesting. Parsers of vendors and plugins commonly end at 128.
const DEPTH_MAX: usize = 127;

/// The shape of a JSON object that is kept as text: its digits, order and escapes stay as they
/// came, white space between its values is left out, and half of a surrogate pair becomes U+FFFD.
pub(crate) struct Object;

impl<'de> Shape<'de> for Object {
    type Value = String;

    fn expected(&self) -> Cow<'static, str> {
        "a JSON object".into()
    }

    fn read<D: Deserializer<'de>>(
        self,
        deserializer: D,
        at: &At<'_>,
    ) -> Result<Option<String>, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        if !text.starts_with('{') {
            let found = match text.as_bytes().first() {
                Some(b'[') => "an array",
                Some(b'"') => "a string",
                Some(b't' | b'f') => "a boolean",
                Some(b'n') => "null",
                _ => "a number",
            };
            return Ok(at.wrong(format_args!("is {found}, must be {}", self.expected())));
        }
        let (compact, depth) = compact(text);
        if DEPTH_MAX < depth {
            return Ok(at.wrong(format_args!("is nested deeper than {DEPTH_MAX} levels")));
        }
        Ok(Some(compact))
    }
}

/// The shape of any JSON value that is kept as text, as [`Object`] keeps objects.
pub(crate) struct Json;

impl<'de> Shape<'de> for Json {
    type Value = String;

    fn expected(&self) -> Cow<'static, str> {
        "JSON".into()
    }

    fn read<D: Deserializer<'de>>(
        self,
        deserializer: D,
        at: &At<'_>,
    ) -> Result<Option<String>, D::Error> {
        let (compact, depth) = compact(<&RawValue>::deserialize(deserializer)?.get());
        if DEPTH_MAX < depth {
            return Ok(at.wrong(format_args!("is nested deeper than {DEPTH_MAX} levels")));
        }
        Ok(Some(compact))
    }
}

/// Returns valid JSON without the white space between its values, and so without line ends, and
/// without halves of surrogate pairs; and how deeply it is nested.
pub(crate) fn compact(text: &str) -> (String, usize) {
    let text = mended(text);
    let mut compact = Vec::with_capacity(text.len());
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => continue,
                b'"' => in_string = true,
                b'{' | b'[' => {
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        compact.push(byte);
    }
    // Only whole ASCII characters were left out.
    (String::from_utf8(compact).unwrap_or_default(), deepest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn only_white_space_between_values_is_left_out() {
        for (text, expected) in [
            ("{ }", "{}"),
            (
                "{\"a b\" :\t[ 1.50 , 2512292042121000001 ]\r\n}",
                r#"{"a b":[1.50,2512292042121000001]}"#,
            ),
            (r#"{"a\" b": "c \\" , "d": " { "}"#, r#"{"a\" b":"c \\","d":" { "}"#),
            ("{\"ü\": \"\\u00fc \"}", "{\"ü\":\"\\u00fc \"}"),
            (r#"{ "a": "\ud83d\ude00 \ud83d" }"#, r#"{"a":"\ud83d\ude00 \ufffd"}"#),
        ] {
            assert_eq!(compact(text).0, expected);
        }
    }

    #[test]
    fn nesting_is_counted() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(compact(&nested(DEPTH_MAX)).1, DEPTH_MAX);
        assert_eq!(compact(&nested(100_000)).1, 100_000);
        assert_eq!(compact(&format!("[{}]", vec!["[]"; 1_000].join(","))).1, 2);
    }

    proptest! {
        #[test]
        fn the_meaning_stays(keys in prop::collection::vec(".{0,5}", 0..5), value in any::<f64>()) {
            let tree: Value =
                keys.iter().map(|key| (key.clone(), serde_json::json!([value, key]))).collect();
            let tree = if tree.is_object() { tree } else { serde_json::json!({}) };
            let text = serde_json::to_string_pretty(&tree).unwrap();
            let (compact, _) = compact(&text);
            prop_assert_eq!(&compact, &tree.to_string());
        }
    }
}
