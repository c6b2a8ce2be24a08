//! JSON read without losing a digit: an object is a list of fields whose values stay the text they
//! came as.
//!
//! A tree would turn `1.10` into `1.1` and large integers into floats, sort the fields, and cost
//! memory for parts of a block that are only carried through. So whatever a provider doesn't need
//! to understand stays a [`RawValue`].

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::surrogates::{PairJoiner, mended};

/// The text of one JSON value, borrowed from where it was read or owned when it has to outlive
/// that.
pub type Raw<'a> = Cow<'a, RawValue>;

/// The name of a string in messages.
pub const STRING: &str = "a string";
/// The name of an array in messages.
pub const LIST: &str = "a list";
/// The name of an object in messages.
pub const OBJECT: &str = "an object";
/// The name of a `u32` in messages.
pub const COUNT: &str = "a whole number below 2^32";

/// The largest whole number up to which floats hold all.
const COUNT_MAX: f64 = 9_007_199_254_740_992.0;

/// Room for the fields that most objects have, so that it is taken once.
const USUAL_FIELDS: usize = 8;

/// A value that isn't what it should be. It never holds the value itself, which may be part of a
/// prompt or an answer.
#[derive(Debug, PartialEq)]
pub struct Mismatch {
    /// The place: `content[0].text`. Empty for the outermost value.
    pub at: String,
    says: String,
}

impl Mismatch {
    /// At this place, this is wrong: `should be …, but is …`.
    pub fn new(at: impl Into<String>, says: impl Into<String>) -> Self {
        Self { at: at.into(), says: says.into() }
    }

    /// The same, seen from one level further out.
    pub fn within(self, outer: impl fmt::Display) -> Self {
        let at = match self.at.as_str() {
            "" => outer.to_string(),
            inner if inner.starts_with('[') => format!("{outer}{inner}"),
            inner => format!("{outer}.{inner}"),
        };
        Self { at, ..self }
    }

    fn expected(at: &str, expected: &str, found: &str) -> Self {
        let found = match found {
            "a number" if expected == COUNT => "another number",
            found if found == expected => "one that can't be read",
            found => found,
        };
        Self::new(at, format!("should be {expected}, but is {found}"))
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at.as_str() {
            "" => write!(f, "it {}", self.says),
            at => write!(f, "`{at}` {}", self.says),
        }
    }
}

/// A JSON object: its fields in the order they came.
#[derive(Clone, Debug, Default)]
pub struct Object<'a>(Vec<(Cow<'a, str>, Raw<'a>)>);

impl<'a> Object<'a> {
    /// Reads an object.
    ///
    /// # Errors
    /// When the text is another value, or none.
    pub fn parse(text: &'a str) -> Result<Self, Mismatch> {
        serde_json::from_str(text).map_err(|_| Mismatch::expected("", OBJECT, kind(text)))
    }

