//! The provider and the model that a request goes to.

use std::sync::Arc;

use crate::plugin::{Provider, Providers, Slot, SlotState};

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

    /// Finds the provider of a model, and the name that the vendor knows the model by. `provider/model`
    /// names both; a bare name goes to a provider that lists it, the default one before others, or
    /// else to the default one.
    ///
    /// # Errors
    /// The reason why none can be called.
    pub(crate) fn of_model(
        providers: &Providers,
        asked: &str,
        default: &str,
    ) -> Result<(Self, String), RouteError> {
        if let Some((id, model)) = asked.split_once('/')
            && !model.is_empty()
            && providers.get(id).is_some()
        {
            return Ok((Self::find(providers, Some(id), default)?, model.to_owned()));
        }
        let all = providers.all();
        let listing = |slot: &Slot| {
            let provider = slot.serving()?;
            lists(provider, asked).then(|| Self { provider: provider.clone() })
        };
        let first = all.get(default).and_then(|slot| listing(slot));
        let listed = first.or_else(|| all.values().find_map(|slot| listing(slot)));
        let target = match listed {
            Some(target) => target,
            None => Self::find(providers, None, default)?,
        };
        Ok((target, asked.to_owned()))
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

/// Returns the models that a provider lists, if it can be called.
pub(crate) fn models(provider: &Provider) -> impl Iterator<Item = &String> {
    let info = &provider.info;
    let default = info.default_model.iter().filter(|model| !info.models.contains(model));
    let callable = provider.definition.missing.is_none();
    default.chain(&info.models).filter(move |_| callable)
}

fn lists(provider: &Provider, model: &str) -> bool {
    models(provider).any(|listed| listed == model)
}
