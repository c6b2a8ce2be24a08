//! JSON objects put together from JSON texts, whose digits and order stay.

use std::fmt::Write;

/// An object that grows.
#[derive(Debug, Default)]
pub(in crate::api) struct ObjectText(String);

impl ObjectText {
    /// Adds a field whose value is JSON.
    #[must_use]
    pub(in crate::api) fn with(mut self, name: &str, json: &str) -> Self {
        let comma = if self.0.is_empty() { "" } else { "," };
        // Writing to a string doesn't fail.
        let _ = write!(self.0, "{comma}{}:{json}", quoted(name));
        self
    }

    /// Adds a field, if it has a value.
    #[must_use]
    pub(in crate::api) fn with_opt(self, name: &str, json: Option<&str>) -> Self {
        match json {
            Some(json) => self.with(name, json),
            None => self,
        }
    }

    /// Adds a field whose value is a string, if it has one.
    #[must_use]
    pub(in crate::api) fn with_text(self, name: &str, text: Option<&str>) -> Self {
        self.with_opt(name, text.map(quoted).as_deref())
    }

    /// Returns the object, or nothing if it has no fields.
    pub(in crate::api) fn unless_empty(self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.text())
    }

    /// Returns the object.
    pub(in crate::api) fn text(self) -> String {
        format!("{{{}}}", self.0)
    }
}

/// Returns a text as a JSON string.
pub(in crate::api) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_their_digits() {
        let object = ObjectText::default()
            .with("b", "1.10")
            .with_opt("absent", None)
            .with_text("a\"", Some("x\n"));
        assert_eq!(object.text(), r#"{"b":1.10,"a\"":"x\n"}"#);
        assert_eq!(ObjectText::default().unless_empty(), None);
        assert_eq!(ObjectText::default().text(), "{}");
    }
}
