//! The API that a provider translates to, as far as a door has to know it.

use serde::Deserialize;

use crate::plugin::{Provider, Source};

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

/// The part of `info.extra` that names dialects.
#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    dialects: Vec<String>,
}

impl Speaks {
    /// Returns the API of this provider's vendor: as the provider describes itself, or of a bundled
    /// component that doesn't say.
    pub(in crate::api) fn of(provider: &Provider) -> Self {
        let extra = provider.info.extra.as_deref();
        let described = extra.and_then(|extra| serde_json::from_str::<Described>(extra).ok());
        let dialects = described.map(|described| described.dialects).unwrap_or_default();
        let lists = |dialect: &str| dialects.iter().any(|it| it == dialect);
        match &provider.definition.component {
            _ if lists("anthropic-messages") => Self::Anthropic,
            _ if lists("openai-chat") => Self::OpenAi,
            Source::Bundled("claude") => Self::Anthropic,
            Source::Bundled("openai") => Self::OpenAi,
            Source::Bundled(_) | Source::File(_) => Self::Other,
        }
    }
}
