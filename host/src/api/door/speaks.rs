//! The API that a provider translates to, as far as a door has to know it.

use crate::plugin::Provider;

/// The API of a provider's vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Speaks {
    /// Anthropic's Messages API.
    Anthropic,
    /// OpenAI's Chat Completions API.
    OpenAi,
    /// Another one.
    Other,
}

impl Speaks {
    /// Returns the API of this provider's vendor, as the provider describes itself.
    pub(in crate::api) fn of(provider: &Provider) -> Self {
        if provider.forwards("anthropic-messages") {
            Self::Anthropic
        } else if provider.forwards("openai-chat") {
            Self::OpenAi
        } else {
            Self::Other
        }
    }
}
