//! The outcome of a round, and the line that tells it.

use std::time::Duration;

/// The outcome of a round.
pub(super) enum Outcome {
    NotBuilt { took: Duration, goes_on: bool },
    Same { took: Duration },
    Published { took: Duration, how: String, within: Duration, what: String, first: String },
    Refused { took: Duration, reason: String, changed: bool, goes_on: bool },
}

impl Outcome {
    /// Returns the line that tells it.
    pub(super) fn line(&self) -> String {
        let goes_on = |goes_on: &bool| match goes_on {
            true => " The last good version goes on answering.",
            false => "",
        };
        match self {
            Self::NotBuilt { took, goes_on: it } => {
                format!("Not built ({}): see above.{}", seconds(*took), goes_on(it))
            }
            Self::Same { took } => {
                format!("Built in {}; it is the same component as before.", seconds(*took))
            }
            Self::Published { took, how, within, what, first } => {
                let (took, within) = (seconds(*took), seconds(*within));
                format!("Built in {took}, {how} in {within}: {what}.{first}")
            }
            Self::Refused { took, reason, goes_on: it, .. } => {
                let end = if reason.ends_with('?') { "" } else { "." };
                format!("Built in {}, but refused: {reason}{end}{}", seconds(*took), goes_on(it))
            }
        }
    }
}

/// Returns true if a provider was refused because it imports what its component doesn't have: modules
/// of the language that nothing imported when the component was made.
pub(super) fn lacks_module(reason: &str) -> bool {
    ["ModuleNotFoundError", "ImportError"].iter().any(|error| reason.contains(error))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
