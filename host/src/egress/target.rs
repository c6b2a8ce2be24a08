//! The target of a request, if it may go there. A provider asks few URLs over and over, so what was
//! found out about the last ones is kept.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::Uri;
use url::Url;

use super::endpoints::PathFault;
use super::error::SendError;
use super::grant::ReadyGrant;
use super::limits::EgressLimits;
use super::request;

/// URLs that are kept.
const KEPT_MAX: usize = 8;
/// The longest URL that is kept.
const LENGTH_MAX: usize = 1 << 10;

/// The URL of a request, and the grant for its origin.
pub(super) struct Target {
    /// As the guest wrote it.
    text: String,
    pub(super) url: Url,
    /// The same, as it is sent.
    pub(super) uri: Uri,
    /// The grant for this very origin, if there is one.
    pub(super) granted: Option<Arc<ReadyGrant>>,
    /// The reason why that grant isn't for this path, if it isn't.
    pub(super) fault: Option<PathFault>,
}

/// The targets that were asked last, the newest first.
#[derive(Default)]
pub(super) struct Targets(ArcSwap<Vec<Arc<Target>>>);

impl Targets {
    /// Returns the target that a guest's URL means.
    ///
    /// # Errors
    /// The reason why nothing can be sent there.
    pub(super) fn find(
        &self,
        text: &str,
        limits: &EgressLimits,
        grants: &[Arc<ReadyGrant>],
    ) -> Result<Arc<Target>, SendError> {
        if let Some(target) = self.0.load().iter().find(|target| target.text == text) {
            return Ok(target.clone());
        }
        let url = request::target(text, limits)?;
        let uri = url.as_str().parse();
        let uri =
            uri.map_err(|error| SendError::Invalid(format!("the URL can't be sent: {error}")))?;
        let origin = url.origin();
        let granted = grants.iter().find(|granted| granted.origin == origin).cloned();
        let fault = granted.as_ref().and_then(|grant| grant.endpoints.check_path(url.path()).err());
        let target = Arc::new(Target { text: text.to_owned(), url, uri, granted, fault });
        if target.granted.is_some() && text.len() <= LENGTH_MAX {
            // Two at once may each forget what the other found: it is found again.
            let others = self.0.load();
            let kept =
                std::iter::once(&target).chain(others.iter()).take(KEPT_MAX).cloned().collect();
            self.0.store(Arc::new(kept));
        }
        Ok(target)
    }
}
