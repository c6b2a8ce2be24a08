//! Grants: the origins that an operator lets a provider reach, and the headers that the host adds
//! there.

use anyhow::Context;
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::Origin;

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
}

/// A grant, ready for use.
pub(super) struct ReadyGrant {
    pub(super) origin: Origin,
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
        Ok(Self { origin: grant.origin.clone(), headers: headers.collect::<anyhow::Result<_>>()? })
    }

    /// Adds what the operator granted.
    pub(super) fn attach(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
    }
}
