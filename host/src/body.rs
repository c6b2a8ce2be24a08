//! Reading a JSON request body so that a caller learns every mistake at once.
//!
//! A body is a struct of [`Field`]s. Reading one never fails: a field of the wrong type becomes
//! [`Field::Wrong`] with its path and reason, and fields that nobody knows are collected.
//! [`Errors`] gathers all that and what the handler itself finds, and becomes one 400.

mod arriving;

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, header};
use serde::de::{self, DeserializeOwned, IgnoredAny, IntoDeserializer, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Number;
use serde_json::value::RawValue;

pub(crate) use self::arriving::{Arriving, Bounds};
use crate::error::{Code, FieldError, Problem};

/// As many mistakes as one answer names.
const ERRORS_MAX: usize = 100;

/// A field of a request body.
#[derive(Debug, Default)]
pub(crate) enum Field<T> {
    /// Not there.
    #[default]
    Absent,
    /// There, and null: the same as absent, except where something is to be changed.
    Null,
    /// There, and of the right type.
    Given(T),
    /// There, and of the wrong type: where within it, and what is wrong.
    Wrong(String, String),
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As text: a tree would already have dropped the first of two equal keys.
        let text = <&RawValue>::deserialize(deserializer)?.get();
        if text == "null" {
            return Ok(Self::Null);
        }
        Ok(match serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text)) {
            Ok(value) => Self::Given(value),
            Err(error) => {
                let path = error.path().to_string();
                let path = if path == "." { String::new() } else { path };
                // The path tells where; a line and column within the field would mislead.
                let message = error.into_inner().to_string();
                let message = message
                    .rsplit_once(" at line ")
                    .map_or(message.as_str(), |(message, _)| message);
                Self::Wrong(path, humane(message))
            }
        })
    }
}

/// A type error in the words of JSON instead of Rust's, and without the value, which may be
/// somebody's prompt.
fn humane(message: &str) -> String {
    let message = match message.split_once("string \"").zip(message.rfind("\", expected ")) {
        Some(((before, _), end)) => {
            format!("{before}a string{}", message.get(end + 1..).unwrap_or_default())
        }
        None => message.to_owned(),
    };
    [
        ("invalid type: sequence", "is an array"),
        ("invalid type: map", "is an object"),
        ("invalid type: null", "is null"),
        ("invalid type: a string", "is a string"),
        ("invalid type: boolean ", "is the boolean "),
        ("invalid type: integer ", "is the number "),
        ("invalid type: floating point ", "is the number "),
        ("invalid value: ", "is "),
        ("unknown variant ", "is "),
        ("duplicate field ", "has twice the field "),
        ("missing field `type`", "needs a field `type`"),
        ("a sequence", "an array"),
        ("a map", "an object"),
        (", expected ", ", must be "),
    ]
    .iter()
    .fold(message, |message, (from, to)| message.replace(from, to))
}

/// A word out of an enum of words. Read by itself, such an enum would also take `{"word": null}`.
#[derive(Debug)]
pub(crate) struct Word<T>(pub(crate) T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<T>(PhantomData<T>);
        impl<T: DeserializeOwned> Visitor<'_> for Text<T> {
            type Value = Word<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Word<T>, E> {
                T::deserialize(word.into_deserializer()).map(Word)
            }
        }
        deserializer.deserialize_str(Text(PhantomData))
    }
}

/// Fields that nobody knows, by name.
pub(crate) type Unknown = BTreeMap<String, IgnoredAny>;

/// The mistakes found in one body.
#[derive(Debug, Default)]
pub(crate) struct Errors(Vec<FieldError>);

impl Errors {
    /// Notes a mistake.
    pub(crate) fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        if self.0.len() < ERRORS_MAX {
            self.0.push(FieldError::new(field, message));
        }
    }

    /// The value of a field that may be absent. A value of the wrong type is noted and absent.
    pub(crate) fn optional<T>(&mut self, name: &str, field: Field<T>) -> Option<T> {
        match field {
            Field::Given(value) => Some(value),
            Field::Absent | Field::Null => None,
            Field::Wrong(path, message) => {
                let separator = if path.is_empty() || path.starts_with('[') { "" } else { "." };
                self.add(format!("{name}{separator}{path}"), message);
                None
            }
        }
    }

    /// The new value of a field that is to be changed, if it is. To set it to nothing isn't to
    /// leave it as it is.
    pub(crate) fn changed<T>(&mut self, name: &str, field: Field<T>) -> Option<T> {
        if matches!(field, Field::Null) {
            self.add(name, "must not be null; leave it out to keep it as it is");
        }
        self.optional(name, field)
    }

    /// The value of a field that has to be there.
    pub(crate) fn required<T>(&mut self, name: &str, field: Field<T>) -> Option<T> {
        if matches!(field, Field::Absent | Field::Null) {
            self.add(name, "is required");
            return None;
        }
        self.optional(name, field)
    }

    /// The value of a field that may be absent and must lie between two bounds. One message says
    /// all of it: type and range.
    pub(crate) fn whole(
        &mut self,
        name: &str,
        field: Field<Number>,
        range: std::ops::RangeInclusive<u64>,
    ) -> Option<u64> {
        let number = match field {
            Field::Absent | Field::Null => return None,
            Field::Given(number) => number.as_u64().filter(|number| range.contains(number)),
            Field::Wrong(..) => None,
        };
        if number.is_none() {
            self.add(
                name,
                format!("must be a whole number from {} to {}", range.start(), range.end()),
            );
        }
        number
    }

    /// The same for a number that needn't be whole.
    pub(crate) fn decimal(
        &mut self,
        name: &str,
        field: Field<f64>,
        range: std::ops::RangeInclusive<f64>,
    ) -> Option<f64> {
        let number = match field {
            Field::Absent | Field::Null => return None,
            Field::Given(number) => Some(number).filter(|number| range.contains(number)),
            Field::Wrong(..) => None,
        };
        if number.is_none() {
            self.add(name, format!("must be a number from {} to {}", range.start(), range.end()));
        }
        number
    }

    /// Notes fields that nobody knows.
    pub(crate) fn unknown(&mut self, unknown: Unknown) {
        for name in unknown.into_keys() {
            self.add(name, "is not a field of this request");
        }
    }

    /// The value, if nothing was wrong.
    ///
    /// # Errors
    /// A 400 that names all that was.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Problem> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ if self.0.is_empty() => Err(Problem::internal("a body was refused without a reason")),
            _ => Err(Problem::invalid_fields(self.0)),
        }
    }
}

