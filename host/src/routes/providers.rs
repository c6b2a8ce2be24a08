//! `GET /api/llm/providers`: who can be asked, and how each one is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::llm::Feature;
use crate::plugin::Slot;

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
    /// Why it can't be called.
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
    /// It could not be loaded.
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
    Json(ProviderList {
        providers: app.providers.ids().into_iter().map(str::to_owned).collect(),
        default: app.default_provider.clone(),
        details: app.providers.iter().map(|(id, slot)| detail(id, slot)).collect(),
    })
}

fn detail(id: &str, slot: &Slot) -> ProviderDetail {
    match slot {
        Slot::Ready(provider) => {
            let info = &provider.info;
            let missing = provider.definition.missing.clone();
            ProviderDetail {
                id: id.to_owned(),
                state: if missing.is_none() { ProviderState::Ready } else { ProviderState::Unconfigured },
                vendor: Some(info.vendor.clone()),
                version: Some(info.version.clone()),
                sha256: Some(provider.digest.to_string()),
                default_model: info.default_model.clone(),
                models: info.models.clone(),
                features: info.features.iter().map(feature).collect(),
                last_error: missing,
            }
        }
        Slot::Failed(reason) => ProviderDetail {
            id: id.to_owned(),
            state: ProviderState::Failed,
            vendor: None,
            version: None,
            sha256: None,
            default_model: None,
            models: vec![],
            features: vec![],
            last_error: Some(reason.clone()),
        },
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
