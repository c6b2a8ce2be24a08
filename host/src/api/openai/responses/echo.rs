//! Fields of a request that its response repeats.

use serde_json::{Map, Value};

/// The fields, as the caller gave them.
#[derive(Debug, Clone, Default)]
pub(super) struct Echo(Map<String, Value>);

impl Echo {
    /// Takes a field, if it was given.
    #[must_use]
    pub(super) fn with(mut self, name: &str, json: Option<&String>) -> Self {
        let value = json.and_then(|json| serde_json::from_str(json).ok());
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value);
        }
        self
    }

    /// Returns a field, or this value where it wasn't given.
    pub(super) fn get(&self, name: &str, default: Value) -> Value {
        self.0.get(name).cloned().unwrap_or(default)
    }
}
