//! The facts of a call that a provider can ask for, beside the request itself.

use std::sync::Arc;

use tokio::time::Instant;

use super::bindings::arete::provider::http::Header;
use crate::contract::WishList;
use crate::digest::FieldHash;

/// A call, as its provider can know it. By default nothing is known of it.
#[derive(Clone, Default)]
pub(crate) struct CallContext {
    /// A number that no other call has; the same in all attempts.
    pub(crate) id: u128,
    /// The number of the attempt, from 1.
    pub(crate) attempt: u32,
    /// The moment at which the call is given up.
    pub(crate) deadline: Option<Instant>,
    /// The name of the caller's key.
    pub(crate) caller: Option<Arc<str>>,
    /// The headers and the query of a caller who speaks a vendor's dialect.
    pub(crate) dialect: Option<Arc<DialectContext>>,
    /// The wishes beyond the request.
    pub(crate) wishes: Arc<WishList>,
}

/// The words outside the body of a caller's request in a vendor's dialect.
#[derive(Default)]
pub(crate) struct DialectContext {
    /// The headers that belong to a dialect.
    pub(crate) headers: Vec<Header>,
    /// The query, without its `?`.
    pub(crate) query: Option<String>,
}

/// Returns a name that stands for the caller's without telling it.
pub(super) fn hashed(caller: &str) -> String {
    let mut hash = FieldHash::default();
    hash.add("arete caller");
    hash.add(caller);
    let digest = hash.finish().to_string();
    digest.chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_told_apart_without_their_names() {
        let (team, other) = (hashed("team"), hashed("other"));
        assert_eq!((team.len(), hashed("team") == team), (32, true));
        assert!(team != other && !team.contains("team"));
    }
}
