//! Grants, ready for use: what the host adds to each request is made once, when the provider is
//! admitted.

use anyhow::Context;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use secrecy::{ExposeSecret, SecretString};
use url::{Origin, Url};

use super::credential::{self, ReadyCredential};
use super::endpoints::Endpoints;
use super::error::SendError;
use super::grant::Grant;

/// A grant, ready for use.
pub(super) struct ReadyGrant {
    pub(super) origin: Origin,
    pub(super) endpoints: Endpoints,
    headers: Vec<(HeaderName, HeaderValue)>,
    query: Vec<(String, SecretString)>,
    pub(super) credential: Option<ReadyCredential>,
}

impl ReadyGrant {
    /// # Errors
    /// When a header isn't valid in HTTP.
    pub(super) fn new(grant: &Grant, credential: Option<ReadyCredential>) -> anyhow::Result<Self> {
        let headers = grant.headers.iter().map(|(name, value)| {
            let mut value = HeaderValue::from_str(value.expose_secret()).with_context(|| {
                let origin = grant.origin.ascii_serialization();
                format!("the value of the header {name} granted for {origin} isn't valid in HTTP")
            })?;
            // Keeps it out of HPACK's tables and of every Debug output.
            value.set_sensitive(true);
            Ok((name.clone(), value))
        });
        Ok(Self {
            origin: grant.origin.clone(),
            endpoints: grant.endpoints.clone(),
            headers: headers.collect::<anyhow::Result<_>>()?,
            query: grant.query.clone(),
            credential,
        })
    }

    /// Returns the address that a request for this URL, as it is sent, goes to.
    ///
    /// # Errors
    /// When it is none that can be sent.
    pub(super) fn uri(&self, url: &Url, uri: Uri) -> Result<Uri, SendError> {
        let signs = self.credential.as_ref().is_some_and(ReadyCredential::signs);
        if self.query.is_empty() && !(signs && url.query().is_some()) {
            return Ok(uri);
        }
        credential::attach_query(url.clone(), &self.query, signs)
            // What it quotes may be a credential.
            .map_err(|_| SendError::Invalid("the URL can't be sent with its query".into()))
    }

    /// Adds the headers that the operator granted.
    pub(super) fn attach(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
    }
}
