//! JSON to be written: a tree that borrows what is large (texts, pictures, whole blocks of the caller), so that a
//! request of many megabytes is copied once, when it becomes the body.

use std::borrow::Cow;
use std::fmt;

use serde::ser::{Serialize, Serializer};

use crate::json::{Mismatch, Object, Raw};

/// A JSON value to be written.
pub enum Value<'a> {
    /// A string.
    Text(&'a str),
    /// A string in pieces, which are joined only when they are written.
    Joined(Vec<&'a str>),
    /// A whole number.
    Count(u32),
    /// A number. It has to be finite: JSON has no word for what isn't.
    Number(f64),
    /// A boolean.
    Flag(bool),
    /// A value that is JSON text already.
    Raw(Raw<'a>),
    /// An array.
    List(Vec<Value<'a>>),
    /// An object.
    Fields(Fields<'a>),
}

/// A JSON object to be written.
#[derive(Default)]
pub struct Fields<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Fields<'a> {
    /// An object of the vendor's that says its type, as blocks and choices do.
    pub fn of_type(kind: &'a str) -> Self {
        Self::default().with("type", Value::Text(kind))
    }

    /// Adds a field.
    pub fn with(mut self, key: impl Into<Cow<'a, str>>, value: Value<'a>) -> Self {
        self.0.push((key.into(), value));
        self
    }

    /// Adds a field if there is a value for it.
    pub fn with_some(self, key: &'a str, value: Option<Value<'a>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Adds the fields of the contract's `extra`. One that is there already is refused rather than overruled: either
    /// value could be the one that was meant.
    ///
    /// # Errors
    /// When `extra` isn't an object, or sets a field that is there.
    pub fn with_extra(self, extra: Option<&'a str>) -> Result<Value<'a>, Mismatch> {
        let Some(extra) = extra else { return Ok(Value::Fields(self)) };
        let extra = Object::parse(extra).map_err(|mismatch| mismatch.within("extra"))?;
        self.merge(extra).map(Value::Fields).map_err(|mismatch| mismatch.within("extra"))
    }

    /// Adds the fields of an object.
    ///
    /// # Errors
    /// When one of them is there already.
    pub fn merge(mut self, object: Object<'a>) -> Result<Self, Mismatch> {
        if let Some(key) = object.keys().find(|key| self.has(key)) {
            return Err(Mismatch::new(key, "is set by a field of its own already"));
        }
        for (key, value) in object {
            self = self.with(key, Value::Raw(value));
        }
        Ok(self)
    }

    /// Whether a field of this name is there.
    pub fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, _)| name == key)
    }
}

struct Pieces<'a>(&'a [&'a str]);

impl fmt::Display for Pieces<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| f.write_str(piece))
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Joined(pieces) => serializer.collect_str(&Pieces(pieces)),
            Self::Count(count) => serializer.serialize_u32(*count),
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Raw(raw) => raw.serialize(serializer),
            Self::List(list) => serializer.collect_seq(list),
            Self::Fields(fields) => fields.serialize(serializer),
        }
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}
