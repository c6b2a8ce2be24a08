//! Failures of a call to a provider: those that the provider reports, and those that only the host
//! can see.

use std::time::Duration;

use super::definition::MissingSettings;
use crate::config::{Limit, Limits};
use crate::contract::{ErrorKind, ProviderError};
use crate::egress::SendError;

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
        /// The end of the guest's standard error: for the log, never for the caller.
        stderr: String,
    },
    /// The guest used more than it may.
    Exceeded {
        /// Provider and version.
        plugin: String,
        /// Of what.
        limit: Limit,
        /// The amount that is allowed.
        allowed: u64,
    },
    /// The guest's answer breaks the contract.
    Invalid {
        /// Provider and version.
        plugin: String,
        /// The promise that is broken.
        problem: String,
    },
    /// The operator has to set something first.
    Unconfigured(MissingSettings),
    /// There is no room for this call now.
    Busy {
        /// The provider.
        provider: String,
        /// The thing of which there is none left.
        full: Full,
    },
    /// The call took longer than it may.
    Deadline {
        /// The time that is allowed.
        allowed: Duration,
    },
    /// A fault of the host.
    Host(String),
}

/// Something of which there is none left for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The provider's own places: all are taken, and this call may not wait for one, or not any
    /// longer.
    Places {
        /// The number of its places.
        places: u64,
        /// The limit that turned this call away: [`Limit::Queue`] or [`Limit::QueueTimeout`].
        met: Limit,
        /// The amount that is allowed.
        allowed: u64,
    },
    /// The places of the server: the provider's reserved ones are taken, and its part of those that
    /// all providers share.
    Pool {
        /// The number of its reserved places.
        reserved: u64,
    },
    /// The memory for the calls of all providers.
    Memory {
        /// All of it, in bytes.
        total: u64,
    },
}

impl CallError {
    /// The guest used more of something than it may.
    pub(super) fn exceeded(plugin: String, limit: Limit, limits: &Limits) -> Self {
        Self::Exceeded { plugin, limit, allowed: limits.raw(limit) }
    }

    /// All places of the provider are taken, and this limit doesn't let the call wait.
    pub(super) fn all_places_taken(provider: String, met: Limit, limits: &Limits) -> Self {
        let (places, allowed) = (limits.raw(Limit::Calls), limits.raw(met));
        Self::Busy { provider, full: Full::Places { places, met, allowed } }
    }

    /// Returns a sentence about the failure, for the caller.
    pub fn detail(&self) -> String {
        match self {
            Self::Provider(error) => error.message.clone(),
            Self::Trapped { plugin, trap, .. } => format!("the plugin {plugin} crashed ({trap})"),
            Self::Exceeded { plugin, limit, allowed } => {
                let (of, allowed, raise) = (limit.of(), limit.show(*allowed), limit.how_to_raise());
                format!("the plugin {plugin} used more {of} than one call may ({allowed}; {raise})")
            }
            Self::Invalid { plugin, problem } => {
                format!("the plugin {plugin} gave an answer that isn't valid: {problem}")
            }
            Self::Unconfigured(missing) => missing.to_string(),
            Self::Busy { provider, full } => full.detail(provider),
            Self::Deadline { allowed } => {
                let raise = Limit::Timeout.how_to_raise();
                format!("the deadline passed before the answer was complete ({allowed:?}; {raise})")
            }
            Self::Host(_) => "something went wrong in the server".into(),
        }
    }

    /// Returns the kind of failure, in a word for the log.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Provider(error) => error.kind.name(),
            Self::Trapped { .. } => "trapped",
            Self::Exceeded { .. } => "limit-exceeded",
            Self::Invalid { .. } => "invalid-answer",
            Self::Unconfigured(_) => "unconfigured",
            Self::Busy { .. } => "busy",
            Self::Deadline { .. } => "deadline",
            Self::Host(_) => "internal",
        }
    }
}

impl Full {
    fn detail(&self, provider: &str) -> String {
        match self {
            Self::Places { places, met, allowed } => {
                let calls = Limit::Calls.how_to_raise();
                let (allowed, raise) = (met.show(*allowed), met.how_to_raise());
                let waiting = match met {
                    Limit::Queue => format!("as many wait as may ({allowed}; {raise})"),
                    _ => format!("none of them ended in time ({allowed}; {raise})"),
                };
                format!(
                    "provider {provider} is at its limit of {places} concurrent calls ({calls}), and {waiting}"
                )
            }
            Self::Pool { reserved } => {
                let (key, setting) = (Limit::ReservedCalls.key(), Limit::Calls.setting());
                format!(
                    "the server is at its limit: the {reserved} places reserved for provider {provider} (`{key}` \
                     under [limits] in its file raises them) and its part of the places that all providers share \
                     ({setting} raises them) are taken"
                )
            }
            Self::Memory { total } => {
                let total = Limit::Memory.show(*total);
                format!(
                    "the server has no memory left for a call of provider {provider}: all calls together may have \
                     {total}, and one provider three times what is left (LLM_TOTAL_MEMORY raises it)"
                )
            }
        }
    }
}

/// The others leave no memory for a provider that is to be admitted. It isn't the provider's fault,
/// and passes.
#[derive(Debug, thiserror::Error)]
#[error("describe failed: {0}; it is tried again")]
pub(super) struct CrowdedOut(pub(super) String);

/// A failure of a request that the host sent for the provider.
impl From<SendError> for CallError {
    fn from(error: SendError) -> Self {
        let (kind, message) = match error {
            SendError::Denied(text) => (ErrorKind::Denied, text),
            SendError::Credential(text) => (ErrorKind::Credentials, text),
            SendError::Invalid(text) => (ErrorKind::InvalidRequest, text),
            SendError::Connection(text) => (ErrorKind::Connection, text),
            SendError::Timeout(text) => (ErrorKind::Timeout, text),
            SendError::Interrupted(text) => (ErrorKind::Interrupted, text),
            SendError::TooLarge(text) | SendError::NotText(text) | SendError::Encoded(text) => {
                (ErrorKind::BadResponse, text)
            }
            SendError::TooMany(text) => (ErrorKind::Other("http".into()), text),
        };
        ProviderError {
            kind,
            message,
            status: None,
            code: None,
            field: None,
            request_id: None,
            retry_after_ms: None,
            extra: None,
        }
        .into()
    }
}

impl From<ProviderError> for CallError {
    fn from(mut error: ProviderError) -> Self {
        error.message = bounded(&error.message);
        if let ErrorKind::Other(name) = &mut error.kind {
            *name = bounded(name);
        }
        error.code = error.code.as_deref().map(bounded);
        error.field = error.field.as_deref().map(bounded);
        error.request_id = error.request_id.as_deref().map(bounded);
        Self::Provider(Box::new(error))
    }
}

/// Returns a guest's words, short enough for an error or a line of log and without anything that
/// could forge a line of it.
pub(super) fn bounded(text: &str) -> String {
    const CHARACTERS_MAX: usize = 2_000;
    text.chars().take(CHARACTERS_MAX).map(plain).collect()
}

/// Returns a space for a character that ends a line, moves a terminal's cursor or turns the
/// direction of writing; any other character as it is.
pub(super) fn plain(character: char) -> char {
    match character {
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        _ if character.is_control() => ' ',
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guests_words_forge_no_line_and_are_short() {
        assert_eq!(bounded("a\nb\u{9b}c\u{2028}d\u{202e}e"), "a b c d e");
        assert_eq!(bounded(&"é".repeat(10_000)).chars().count(), 2_000);
    }
}
