//! `GET /api/llm/providers`: the providers and the state of each.

pub(crate) mod events;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::contract::Info;
use crate::observe::shortened;
use crate::plugin::{Slot, SlotState};

/// The providers and their states.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProviderList {
    /// The names of all providers.
    providers: Vec<String>,
    /// The provider that answers when a request names none.
    default: String,
    /// The state of each provider.
    details: Vec<ProviderDetail>,
}

/// The state of a provider.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProviderDetail {
    /// The name of the provider.
    id: String,
    /// The state of the provider.
    state: ProviderState,
    /// The vendor of its models.
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: Option<String>,
    /// The version of the plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// The SHA-256 of the component, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// The model that is asked when a request names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_model: Option<String>,
    /// The models that the plugin knows; the vendor may have others.
    models: Vec<String>,
    /// The features beyond plain text.
    features: Vec<String>,
    /// The time since which it is in this state.
    #[schema(format = DateTime)]
    changed_at: String,
    /// The reason why it can't be called, or why its newest version can't be loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

/// A state of a provider.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProviderState {
    /// The provider can be called.
    Ready,
    /// The operator has to set something before it can be called.
    Unconfigured,
    /// The first version is being loaded.
    Loading,
    /// The newest version could not be loaded; the last good one serves.
    Stale,
    /// The provider could not be loaded, and no version serves.
    Failed,
}

/// Lists the providers
#[utoipa::path(
    get,
    path = "/api/llm/providers",
    tag = "chat",
    operation_id = "listProviders",
    responses((status = 200, description = "All providers and the state of each.", body = ProviderList))
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
        features: info.map(features).unwrap_or_default(),
        changed_at: format!("{:.3}", slot.since),
        // It may quote a component at any length.
        last_error: last_error.as_deref().map(shortened),
    }
}

fn features(info: &Info) -> Vec<String> {
    info.features.iter().map(|feature| feature.name().to_owned()).collect()
}
