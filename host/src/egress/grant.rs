//! A provider's way out, made once when it is admitted: what it was granted, its limits, its
//! secrets, and connections of its own. Nothing of it is shared with another provider but the roots
//! of trust: no connection, no TLS session and no resolved name tells one provider, or its vendor,
//! of another's calls.

use std::sync::Arc;

use anyhow::Context;
use http::{HeaderMap, HeaderName, HeaderValue};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::Verifier;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Origin};

use super::EgressLimits;
use super::address::Reach;
use super::client::Client;
use super::resolve::{self, Resolver};
use super::secrets::{self, Secrets};
use super::target::Targets;

/// TLS sessions kept for each granted origin: what rustls keeps of one server.
const SESSIONS_PER_ORIGIN: usize = 8;

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

/// The part of TLS that all providers share: the roots of trust, which take long to read and much
/// memory.
pub(crate) struct Tls(ClientConfig);

impl Tls {
    /// Reads the system's roots.
    ///
    /// # Errors
    /// When there are none.
    pub(crate) fn load() -> Result<Self, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Verifier::new(provider.clone())?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self(config))
    }

    /// The same roots, and sessions of its own.
    fn of_one_provider(&self, origins: usize) -> ClientConfig {
        let mut config = self.0.clone();
        config.resumption =
            Resumption::in_memory_sessions(origins.saturating_mul(SESSIONS_PER_ORIGIN));
        config
    }
}

/// One provider's way out.
pub(crate) struct Egress {
    pub(super) provider: Arc<str>,
    pub(super) client: Client,
    pub(super) limits: EgressLimits,
    pub(super) secrets: Arc<Secrets>,
    /// The names of all headers in which any grant may attach a secret: the guest sets none of
    /// them, wherever it asks.
    pub(super) secret_headers: Vec<HeaderName>,
    pub(super) granted: Vec<Arc<ReadyGrant>>,
    pub(super) targets: Targets,
}

/// A grant, ready for use.
pub(super) struct ReadyGrant {
    pub(super) origin: Origin,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Egress {
    /// # Errors
    /// When a granted header isn't valid in HTTP.
    pub(crate) fn new(
        tls: &Tls,
        provider: Arc<str>,
        grants: &[Grant],
        limits: EgressLimits,
    ) -> anyhow::Result<Self> {
        Self::with_lookup(tls, provider, grants, limits, resolve::system)
    }

    pub(super) fn with_lookup(
        tls: &Tls,
        provider: Arc<str>,
        grants: &[Grant],
        limits: EgressLimits,
        lookup: resolve::Lookup,
    ) -> anyhow::Result<Self> {
        let names = grants.iter().filter_map(|grant| match &grant.origin {
            Origin::Tuple(_, Host::Domain(name), _) => {
                Some((name.clone(), Reach::of(name, grant.private)))
            }
            // The check of the origin is that of the address, and the connector asks no resolver
            // for it.
            Origin::Tuple(..) | Origin::Opaque(_) => None,
        });
        let resolver = Resolver::new(names, lookup);
        let names = grants.iter().flat_map(|grant| grant.headers.iter().map(|(name, _)| name));
        let mut secret_headers: Vec<_> =
            names.filter(|name| secrets::may_be_secret(name)).cloned().collect();
        secret_headers.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        secret_headers.dedup();
        Ok(Self {
            provider,
            client: Client::new(tls.of_one_provider(grants.len()), resolver, &limits),
            limits,
            secrets: Arc::new(Secrets::new(grants)),
            secret_headers,
            granted: grants
                .iter()
                .map(|grant| ReadyGrant::new(grant).map(Arc::new))
                .collect::<anyhow::Result<_>>()?,
            targets: Targets::default(),
        })
    }

    /// Returns the values that must not come back to the guest, nor reach the log.
    pub(crate) fn secrets(&self) -> &Arc<Secrets> {
        &self.secrets
    }
}

impl ReadyGrant {
    fn new(grant: &Grant) -> anyhow::Result<Self> {
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
