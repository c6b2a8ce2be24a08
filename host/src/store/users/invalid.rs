//! The mistake in a field of a user or of a question for users.

/// A mistake in a field that a client sent. Its text reads well after the name of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub(super) &'static str);
