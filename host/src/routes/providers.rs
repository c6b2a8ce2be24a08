//! `GET /api/llm/providers`: who can be asked, and how each one is.

pub(crate) mod events;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::contract::Feature;
use crate::plugin::{Slot, SlotState};

/// Who can be asked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProviderList {
    /// Their names.
    providers: Vec<String>,
    /// Who answers when a caller names nobody.
    default: String,
    /// How each one is.
    details: Vec<ProviderDetail>,
}

/// How a provider is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProviderDetail {
    /// Its name.
    id: String,
    /// Whether it can be called.
    state: ProviderState,
    /// Whose models these are.
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: Option<String>,
    /// The plugin's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// Of the component, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// The model for callers who name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_model: Option<String>,
    /// Models it knows to exist; others may.
    models: Vec<String>,
    /// What it can do beyond plain text.
    features: Vec<String>,
    /// Since when it is in this state.
    #[schema(format = DateTime)]
    changed_at: String,
    /// Why it can't be called, or why its newest version can't be loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

/// Whether a provider can be called.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProviderState {
    /// It can.
    Ready,
    /// The operator has to set something first.
    Unconfigured,
    /// Its first version is being loaded.
    Loading,
    /// Its newest version could not be loaded; the last good one answers.
    Stale,
    /// It could not be loaded, and nobody answers.
    Failed,
}

/// Lists the providers
#[utoipa::path(
    get,
    path = "/api/llm/providers",
    tag = "chat",
    operation_id = "listProviders",
    responses((status = 200, description = "Who can be asked, and how each one is.", body = ProviderList))
)]
pub(crate) async fn providers(State(app): State<Arc<App>>) -> Json<ProviderList> {
    let all = app.providers.all();
    Json(ProviderList {
        providers: all.keys().cloned().collect(),
        default: app.default_provider.clone(),
        details: all.iter().map(|(id, slot)| detail(id, slot)).collect(),
    })
}

fn detail(id: &str, slot: &Slot) -> ProviderDetail {
    let (state, last_error) = match &slot.state {
        SlotState::Loading => (ProviderState::Loading, None),
        SlotState::Ready(provider) => match &provider.definition.missing {
            None => (ProviderState::Ready, None),
            Some(missing) => (ProviderState::Unconfigured, Some(missing.to_string())),
        },
        SlotState::Stale(_, reason) => (ProviderState::Stale, Some(reason.clone())),
        SlotState::Failed(reason) => (ProviderState::Failed, Some(reason.clone())),
    };
    let provider = slot.serving();
    let info = provider.map(|provider| &provider.info);
    ProviderDetail {
        id: id.to_owned(),
        state,
        vendor: info.map(|info| info.vendor.clone()),
        version: info.map(|info| info.version.clone()),
        sha256: provider.map(|provider| provider.digest.to_string()),
        default_model: info.and_then(|info| info.default_model.clone()),
        models: info.map(|info| info.models.clone()).unwrap_or_default(),
        features: info.map(|info| info.features.iter().map(feature).collect()).unwrap_or_default(),
        changed_at: format!("{:.3}", slot.since),
        last_error,
    }
}

fn feature(feature: &Feature) -> String {
    match feature {
        Feature::Streaming => "streaming".into(),
        Feature::Images => "images".into(),
        Feature::Tools => "tools".into(),
        Feature::Thinking => "thinking".into(),
        Feature::Other(name) => name.clone(),
    }
}
