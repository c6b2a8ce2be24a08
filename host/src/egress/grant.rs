//! Grants: the origins that an operator lets a provider reach, the endpoints there, and what the
//! host adds to requests: headers, parameters of the query, a token or a signature.

use anyhow::Context;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Origin, Url};

use super::address::{self, Class, Reach};
use super::credential::{self, Credential, ReadyCredential};
use super::endpoints::Endpoints;
use super::error::SendError;

/// An origin that a provider may reach, and the headers that the host adds to its requests there.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Scheme, host and port.
    pub origin: Origin,
    /// Headers the host attaches, credentials as a rule. They replace the guest's.
    pub headers: Vec<(HeaderName, SecretString)>,
    /// True if a name that looks public may lead to an address inside the operator's network.
    /// Names that are inside by their form, such as `localhost` and `gpu.lan`, and addresses
    /// need no such word.
    pub private: bool,
    /// The paths and methods that it may ask there.
    pub endpoints: Endpoints,
    /// Parameters that the host adds to the query, credentials as a rule. They replace the guest's.
    pub query: Vec<(String, SecretString)>,
    /// A credential that the host mints or signs with, if the operator granted one.
    pub credential: Option<Credential>,
}

impl Grant {
    /// Returns the grant of an origin, to which nothing is added.
    pub fn of(origin: Origin) -> Self {
        Self {
            origin,
            headers: vec![],
            private: false,
            endpoints: Endpoints::default(),
            query: vec![],
            credential: None,
        }
    }

    /// Returns true if the host adds something to its requests.
    fn adds(&self) -> bool {
        !self.headers.is_empty() || !self.query.is_empty() || self.credential.is_some()
    }

    /// Returns true if what the host adds leaves the operator's network unencrypted, as far as the
    /// origin tells.
    pub(crate) fn sends_in_clear(&self) -> bool {
        let Origin::Tuple(scheme, host, _) = &self.origin else { return false };
        let outside = match host {
            Host::Domain(name) => Reach::of(name, self.private) == Reach::Public,
            Host::Ipv4(_) | Host::Ipv6(_) => {
                address::literal(host).map(Class::of) == Some(Class::Public)
            }
        };
        scheme == "http" && self.adds() && outside
    }
}

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
