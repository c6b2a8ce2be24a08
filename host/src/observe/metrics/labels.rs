//! The sets of labels. Each is closed, or says what stands for the values that are too many.

use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

use super::series::Open;

/// The value of a label whose own would be one too many.
pub(super) const OTHER: &str = "other";

/// A label's text. Clones are the same text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Text(Arc<str>);

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<&Arc<str>> for Text {
    fn from(text: &Arc<str>) -> Self {
        Self(text.clone())
    }
}

impl EncodeLabelValue for Text {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        EncodeLabelValue::encode(&&*self.0, encoder)
    }
}

/// The labels of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct HttpLabels {
    pub(super) route: Text,
    pub(super) status: u16,
}

/// The labels of a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CallLabels {
    pub(super) provider: Text,
    pub(super) model: Text,
    pub(super) result: &'static str,
    pub(super) cache: &'static str,
    pub(super) stream: bool,
}

impl Open for CallLabels {
    fn other(self) -> Self {
        Self { model: OTHER.into(), ..self }
    }
}

/// The labels of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct AttemptLabels {
    pub(super) provider: Text,
    pub(super) why: &'static str,
    pub(super) result: &'static str,
}

/// The provider alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Of {
    pub(super) provider: Text,
}

/// The attributes of the GenAI conventions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct GenAi {
    gen_ai_operation_name: &'static str,
    gen_ai_provider_name: Text,
    gen_ai_request_model: Text,
}

impl GenAi {
    /// Returns the attributes of a chat.
    pub(super) fn chat(vendor: Text, model: Text) -> Self {
        Self {
            gen_ai_operation_name: "chat",
            gen_ai_provider_name: vendor,
            gen_ai_request_model: model,
        }
    }
}

impl Open for GenAi {
    fn other(self) -> Self {
        Self { gen_ai_request_model: OTHER.into(), ..self }
    }
}

/// The attributes of the GenAI conventions for something that can fail.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct GenAiError {
    gen_ai_operation_name: &'static str,
    gen_ai_provider_name: Text,
    gen_ai_request_model: Text,
    error_type: &'static str,
}

impl GenAiError {
    /// Adds the kind of failure, if any.
    pub(super) fn new(of: GenAi, failure: Option<&'static str>) -> Self {
        Self {
            gen_ai_operation_name: of.gen_ai_operation_name,
            gen_ai_provider_name: of.gen_ai_provider_name,
            gen_ai_request_model: of.gen_ai_request_model,
            // An empty label is an absent one.
            error_type: failure.unwrap_or_default(),
        }
    }
}

impl Open for GenAiError {
    fn other(self) -> Self {
        Self { gen_ai_request_model: OTHER.into(), ..self }
    }
}
