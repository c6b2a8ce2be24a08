//! Failures of a request that a guest asked for: values for the guest, without credentials and
//! without addresses of the operator's network.

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
    /// A call sent more requests than it may.
    #[error("{0}")]
    TooMany(String),
}