    /// Removes a field. A `null` counts as absent: it is how vendors say nothing. Of a doubled
    /// field the last counts.
    pub fn take(&mut self, key: &str) -> Option<Raw<'a>> {
        let last = self.0.iter().rposition(|(name, _)| name == key)?;
        let (_, value) = self.0.remove(last);
        if self.0.iter().take(last).any(|(name, _)| name == key) {
            self.0.retain(|(name, _)| name != key);
        }
        Some(value).filter(|value| value.get() != "null")
    }

    /// Removes a field that has to be there.
    ///
    /// # Errors
    /// When it isn't; `expected` says what it should be.
    pub fn require(&mut self, key: &str, expected: &str) -> Result<Raw<'a>, Mismatch> {
        self.take(key).ok_or_else(|| Mismatch::expected(key, expected, "missing"))
    }

    /// Removes a field and reads it, if it is there.
    ///
    /// # Errors
    /// When it isn't what is `expected`.
    pub fn read<T: DeserializeOwned>(
        &mut self,
        key: &str,
        expected: &str,
    ) -> Result<Option<T>, Mismatch> {
        self.take(key)
            .map(|value| read(&value, expected).map_err(|mismatch| mismatch.within(key)))
            .transpose()
    }

    /// Removes a field that has to be there, and reads it.
    ///
    /// # Errors
    /// When it isn't there, or isn't what is `expected`.
    pub fn require_as<T: DeserializeOwned>(
        &mut self,
        key: &str,
        expected: &str,
    ) -> Result<T, Mismatch> {
        read(&self.require(key, expected)?, expected).map_err(|mismatch| mismatch.within(key))
    }

    /// Removes a field that has to be there and be a string. It isn't copied where it can be
    /// borrowed.
    ///
    /// # Errors
    /// When it isn't there, or isn't a string.
    pub fn require_text(&mut self, key: &str) -> Result<Cow<'a, str>, Mismatch> {
        let value = self.require(key, STRING)?;
        if let Cow::Borrowed(value) = value
            && let Some(text) = verbatim(value)
        {
            return Ok(Cow::Borrowed(text));
        }
        read(&value, STRING).map(Cow::Owned).map_err(|mismatch| mismatch.within(key))
    }

    /// Removes a field that has to be there and be the next piece of a text.
    ///
    /// # Errors
    /// When it isn't there, or isn't a string.
    pub fn require_piece(&mut self, key: &str, text: &mut PairJoiner) -> Result<String, Mismatch> {
        let value = self.require(key, STRING)?;
        text.add(&value).ok_or_else(|| Mismatch::expected(key, STRING, kind(value.get())))
    }

    /// Removes a count and reads it, if it makes sense: what a vendor counts stands beside its
    /// answer and never costs it. A fraction is rounded; anything else that is no count stays where
    /// it is, to be passed on with the rest.
    pub fn take_count(&mut self, key: &str) -> Option<u32> {
        let count = self.get(key).and_then(count).and_then(|count| u32::try_from(count).ok())?;
        self.take(key);
        Some(count)
    }

    /// Puts a value where the field is, or at the end. Afterwards the field is there once: of two,
    /// some readers take the first and some the last.
    pub fn set(&mut self, key: &str, value: Raw<'a>) {
        let mut value = Some(value);
        self.0.retain_mut(|(name, old)| {
            let other = name != key;
            match value.take_if(|_| !other) {
                Some(value) => *old = value,
                None => return other,
            }
            true
        });
        self.0.extend(value.map(|value| (Cow::Owned(key.to_owned()), value)));
    }

    /// Keeps the fields of which `keep` says so.
    pub fn retain(&mut self, keep: impl Fn(&str, &RawValue) -> bool) {
        self.0.retain(|(key, value)| keep(key, value));
    }

    /// The value of a field, `null` included.
    pub fn get(&self, key: &str) -> Option<&RawValue> {
        self.0.iter().rfind(|(name, _)| name == key).map(|(_, value)| value.as_ref())
    }

    /// The names of the fields, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_ref())
    }

    /// Returns true if no field is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns what is left in it, as the contract's `extra`: absent when nothing is left but
    /// nulls.
    pub fn into_extra(mut self) -> Option<String> {
        self.0.retain(|(_, value)| value.get() != "null");
        (!self.is_empty()).then(|| text(&self))
    }

    /// The same, cut loose from the text it was read from.
    pub fn into_owned(self) -> Object<'static> {
        let owned = |(key, value): (Cow<str>, Raw)| {
            (Cow::Owned(key.into_owned()), Cow::Owned(value.into_owned()))
        };
        Object(self.0.into_iter().map(owned).collect())
    }
}

impl<'a> IntoIterator for Object<'a> {
    type Item = (Cow<'a, str>, Raw<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(OBJECT)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut fields = Vec::with_capacity(USUAL_FIELDS);
        while let Some((Key(key), value)) = map.next_entry::<Key, &RawValue>()? {
            fields.push((key, Cow::Borrowed(value)));
        }
        Ok(Object(fields))
    }
}

/// The name of a field, borrowed unless something in it is escaped.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    /// As bytes, because a name may have half of a surrogate pair in it too.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STRING)
    }

    fn visit_borrowed_bytes<E>(self, key: &'de [u8]) -> Result<Self::Value, E> {
        Ok(Key(String::from_utf8_lossy(key)))
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(Key(Cow::Owned(String::from_utf8_lossy(key).into_owned())))
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// Checks that a text is one JSON value.
///
/// # Errors
/// When it isn't.
pub fn value(text: &str) -> Result<&RawValue, Mismatch> {
    serde_json::from_str(text).map_err(|_| Mismatch::expected("", "a JSON value", kind(text)))
}

/// Checks that a text is one JSON object.
///
/// # Errors
/// When it isn't.
pub fn object(text: &str) -> Result<&RawValue, Mismatch> {
    match value(text) {
        Ok(value) if value.get().starts_with('{') => Ok(value),
        _ => Err(Mismatch::expected("", OBJECT, kind(text))),
    }
}

/// The JSON text of something that can't fail to have one: all that is written here has strings for
/// keys.
pub fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The same, to be put into an [`Object`].
pub fn raw(value: &impl Serialize) -> Raw<'static> {
    Cow::Owned(serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned()))
}

/// Returns the text of a string; nothing if it is another value. Half of a surrogate pair that
/// lacks the other half becomes U+FFFD.
pub fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).or_else(|_| serde_json::from_str(&mended(value.get()))).ok()
}

/// Returns the whole number that a vendor's count stands for: rounded, if it is a number and not
/// negative.
pub fn count(value: &RawValue) -> Option<u64> {
    let count: f64 = serde_json::from_str(value.get()).ok()?;
    // Casts of floats saturate; what is above 2^53 isn't exact any more, and no count.
    (0.0..=COUNT_MAX).contains(&count).then(|| count.round() as u64)
}

/// The values of an array.
///
/// # Errors
/// When it is another value.
pub fn list(value: &RawValue) -> Result<Vec<&RawValue>, Mismatch> {
    serde_json::from_str(value.get()).map_err(|_| Mismatch::expected("", LIST, kind(value.get())))
}

