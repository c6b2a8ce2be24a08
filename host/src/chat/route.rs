//! The provider and the model that a request goes to.

use std::sync::Arc;

use crate::plugin::{Provider, Providers, SlotState};

/// A provider that can be called.
#[derive(Clone)]
pub(crate) struct Target {
    /// The provider.
    pub(crate) provider: Arc<Provider>,
}

/// A reason why a request goes to no provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RouteError {
    /// No provider has this name.
    #[error("there is no provider {id:?}; there are: {}", known.join(", "))]
    UnknownProvider {
        /// The name that the caller gave.
        id: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// The first version of the provider is being loaded.
    #[error("provider {0} is still being loaded")]
    Loading(String),
    /// The provider could not be loaded, and no older version serves.
    #[error("provider {0} could not be loaded; GET /api/llm/providers says why")]
    NotLoaded(String),
    /// The caller named no model, and the provider has no default.
    #[error("is required: provider {0} has no default model")]
    NoModel(String),
}

impl Target {
    /// Finds the provider that the caller named, or the default one.
    ///
    /// # Errors
    /// The reason why none can be called.
    pub(crate) fn find(
        providers: &Providers,
        named: Option<&str>,
        default: &str,
    ) -> Result<Self, RouteError> {
        let id = named.unwrap_or(default);
        let Some(slot) = providers.get(id) else {
            return Err(RouteError::UnknownProvider { id: id.to_owned(), known: providers.ids() });
        };
        match &slot.state {
            SlotState::Ready(provider) | SlotState::Stale(provider, _) => {
                Ok(Self { provider: provider.clone() })
            }
            SlotState::Loading => Err(RouteError::Loading(id.to_owned())),
            SlotState::Failed(_) => Err(RouteError::NotLoaded(id.to_owned())),
        }
    }

    /// Returns the model to ask for: the caller's, or the provider's default where the caller named
    /// none.
    ///
    /// # Errors
    /// When there is neither.
    pub(crate) fn model(&self, asked: String) -> Result<String, RouteError> {
        if !asked.is_empty() {
            return Ok(asked);
        }
        let default = self.provider.info.default_model.clone();
        default.ok_or_else(|| RouteError::NoModel(self.provider.id().to_string()))
    }
}
