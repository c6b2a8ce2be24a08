//! Reading a JSON body so that the caller learns every mistake at once, at every depth.
//!
//! A body is read once, by shapes: a [`Shape`] says how a value of each JSON type becomes a Rust
//! value, and notes a [`Mistakes`] entry with its path where it can't. A mistake doesn't end the
//! reading; only text that isn't JSON does. JSON that is merely passed on is checked and kept as
//! text ([`Object`]), never as a tree.

mod mistakes;
mod object;
mod shapes;

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

pub(crate) use self::mistakes::{At, Mistakes};
pub(crate) use self::object::{Json, Object, compact};
pub(crate) use self::shapes::{Bool, Decimal, List, Parsed, Text, Whole, Words};
use super::problem::{Code, Problem};

/// A way to read a value.
pub(crate) trait Shape<'de>: Sized {
    /// The Rust value.
    type Value;

    /// Returns the words after "must be".
    fn expected(&self) -> Cow<'static, str>;

    /// Reads a string.
    fn text(self, _: &str, at: &At<'_>) -> Option<Self::Value> {
        self.mismatch(Found::Text, at)
    }

    /// Reads a number.
    fn number(self, number: &Number, at: &At<'_>) -> Option<Self::Value> {
        self.mismatch(Found::Number(number), at)
    }

    /// Reads true or false.
    fn boolean(self, value: bool, at: &At<'_>) -> Option<Self::Value> {
        self.mismatch(Found::Boolean(value), at)
    }

    /// Reads an array.
    fn array<A: SeqAccess<'de>>(
        self,
        mut array: A,
        at: &At<'_>,
    ) -> Result<Option<Self::Value>, A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.mismatch(Found::Array, at))
    }

    /// Reads an object.
    fn object<A: MapAccess<'de>>(
        self,
        mut object: A,
        at: &At<'_>,
    ) -> Result<Option<Self::Value>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(self.mismatch(Found::Object, at))
    }

    /// Notes a value of a type that this shape doesn't read.
    fn mismatch(&self, found: Found<'_>, at: &At<'_>) -> Option<Self::Value> {
        at.wrong(format_args!("is {found}, must be {}", self.expected()))
    }

    /// Reads any value. Nothing, if a mistake was noted.
    ///
    /// # Errors
    /// Where the text isn't JSON.
    fn read<D: Deserializer<'de>>(
        self,
        deserializer: D,
        at: &At<'_>,
    ) -> Result<Option<Self::Value>, D::Error> {
        deserializer.deserialize_any(AnyVisitor { shape: self, at })
    }
}

/// The type of a value, for a message. Of strings it doesn't show the text, which may be a prompt.
#[derive(Clone, Copy)]
pub(crate) enum Found<'a> {
    Null,
    Boolean(bool),
    Number(&'a Number),
    Text,
    Array,
    Object,
}

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "`{value}`"),
            Self::Number(number) => write!(f, "the number `{number}`"),
            Self::Text => f.write_str("a string"),
            Self::Array => f.write_str("an array"),
            Self::Object => f.write_str("an object"),
        }
    }
}

/// A shape at a place, as serde takes it.
struct Seed<'a, S> {
    shape: S,
    at: At<'a>,
}

impl<'de, S: Shape<'de>> DeserializeSeed<'de> for Seed<'_, S> {
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Option<S::Value>, D::Error> {
        self.shape.read(deserializer, &self.at)
    }
}

struct AnyVisitor<'a, S> {
    shape: S,
    at: &'a At<'a>,
}

impl<'de, S: Shape<'de>> Visitor<'de> for AnyVisitor<'_, S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(self.shape.mismatch(Found::Null, self.at))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(self.shape.boolean(value, self.at))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(self.shape.number(&number.into(), self.at))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(self.shape.number(&number.into(), self.at))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        // JSON has no number that isn't finite.
        let number = Number::from_f64(number).unwrap_or_else(|| 0.into());
        Ok(self.shape.number(&number, self.at))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.shape.text(text, self.at))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<Self::Value, A::Error> {
        self.shape.array(array, self.at)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        self.shape.object(object, self.at)
    }
}

/// The value of a field, as far as it has been read.
#[derive(Debug, Default)]
pub(crate) enum Slot<T> {
    /// The field isn't there.
    #[default]
    Absent,
    /// The field is null.
    Null,
    /// The field has this value.
    Given(T),
    /// The field is there, and a mistake was noted.
    Wrong,
}

impl<T> Slot<T> {
    /// Reads the field's value. A field that comes twice is a mistake.
    ///
    /// # Errors
    /// Where the text isn't JSON.
    pub(crate) fn read<'de, A: MapAccess<'de>>(
        &mut self,
        object: &mut A,
        shape: impl Shape<'de, Value = T>,
        at: At<'_>,
    ) -> Result<(), A::Error> {
        if !matches!(self, Self::Absent) {
            at.wrong::<()>("is there more than once");
            return object.next_value::<IgnoredAny>().map(drop);
        }
        *self = object.next_value_seed(SlotSeed { shape, at })?;
        Ok(())
    }

