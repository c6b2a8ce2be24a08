//! A provider's way out, made once when it is admitted: what it was granted, its limits, its
//! secrets, and connections of its own. Nothing of it is shared with another provider but the roots
//! of trust: no connection, no TLS session and no resolved name tells one provider, or its vendor,
//! of another's calls.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use http::HeaderName;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::Verifier;
use url::{Host, Origin};

use super::EgressLimits;
use super::address::Reach;
use super::client::{Client, OwnTls};
use super::credential::{Clock, Credential, Exchange, ReadyCredential, Tools};
use super::descriptors::Descriptors;
use super::grant::Grant;
use super::ready_grant::ReadyGrant;
use super::resolve::{self, Resolver};
use super::roots;
use super::secrets::{self, Secrets};

/// TLS sessions kept for each granted origin: what rustls keeps of one server.
const SESSIONS_PER_ORIGIN: usize = 8;

/// The part of all connections that providers share: TLS with the roots of trust, which take long
/// to read and much memory, and the descriptors.
pub(crate) struct Tls {
    config: ClientConfig,
    descriptors: Descriptors,
}

impl Tls {
    /// Reads the system's roots.
    ///
    /// # Errors
    /// When there are none.
    #[cfg(test)]
    pub(crate) fn load() -> anyhow::Result<Self> {
        Self::with_ca_file(None)
    }

    /// Reads the system's roots, and those of a file beside them. Blocks.
    ///
    /// # Errors
    /// When there are none, or the file has none.
    pub(crate) fn with_ca_file(ca_file: Option<&Path>) -> anyhow::Result<Self> {
        let own = match ca_file {
            Some(path) => roots::read(path)
                .with_context(|| format!("LLM_CA_FILE {} can't be used", path.display()))?,
            None => vec![],
        };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Verifier::new_with_extra_roots(own, provider.clone())
            .context("reading the system's roots of trust for TLS")?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self { config, descriptors: Descriptors::new(u64::MAX) })
    }

    /// Bounds the connections of all providers.
    pub(crate) fn with_descriptors(self, descriptors: u64) -> Self {
        Self { descriptors: Descriptors::new(descriptors), ..self }
    }

    /// The same roots, and sessions and descriptors of its own.
    fn of_one_provider(&self, origins: usize) -> OwnTls {
        let mut config = self.config.clone();
        config.resumption =
            Resumption::in_memory_sessions(origins.saturating_mul(SESSIONS_PER_ORIGIN));
        OwnTls { config, descriptors: self.descriptors.of_one_provider(), origins }
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
        let clock: Clock = Arc::new(jiff::Timestamp::now);
        Self::with_world(tls, provider, grants, limits, resolve::system, &clock)
    }

    /// Makes one with another DNS and another time of day.
    pub(super) fn with_world(
        tls: &Tls,
        provider: Arc<str>,
        grants: &[Grant],
        limits: EgressLimits,
        lookup: resolve::Lookup,
        clock: &Clock,
    ) -> anyhow::Result<Self> {
        let names = grants.iter().filter_map(|grant| reached(&grant.origin, grant.private));
        let resolver = Resolver::new(names, lookup);
        let names = grants.iter().flat_map(|grant| grant.headers.iter().map(|(name, _)| name));
        let mut secret_headers: Vec<_> =
            names.filter(|name| secrets::may_be_secret(name)).cloned().collect();
        secret_headers.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        secret_headers.dedup();
        let secrets = Arc::new(Secrets::new(grants));
        let ready = |credential: &Credential| {
            let at = credential.minted_at();
            let name = at.and_then(|(url, private)| reached(&url.origin(), private));
            // Connections of its own: nothing that a guest does holds it up.
            let client = Client::new(tls.of_one_provider(1), Resolver::new(name, lookup), &limits);
            let tools = Tools {
                exchange: Exchange::new(client),
                clock: clock.clone(),
                secrets: secrets.clone(),
                provider: provider.clone(),
                line: credential.line,
            };
            ReadyCredential::new(credential, tools)
        };
        let granted = grants.iter().map(|grant| {
            ReadyGrant::new(grant, grant.credential.as_ref().map(ready)).map(Arc::new)
        });
        let granted = granted.collect::<anyhow::Result<_>>()?;
        Ok(Self {
            client: Client::new(tls.of_one_provider(grants.len()), resolver, &limits),
            provider,
            limits,
            secrets,
            secret_headers,
            granted,
        })
    }

    /// Returns the values that must not come back to the guest, nor reach the log.
    pub(crate) fn secrets(&self) -> &Arc<Secrets> {
        &self.secrets
    }
}

/// Returns the name of an origin's host and how far it may lead. The check of an origin that is an
/// address is that of the address, and the connector asks no resolver for it.
fn reached(origin: &Origin, private: bool) -> Option<(String, Reach)> {
    match origin {
        Origin::Tuple(_, Host::Domain(name), _) => Some((name.clone(), Reach::of(name, private))),
        Origin::Tuple(..) | Origin::Opaque(_) => None,
    }
}
