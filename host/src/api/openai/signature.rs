//! A signature that a vendor keeps with a call of a tool, in the shape of Google's own layer for
//! OpenAI's clients: without it, Gemini doesn't take the call back.

use serde::{Deserialize, Serialize};

use crate::api::door::ObjectText;

/// `extra_content` of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ExtraContent {
    google: Google,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Google {
    thought_signature: String,
}

/// The contract's `extra` of a call, as Gemini's provider gives it.
#[derive(Deserialize)]
struct Extra {
    #[serde(rename = "thoughtSignature")]
    thought_signature: String,
}

/// Returns `extra_content` of a call with this `extra`, if it holds a signature.
pub(super) fn write(extra: Option<&str>) -> Option<ExtraContent> {
    let Extra { thought_signature } = serde_json::from_str(extra?).ok()?;
    Some(ExtraContent { google: Google { thought_signature } })
}

/// Returns the contract's `extra` of a call with this `extra_content`.
pub(super) fn read(extra_content: &str) -> Option<String> {
    let ExtraContent { google } = serde_json::from_str(extra_content).ok()?;
    ObjectText::default()
        .with_text("thoughtSignature", Some(&google.thought_signature))
        .unless_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_comes_back_as_it_was_given() {
        let extra = r#"{"thoughtSignature":"c2ln"}"#;
        let written = serde_json::to_string(&write(Some(extra)).unwrap()).unwrap();
        assert_eq!(written, r#"{"google":{"thought_signature":"c2ln"}}"#);
        assert_eq!(read(&written).as_deref(), Some(extra));
        assert_eq!(write(Some("{}")), None);
        assert_eq!(read("{}"), None);
    }
}
