//! Failures of a request that a guest asked for: values for the guest, without credentials and
//! without addresses of the operator's network.

use std::error::Error;

/// A request that failed, or a reply that can't be read on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SendError {
    /// The operator granted no such origin. The text says what to grant.
    #[error("{0}")]
    Denied(String),
    /// The request can't be sent: its URL, method or a header isn't valid.
    #[error("{0}")]
    Invalid(String),
    /// The server could not be reached.
    #[error("{0}")]
    Connection(String),
    /// Nothing came in the time that is allowed.
    #[error("{0}")]
    Timeout(String),
    /// The connection was lost in the middle of the reply.
    #[error("{0}")]
    Interrupted(String),
    /// The reply, a line or an event of it is larger than allowed.
    #[error("{0}")]
    TooLarge(String),
    /// Text was asked for and the bytes aren't UTF-8.
    #[error("{0}")]
    NotText(String),
    /// The reply is encoded in a way that can't be undone.
    #[error("{0}")]
    Encoded(String),
    /// The grant's credential can't be minted. The text says which one it is.
    #[error("{0}")]
    Credential(String),
    /// A call sent more requests than it may.
    #[error("{0}")]
    TooMany(String),
}

/// Iterates over an error and its sources, outermost first.
pub(super) fn chain<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause| cause.source())
}

/// Returns the first error of this type among an error and its sources.
pub(super) fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|cause| cause.downcast_ref())
}

/// Returns an error and its sources as a sentence.
pub(super) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut lines: Vec<String> = chain(error).map(ToString::to_string).collect();
    lines.dedup();
    lines.join(": ")
}
