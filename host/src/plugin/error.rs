//! How a call to a provider fails: what the provider said, and what only the host can know.

use wasmtime::{PoolConcurrencyLimitError, Trap};

use super::state::{CallState, Exceeded};
use crate::llm::ProviderError;

/// A call that failed.
#[derive(Debug, Clone)]
pub enum CallError {
    /// The provider says so.
    Provider(Box<ProviderError>),
    /// The guest crashed.
    Trapped {
        /// Provider and version.
        plugin: String,
        /// The trap, for the caller.
        trap: String,
        /// What the guest wrote last to standard error: for the log, never for the caller.
        stderr: String,
    },
    /// The guest used more than it may.
    Exceeded {
        /// Provider and version.
        plugin: String,
        /// Of what.
        limit: &'static str,
    },
    /// The guest's answer breaks the contract.
    Invalid {
        /// Provider and version.
        plugin: String,
        /// How.
        problem: String,
    },
    /// The operator has to set something first.
    Unconfigured(String),
    /// All places of this provider are taken.
    Busy {
        /// The provider.
        provider: String,
    },
    /// The caller's deadline passed.
    Deadline,
    /// A fault of the host.
    Host(String),
}

impl CallError {
    /// What a failed call of wasmtime's means.
    pub(super) fn from_trap(plugin: String, error: &wasmtime::Error, state: &CallState) -> Self {
        if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
            return Self::Busy { provider: plugin };
        }
        match state.exceeded {
            Some(Exceeded::Memory) => Self::Exceeded { plugin, limit: "memory" },
            Some(Exceeded::Cpu) => Self::Exceeded { plugin, limit: "computing time" },
            None => {
                let trap = match error.downcast_ref::<Trap>() {
                    Some(trap) => trap.to_string(),
                    None => error.root_cause().to_string(),
                };
                Self::Trapped { plugin, trap, stderr: state.log.tail() }
            }
        }
    }

    /// What happened, for the caller.
    pub fn detail(&self) -> String {
        match self {
            Self::Provider(error) => error.message.clone(),
            Self::Trapped { plugin, trap, .. } => format!("the plugin {plugin} crashed ({trap})"),
            Self::Exceeded { plugin, limit } => format!("the plugin {plugin} used more {limit} than one call may"),
            Self::Invalid { plugin, problem } => {
                format!("the plugin {plugin} gave an answer that isn't valid: {problem}")
            }
            Self::Unconfigured(missing) => missing.clone(),
            Self::Busy { provider } => format!("provider {provider} is at its limit of concurrent calls"),
            Self::Deadline => "the deadline passed before the answer was complete".into(),
            Self::Host(_) => "something went wrong in the server".into(),
        }
    }

    /// What happened, in a word for the log.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Provider(error) => super::error_kind_name(&error.kind),
            Self::Trapped { .. } => "trapped",
            Self::Exceeded { .. } => "limit-exceeded",
            Self::Invalid { .. } => "invalid-answer",
            Self::Unconfigured(_) => "unconfigured",
            Self::Busy { .. } => "busy",
            Self::Deadline => "deadline",
            Self::Host(_) => "internal",
        }
    }
}

impl From<ProviderError> for CallError {
    fn from(mut error: ProviderError) -> Self {
        error.message = bounded(&error.message);
        error.code = error.code.as_deref().map(bounded);
        error.request_id = error.request_id.as_deref().map(bounded);
        Self::Provider(Box::new(error))
    }
}

/// A guest's words, short enough for a log and without anything that could forge a line of it.
fn bounded(text: &str) -> String {
    const CHARACTERS_MAX: usize = 2_000;
    text.chars().take(CHARACTERS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
