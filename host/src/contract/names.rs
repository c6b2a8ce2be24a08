//! Names of kinds and features as the contract spells them: for logs, errors and listings.

use super::{ErrorKind, Feature};

impl ErrorKind {
    /// Returns the kind's name, `other` for all that the contract has no case for.
    pub fn name(&self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid-request",
            Self::Unsupported => "unsupported",
            Self::Credentials => "credentials",
            Self::Billing => "billing",
            Self::NotFound => "not-found",
            Self::TooLarge => "too-large",
            Self::RateLimited => "rate-limited",
            Self::Overloaded => "overloaded",
            Self::VendorFailed => "vendor-failed",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Interrupted => "interrupted",
            Self::BadResponse => "bad-response",
            Self::Denied => "denied",
            Self::Unconfigured => "unconfigured",
            Self::Other(_) => "other",
        }
    }
}

impl Feature {
    /// Returns the feature's name; for one that the contract doesn't know, the provider's own.
    pub fn name(&self) -> &str {
        match self {
            Self::Streaming => "streaming",
            Self::Images => "images",
            Self::Tools => "tools",
            Self::Thinking => "thinking",
            Self::Other(name) => name,
        }
    }
}
