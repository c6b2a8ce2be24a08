//! A provider as `GET /api/llm/providers` describes it.

use anyhow::Context;
use serde::Deserialize;

use crate::server::Server;

/// A provider's state and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderDetail {
    /// The provider's name.
    pub id: String,
    /// The state of its newest version.
    pub state: ProviderState,
    /// The vendor whose models it offers.
    pub vendor: Option<String>,
    /// The plugin's version.
    pub version: Option<String>,
    /// The SHA-256 of the component, in hexadecimal digits.
    pub sha256: Option<String>,
    /// The model for callers who name none.
    pub default_model: Option<String>,
    /// The models that it knows.
    #[serde(default)]
    pub models: Vec<String>,
    /// Its features beyond plain text.
    #[serde(default)]
    pub features: Vec<String>,
    /// The time since which it is in this state.
    pub changed_at: String,
    /// The reason why it can't be called, or why its newest version can't be loaded.
    pub last_error: Option<String>,
}

/// The state of a provider's newest version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderState {
    /// It can be called.
    Ready,
    /// The operator has to set something first.
    Unconfigured,
    /// It is being loaded.
    Loading,
    /// It could not be loaded; the last good version goes on.
    Stale,
    /// It could not be loaded, and there is no other version.
    Failed,
}

#[derive(Deserialize)]
struct ProviderList {
    details: Vec<ProviderDetail>,
}

impl Server {
    /// Asks for the provider of this name; nothing if there is none.
    ///
    /// # Errors
    /// The reason why the server doesn't tell.
    pub async fn provider(&self, id: &str) -> anyhow::Result<Option<ProviderDetail>> {
        let response = self.client().get(self.url("/api/llm/providers")).send().await;
        let text = response.and_then(reqwest::Response::error_for_status);
        let text = text.context("the server doesn't tell its providers")?.text().await?;
        let list: ProviderList =
            serde_json::from_str(&text).context("the server's list of providers can't be read")?;
        Ok(list.details.into_iter().find(|detail| detail.id == id))
    }
}
