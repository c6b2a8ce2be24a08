//! Grants: the origins that an operator lets a provider reach, the endpoints there, and the headers
//! that the host adds.

use anyhow::Context;
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Origin};

use super::address::{self, Class, Reach};
use super::endpoints::Endpoints;

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
}

impl Grant {
    /// Returns true if its headers leave the operator's network unencrypted, as far as the origin
    /// tells.
    pub(crate) fn sends_in_clear(&self) -> bool {
        let Origin::Tuple(scheme, host, _) = &self.origin else { return false };
        let outside = match host {
            Host::Domain(name) => Reach::of(name, self.private) == Reach::Public,
            Host::Ipv4(_) | Host::Ipv6(_) => {
                address::literal(host).map(Class::of) == Some(Class::Public)
            }
        };
        scheme == "http" && !self.headers.is_empty() && outside
    }
}

/// A grant, ready for use.
pub(super) struct ReadyGrant {
    pub(super) origin: Origin,
    pub(super) endpoints: Endpoints,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ReadyGrant {
    pub(super) fn new(grant: &Grant) -> anyhow::Result<Self> {
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
        })
    }

    /// Adds what the operator granted.
    pub(super) fn attach(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
    }
}
