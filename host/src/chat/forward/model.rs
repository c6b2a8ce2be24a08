//! The model in a caller's body. Its value alone is replaced; every other byte stays as it came,
//! with order, digits, spaces and unknown members.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::contract::{ErrorKind, ProviderError};
use crate::plugin::CallError;

/// Returns the body with this model. Where several members have that name, all get it: which one
/// a vendor would read isn't known. A body without one gets it as its first member.
///
/// # Errors
/// When the body isn't a JSON object.
pub(super) fn rewrite(body: &Bytes, model: &str) -> Result<Bytes, CallError> {
    let model = serde_json::Value::from(model).to_string();
    let text = std::str::from_utf8(body).map_err(|_| refused("it isn't UTF-8".into()))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let found = reader
        .deserialize_map(Models { text })
        .and_then(|found| reader.end().map(|()| found))
        .map_err(|error| refused(error.to_string()))?;
    if !found.places.is_empty() && found.places.iter().all(|place| text[place.clone()] == *model) {
        return Ok(body.clone());
    }
    let mut written = BytesMut::with_capacity(body.len() + model.len() + "\"model\":,".len());
    let mut rest = 0;
    if found.places.is_empty() {
        let inside = text.find('{').map_or(0, |brace| brace + 1);
        written.extend_from_slice(&text.as_bytes()[..inside]);
        written.extend_from_slice(b"\"model\":");
        written.extend_from_slice(model.as_bytes());
        if found.members > 0 {
            written.extend_from_slice(b",");
        }
        rest = inside;
    }
    for place in found.places {
        written.extend_from_slice(&text.as_bytes()[rest..place.start]);
        written.extend_from_slice(model.as_bytes());
        rest = place.end;
    }
    written.extend_from_slice(&text.as_bytes()[rest..]);
    Ok(written.freeze())
}

fn refused(problem: String) -> CallError {
    let mut error = ProviderError {
        kind: ErrorKind::InvalidRequest,
        message: String::new(),
        status: None,
        code: None,
        field: None,
        request_id: None,
        retry_after_ms: None,
        extra: None,
    };
    error.message = format!("The body isn't a JSON object: {problem}");
    error.into()
}

/// The places of the values of all members named `model`.
#[derive(Default)]
struct Found {
    places: Vec<Range<usize>>,
    members: usize,
}

struct Models<'a> {
    text: &'a str,
}

impl<'de> Visitor<'de> for Models<'de> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Found, A::Error> {
        let mut found = Found::default();
        while let Some((name, value)) = members.next_entry::<Name<'de>, &'de RawValue>()? {
            found.members += 1;
            if name.0 == "model" {
                // The value is a part of the text.
                let start = value.get().as_ptr().addr() - self.text.as_ptr().addr();
                found.places.push(start..start + value.get().len());
            }
        }
        Ok(found)
    }
}

/// The name of a member, borrowed unless it holds escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rewritten(body: &str, model: &str) -> String {
        let body = rewrite(&Bytes::copy_from_slice(body.as_bytes()), model).unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[test]
    fn only_the_value_of_the_model_changes() {
        for (body, expected) in [
            (r#"{"model":"a"}"#, r#"{"model":"x/\"y"}"#),
            (
                " {\"n\": 1.10e5 ,\r\n\"model\" :\t\"a\" , \"z\":{\"model\":\"a\"}}\n",
                " {\"n\": 1.10e5 ,\r\n\"model\" :\t\"x/\\\"y\" , \"z\":{\"model\":\"a\"}}\n",
            ),
            (r#"{"model":null,"mod\u0065l":[1]}"#, r#"{"model":"x/\"y","mod\u0065l":"x/\"y"}"#),
            ("{}", r#"{"model":"x/\"y"}"#),
            (r#" { "a":1}"#, r#" {"model":"x/\"y", "a":1}"#),
        ] {
            assert_eq!(rewritten(body, "x/\"y"), expected);
        }
        let same = Bytes::from_static(br#"{"model": "m"}"#);
        assert_eq!(rewrite(&same, "m").unwrap().as_ptr(), same.as_ptr(), "no copy");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for body in ["", "[]", "1", "null", "{", r#"{"model":"a"} x"#, r#"{"model":}"#, "\"a\""] {
            let error = rewrite(&Bytes::copy_from_slice(body.as_bytes()), "m").unwrap_err();
            assert_eq!(error.kind(), "invalid-request", "{body}");
            assert!(error.detail().starts_with("The body isn't a JSON object: "), "{body}");
        }
        assert!(rewrite(&Bytes::from_static(b"{\"model\":\"\xff\"}"), "m").is_err());
    }

    proptest! {
        #[test]
        fn all_other_members_stay_as_they_were(
            before in "[ -!#-\\[\\]-~ü]{0,20}", after in "[ -!#-\\[\\]-~ü]{0,20}", model in "\\PC{0,20}",
        ) {
            let body = |model: &str| format!("{{\"a\":\"{before}\", \"model\" : {model},\"b\":[\"{after}\",1.0]}}");
            let model_text = serde_json::Value::from(&*model).to_string();
            prop_assert_eq!(rewritten(&body("\"old\""), &model), body(&model_text));
        }
    }
}