/// What a body is read into.
pub(crate) trait FromJson: DeserializeOwned {
    /// The body, read in one pass, if that finds nothing to say against it. It may give up for any
    /// reason, and takes nothing that [`Deserialize`] would take for something else.
    fn quickly(_: &[u8]) -> Option<Self> {
        None
    }
}

/// Extractor of a JSON body: 415, 413 or 400 when there is none to be had.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: FromJson, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        Self::read(request).await
    }
}

impl<T: FromJson> Json<T> {
    /// Reads a request's body.
    pub(crate) async fn read<B>(request: http::Request<B>) -> Result<Self, Problem>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
        B::Error: std::error::Error + 'static,
    {
        if !is_json(request.headers()) {
            let detail = "send the body as JSON, with the header content-type: application/json";
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
        let bytes = arriving::read(request.into_body()).await?;
        match T::quickly(&bytes) {
            Some(value) => Ok(Self(value)),
            None => Self::carefully(&bytes),
        }
    }

    /// Reads every field by itself, to tell what is wrong with each.
    fn carefully(bytes: &[u8]) -> Result<Self, Problem> {
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let path = error.path().to_string();
            let error = error.into_inner();
            if !error.is_data() {
                // Places only; the parser doesn't quote.
                return Problem::new(Code::InvalidRequest, format!("the body isn't JSON: {error}"));
            }
            let message = humane(&error.to_string());
            if path == "." {
                return Problem::new(Code::InvalidRequest, format!("the body {message}"));
            }
            Problem::invalid_fields(vec![FieldError::new(path, message)])
        })?;
        deserializer.end().map_err(|error| {
            Problem::new(
                Code::InvalidRequest,
                format!("there is more in the body than one JSON object: {error}"),
            )
        })?;
        Ok(Self(value))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    let (kind, subtype) = essence.split_once('/').unwrap_or_default();
    let suffix = subtype
        .len()
        .checked_sub("+json".len())
        .and_then(|at| subtype.get(at..))
        .unwrap_or_default();
    kind.eq_ignore_ascii_case("application")
        && (subtype.eq_ignore_ascii_case("json") || suffix.eq_ignore_ascii_case("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        name: Field<String>,
        #[serde(default)]
        list: Field<Vec<Inner>>,
        #[serde(flatten)]
        unknown: Unknown,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[allow(dead_code, reason = "only its type matters")]
        n: u8,
    }

    fn mistakes(json: &str) -> Vec<String> {
        let body: Body = serde_json::from_str(json).unwrap();
        let mut errors = Errors::default();
        let _ = errors.required("name", body.name);
        let _ = errors.optional("list", body.list);
        errors.unknown(body.unknown);
        errors.0.into_iter().map(|error| format!("{}: {}", error.field, error.message)).collect()
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let found =
            mistakes(r#"{"name": 5, "list": [{"n": 1}, {"n": "x"}], "nmae": 1, "zzz": {}}"#);
        assert_eq!(found.len(), 4, "{found:?}");
        assert_eq!(found[0], "name: is the number `5`, must be a string");
        assert!(found[1].starts_with("list[1].n: is a string"), "{found:?}");
        assert_eq!(found[2], "nmae: is not a field of this request");
    }

    #[test]
    fn no_value_is_quoted() {
        let found = mistakes(r#"{"name": "a", "list": "a \"secret\", expected prompt"}"#);
        assert_eq!(found, ["list: is a string, must be an array"]);
        assert_eq!(
            humane("invalid type: string \"x\", expected a JSON object"),
            "is a string, must be a JSON object"
        );
    }

    #[test]
    fn a_key_that_comes_twice_is_a_mistake_on_every_level() {
        let found = mistakes(r#"{"name": "a", "list": [{"n": 1, "n": 2}]}"#);
        assert_eq!(found, ["list[0]: has twice the field `n`"]);
    }

    #[test]
    fn null_is_absent() {
        assert_eq!(mistakes(r#"{"name": null}"#), ["name: is required"]);
    }

    #[test]
    fn an_unknown_field_deep_inside_is_named() {
        let found = mistakes(r#"{"name": "a", "list": [{"n": 1, "m": 2}]}"#);
        assert!(found[0].starts_with("list[0].m: unknown field `m`"), "{found:?}");
    }
}
