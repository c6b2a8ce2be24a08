//! The target of a request, if it may go there.

use std::sync::Arc;

use http::Uri;
use url::Url;

use super::endpoints::PathFault;
use super::error::SendError;
use super::limits::EgressLimits;
use super::ready_grant::ReadyGrant;
use super::request;

/// The URL of a request, and the grant for its origin.
pub(super) struct Target {
    pub(super) url: Url,
    /// The same, as it is sent.
    pub(super) uri: Uri,
    /// The grant for this very origin, if there is one.
    pub(super) granted: Option<Arc<ReadyGrant>>,
    /// The reason why that grant isn't for this path, if it isn't.
    pub(super) fault: Option<PathFault>,
}

impl Target {
    /// Returns the target that a guest's URL means.
    ///
    /// # Errors
    /// The reason why nothing can be sent there.
    pub(super) fn of(
        text: &str,
        limits: &EgressLimits,
        grants: &[Arc<ReadyGrant>],
    ) -> Result<Self, SendError> {
        let url = request::target(text, limits)?;
        let uri = url.as_str().parse();
        let uri =
            uri.map_err(|error| SendError::Invalid(format!("the URL can't be sent: {error}")))?;
        let origin = url.origin();
        let granted = grants.iter().find(|granted| granted.origin == origin).cloned();
        let fault = granted.as_ref().and_then(|grant| grant.endpoints.check_path(url.path()).err());
        Ok(Self { url, uri, granted, fault })
    }
}
