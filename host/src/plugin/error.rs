//! Failures of a call to a provider: those that the provider reports, and those that only the host
//! can see.

use std::time::Duration;

use super::definition::MissingSettings;
use crate::config::{Limit, Limits};
use crate::contract::{ErrorKind, ProviderError};

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
    /// All places of this provider are taken, and this call may not wait for one, or not any
    /// longer.
    Busy {
        /// The provider.
        provider: String,
        /// The number of its places.
        places: u64,
        /// The limit that turned this call away: [`Limit::Queue`], [`Limit::QueueTimeout`], or
        /// [`Limit::Calls`] itself where the engine has no room.
        met: Limit,
        /// The amount that is allowed.
        allowed: u64,
    },
    /// The call took longer than it may.
    Deadline {
        /// The time that is allowed.
        allowed: Duration,
    },
    /// A fault of the host.
    Host(String),
}

impl CallError {
    /// The guest used more of something than it may.
    pub(super) fn exceeded(plugin: String, limit: Limit, limits: &Limits) -> Self {
        Self::Exceeded { plugin, limit, allowed: limits.raw(limit) }
    }

    /// There is no place for this call.
    pub(super) fn busy(provider: String, met: Limit, limits: &Limits) -> Self {
        Self::Busy { provider, places: limits.raw(Limit::Calls), met, allowed: limits.raw(met) }
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
            Self::Busy { provider, places, met, allowed } => {
                let calls = Limit::Calls.how_to_raise();
                let (allowed, raise) = (met.show(*allowed), met.how_to_raise());
                let waiting = match met {
                    Limit::Queue => format!(", and as many wait as may ({allowed}; {raise})"),
                    Limit::QueueTimeout => {
                        format!(", and none of them ended in time ({allowed}; {raise})")
                    }
                    _ => String::new(),
                };
                format!(
                    "provider {provider} is at its limit of {places} concurrent calls ({calls}){waiting}"
                )
            }
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
