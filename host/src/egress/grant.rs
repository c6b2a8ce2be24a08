//! Grants: the origins that an operator lets a provider reach, the endpoints there, and what the
//! host adds to requests: headers, parameters of the query, a token or a signature.

use http::HeaderName;
use secrecy::SecretString;
use url::{Host, Origin};

use super::address::{self, Class, Reach};
use super::credential::Credential;
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
