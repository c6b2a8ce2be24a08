//! JSON to be written: a tree that borrows what is large (texts, pictures, whole blocks of the caller), so that a
//! request of many megabytes is copied once, when it becomes the body.

use std::borrow::Cow;

use serde::ser::{Serialize, Serializer};

use crate::json::{Mismatch, Object, Raw};

/// A JSON value to be written.
pub(crate) enum Value<'a> {
    Text(&'a str),
    Count(u32),
    Number(f64),
    Flag(bool),
    Raw(Raw<'a>),
    List(Vec<Value<'a>>),
    Fields(Fields<'a>),
}

/// A JSON object to be written.
#[derive(Default)]
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Fields<'a> {
    /// An object of the vendor's that says its type, as blocks and choices do.
    pub(crate) fn of_type(kind: &'a str) -> Self {
        Self::default().with("type", Value::Text(kind))
    }

    pub(crate) fn with(mut self, key: impl Into<Cow<'a, str>>, value: Value<'a>) -> Self {
        self.0.push((key.into(), value));
        self
    }

    pub(crate) fn with_some(self, key: &'a str, value: Option<Value<'a>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Adds the fields of the contract's `extra`. One that is there already is refused rather than overruled: either
    /// value could be the one that was meant.
    pub(crate) fn with_extra(mut self, extra: Option<&'a str>) -> Result<Value<'a>, Mismatch> {
        let Some(extra) = extra else { return Ok(Value::Fields(self)) };
        let extra = Object::parse(extra).map_err(|mismatch| mismatch.within("extra"))?;
        if let Some(key) = extra.keys().find(|key| self.has(key)) {
            return Err(Mismatch::new(format!("extra.{key}"), "is set by a field of its own already"));
        }
        for (key, value) in extra {
            self = self.with(key, Value::Raw(value));
        }
        Ok(Value::Fields(self))
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, _)| name == key)
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
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