/// Returns the text of a string, if it stands there letter by letter.
fn verbatim(value: &RawValue) -> Option<&str> {
    let text = value.get().strip_prefix('"')?.strip_suffix('"')?;
    (!text.contains('\\')).then_some(text)
}

fn read<T: DeserializeOwned>(value: &RawValue, expected: &str) -> Result<T, Mismatch> {
    let text = value.get();
    serde_json::from_str(text)
        .or_else(|_| serde_json::from_str(&mended(text)))
        .map_err(|_| Mismatch::expected("", expected, kind(text)))
}

/// Returns the kind of a text, in words for people.
fn kind(text: &str) -> &'static str {
    let Ok(value) = serde_json::from_str::<&RawValue>(text) else {
        return if text.trim().is_empty() { "empty" } else { "not JSON" };
    };
    match value.get().as_bytes().first() {
        Some(b'{') => OBJECT,
        Some(b'[') => LIST,
        Some(b'"') => STRING,
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_the_same_borrowed_or_not() {
        for (json, text) in [
            (r#""""#, Some("")),
            (r#""aü""#, Some("aü")),
            (r#""\u0061\n""#, Some("a\n")),
            ("1", None),
        ] {
            let object = format!(r#"{{"\u006b":{json}}}"#);
            let mut borrowed = Object::parse(&object).unwrap();
            let mut owned = borrowed.clone().into_owned();
            assert_eq!(borrowed.require_text("k").ok().as_deref(), text, "{json}");
            assert_eq!(owned.require_text("k").ok().as_deref(), text, "{json}");
        }
    }

    #[test]
    fn a_count_is_rounded_or_left_where_it_is() {
        for (json, count) in [
            ("7", Some(7)),
            ("125.6", Some(126)),
            ("1.5", Some(2)),
            ("1e2", Some(100)),
            ("0.2", Some(0)),
            ("-0.0", Some(0)),
            ("4294967295", Some(u32::MAX)),
            ("4294967295.5", None),
            ("4294967296", None),
            ("1e400", None),
            ("-1", None),
            ("-0.4", None),
            ("\"7\"", None),
            ("true", None),
            ("[7]", None),
            ("null", None),
        ] {
            let text = format!(r#"{{"n":{json}}}"#);
            let mut object = Object::parse(&text).unwrap();
            assert_eq!(object.take_count("n"), count, "{json}");
            assert_eq!(object.is_empty(), count.is_some(), "{json}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced_wherever_a_string_is_read() {
        let text = r#"{"a":"x\ud83d","b":["\ude00"],"\udc00":1}"#;
        let mut object = Object::parse(text).unwrap();
        assert_eq!(object.require_text("a").unwrap(), "x\u{fffd}");
        assert_eq!(object.require_as::<Vec<String>>("b", LIST).unwrap(), ["\u{fffd}"]);
        assert!(object.keys().all(|key| key.contains('\u{fffd}')));
    }

    #[test]
    fn digits_and_order_survive() {
        let source =
            r#"{"z":1.10,"a":12345678901234567890123,"m":{"b":1e400, "a":0.30000000000000004}}"#;
        assert_eq!(text(&Object::parse(source).unwrap()), source);
    }

    #[test]
    fn a_null_counts_as_absent_and_the_last_of_two_counts() {
        let mut object = Object::parse(r#"{"a":null,"b":1,"b":2}"#).unwrap();
        assert_eq!(object.take("a").map(|value| value.get().to_owned()), None);
        assert_eq!(object.take("b").map(|value| value.get().to_owned()).as_deref(), Some("2"));
        assert!(object.is_empty());
    }

    #[test]
    fn a_field_that_is_set_is_there_once() {
        let mut object = Object::parse(r#"{"b":1,"a":2,"b":3}"#).unwrap();
        object.set("b", raw(&4));
        object.set("c", raw(&5));
        assert_eq!(text(&object), r#"{"b":4,"a":2,"c":5}"#);
    }

    #[test]
    fn a_mismatch_says_where_and_what_but_never_the_value() {
        let mut object = Object::parse(r#"{"a":["my secret"],"n":-1,"s":"x"}"#).unwrap();
        let a = object.require_as::<String>("a", STRING).unwrap_err().within("b[0]").to_string();
        assert_eq!(a, "`b[0].a` should be a string, but is a list");
        let n = object.require_as::<u32>("n", COUNT).unwrap_err().to_string();
        assert_eq!(n, "`n` should be a whole number below 2^32, but is another number");
        assert_eq!(
            object.require_as::<u32>("x", COUNT).unwrap_err().says,
            "should be a whole number below 2^32, but is missing"
        );
        assert_eq!(
            Object::parse("<html>").unwrap_err().to_string(),
            "it should be an object, but is not JSON"
        );
        assert_eq!(
            Object::parse("[]").unwrap_err().to_string(),
            "it should be an object, but is a list"
        );
        assert_eq!(
            Object::parse(" ").unwrap_err().to_string(),
            "it should be an object, but is empty"
        );
    }

    #[test]
    fn deep_nesting_is_carried_without_recursion() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(text(&Object::parse(&deep).unwrap()), deep);
    }
}
