//! A line of the server's log, written for machines and shown to people.

use std::fmt::Write;

use serde_json::{Map, Value};

/// Fields that a line for people has in other places, or not at all.
const NOT_SHOWN: [&str; 5] = ["timestamp", "level", "target", "message", "request_id"];

/// A line on standard error: an event of the log, or something else such as a panic's message.
#[derive(Debug, Clone)]
pub struct LogLine {
    raw: String,
    fields: Option<Map<String, Value>>,
}

impl LogLine {
    /// Reads a line.
    pub(crate) fn parse(raw: String) -> Self {
        let fields = serde_json::from_str(&raw).ok();
        Self { raw, fields }
    }

    /// Returns the line as it was written.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// Returns whether it is an event of the log.
    pub fn is_event(&self) -> bool {
        self.fields.is_some()
    }

    /// Returns a field that is text.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.as_ref()?.get(name)?.as_str()
    }

    /// Returns whether it tells that something is wrong.
    pub fn is_problem(&self) -> bool {
        !self.is_event() || matches!(self.field("level"), Some("WARN" | "ERROR"))
    }

    /// Returns the line for people, beginning with its level.
    pub fn shown(&self) -> String {
        let Some(fields) = &self.fields else { return self.raw.clone() };
        let text = |name| self.field(name).unwrap_or_default();
        let mut shown = format!("{:>5} {}: {}", text("level"), text("target"), text("message"));
        for (name, value) in fields.iter().filter(|(name, _)| !NOT_SHOWN.contains(&name.as_str())) {
            // Writing to a String doesn't fail.
            let _ = write!(shown, " {name}={value}");
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_shown_without_its_time_and_its_request() {
        let raw = r#"{"timestamp":"t","level":"WARN","message":"It crashed","provider":"x","n":1,"target":"plugin","request_id":"r"}"#;
        let line = LogLine::parse(raw.to_owned());
        assert_eq!(line.shown(), r#" WARN plugin: It crashed provider="x" n=1"#);
        assert!(line.is_event() && line.is_problem());
        assert!(!LogLine::parse(raw.replace("WARN", "INFO")).is_problem());
    }

    #[test]
    fn anything_else_is_shown_as_it_is() {
        let line = LogLine::parse("thread 'main' panicked".to_owned());
        assert_eq!(line.shown(), "thread 'main' panicked");
        assert!(!line.is_event() && line.is_problem());
    }
}