    /// Returns the value of a field that may be absent or null.
    pub(crate) fn optional(self) -> Option<T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Null | Self::Wrong => None,
        }
    }

    /// Returns the value of a field that has to be there.
    pub(crate) fn required(self, at: &At<'_>) -> Option<T> {
        if matches!(self, Self::Absent | Self::Null) {
            at.wrong::<()>("is required");
        }
        self.optional()
    }

    /// Returns the new value of a field that is changed if it is there. Null is a mistake: to set a
    /// field to nothing isn't to leave it as it is.
    pub(crate) fn changed(self, at: &At<'_>) -> Option<T> {
        if matches!(self, Self::Null) {
            at.wrong::<()>("must not be null; leave it out to keep it as it is");
        }
        self.optional()
    }

    /// Returns the value of a field that may be absent, but not null.
    pub(crate) fn not_null(self, at: &At<'_>) -> Option<T> {
        if matches!(self, Self::Null) {
            at.wrong::<()>("must not be null; leave it out instead");
        }
        self.optional()
    }

    /// Returns true if the field is there at all.
    pub(crate) fn is_there(&self) -> bool {
        !matches!(self, Self::Absent)
    }
}

struct SlotSeed<'a, S> {
    shape: S,
    at: At<'a>,
}

impl<'de, S: Shape<'de>> DeserializeSeed<'de> for SlotSeed<'_, S> {
    type Value = Slot<S::Value>;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Slot<S::Value>, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, S: Shape<'de>> Visitor<'de> for SlotSeed<'_, S> {
    type Value = Slot<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Slot::Null)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Slot::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        Ok(self.shape.read(deserializer, &self.at)?.map_or(Slot::Wrong, Slot::Given))
    }
}

/// The name of a field.
pub(crate) struct Key<'de>(pub(crate) Cow<'de, str>);

impl<'de> de::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl<'de> Visitor<'de> for Name {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a field")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(name.to_owned())))
            }

            fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(name)))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

/// Reads the fields of an object into slots: `"name" => slot: shape`. Fields of other names are
/// mistakes, or go to a function that is given their name, their JSON and their place.
macro_rules! read_fields {
    ($object:ident, $at:expr, { $($name:literal => $slot:ident: $shape:expr),* $(,)? }, $others:expr) => {
        $(let mut $slot = $crate::http::json::Slot::default();)*
        while let Some(key) = $object.next_key::<$crate::http::json::Key<'_>>()? {
            match &*key.0 {
                $($name => $slot.read(&mut $object, $shape, $at.field($name))?,)*
                other => {
                    let value = $object.next_value::<&serde_json::value::RawValue>()?;
                    $others(other, value.get(), &$at.field(other));
                }
            }
        }
    };
    ($object:ident, $at:expr, { $($name:literal => $slot:ident: $shape:expr),* $(,)? }) => {
        $(let mut $slot = $crate::http::json::Slot::default();)*
        while let Some(key) = $object.next_key::<$crate::http::json::Key<'_>>()? {
            match &*key.0 {
                $($name => $slot.read(&mut $object, $shape, $at.field($name))?,)*
                other => {
                    $at.field(other).wrong::<()>("is not a field of this request");
                    $object.next_value::<serde::de::IgnoredAny>()?;
                }
            }
        }
    };
}
pub(crate) use read_fields;

/// A request that is read from a JSON body.
pub(crate) trait FromJson: Sized {
    /// The names of the body's fields, in the order in which mistakes are named.
    const FIELDS: &'static [&'static str];

    /// Reads the fields of the body.
    ///
    /// # Errors
    /// Where the text isn't JSON.
    fn read<'de, A: MapAccess<'de>>(body: A, at: &At<'_>) -> Result<Option<Self>, A::Error>;

    /// Reads a body.
    ///
    /// # Errors
    /// A 400 that names every mistake.
    fn from_json(bytes: &[u8]) -> Result<Self, Problem> {
        read_body(bytes, BodyShape(std::marker::PhantomData), Self::FIELDS)
    }
}

/// Reads a body by a shape. Mistakes are named in the order of `fields`.
///
/// # Errors
/// A 400 that names every mistake.
pub(crate) fn read_body<'de, S: Shape<'de>>(
    bytes: &'de [u8],
    shape: S,
    fields: &[&str],
) -> Result<S::Value, Problem> {
    let mistakes = Mistakes::default();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = shape.read(&mut deserializer, &At::root(&mistakes));
    // Places only; the parser doesn't quote.
    let value = read.map_err(|error| {
        Problem::new(Code::InvalidRequest, format!("the body isn't JSON: {error}"))
    })?;
    deserializer.end().map_err(|error| {
        let detail = format!("there is more in the body than one JSON object: {error}");
        Problem::new(Code::InvalidRequest, detail)
    })?;
    mistakes.finish(value, fields)
}

struct BodyShape<T>(std::marker::PhantomData<T>);

impl<'de, T: FromJson> Shape<'de> for BodyShape<T> {
    type Value = T;

    fn expected(&self) -> Cow<'static, str> {
        "a JSON object".into()
    }

    fn object<A: MapAccess<'de>>(self, body: A, at: &At<'_>) -> Result<Option<T>, A::Error> {
        T::read(body, at)
    }
}

#[cfg(test)]
mod tests;
