//! The guard of a server without keys against web pages.
//!
//! Every program on this machine may call such a server, and a browser is one that does as pages
//! tell it. A page can't choose the headers `host`, `origin` and `sec-fetch-site` of its requests:
//! by them it is told apart. A name that the page's owner lets lead to 127.0.0.1 (DNS rebinding)
//! still stands in `host`.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::head::Authority;
use super::problem::Problem;
use crate::config::ServerConfig;

/// The relation of a page to the server it asks, as the browser sees it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The hosts and origins that a server without keys answers.
pub(super) struct PageGuard {
    /// Hosts beside those of this machine, in lower case.
    hosts: Vec<String>,
    /// Origins that the operator named one by one.
    origins: Vec<HeaderValue>,
    /// True if pages of all other origins may read.
    any: bool,
}

impl PageGuard {
    /// Makes the guard, for a server that needs one: with keys, a page has none to send.
    pub(super) fn new(config: &ServerConfig) -> Option<Self> {
        config.api_keys.is_empty().then(|| Self {
            hosts: config.allowed_hosts.clone(),
            origins: config.cors_origins.clone(),
            any: config.cors_origins.iter().any(|origin| origin == "*"),
        })
    }

    /// Checks where a request comes from and where it believes to go.
    ///
    /// # Errors
    /// A 403 for a request that a page has sent which isn't allowed to.
    pub(super) fn check(
        &self,
        method: &Method,
        headers: &HeaderMap,
        authority: Option<Authority<'_>>,
    ) -> Result<(), Problem> {
        if let Some(Authority { host, .. }) = authority.filter(|it| !self.allows(it.host)) {
            return Err(Problem::forbidden_host(host));
        }
        let origin = headers.get(header::ORIGIN);
        let named = origin.is_some_and(|origin| self.origins.contains(origin));
        let foreign = origin.is_some_and(|origin| !named && !is_same(origin, authority));
        if foreign && !self.any {
            return Err(Problem::forbidden_origin());
        }
        // Browsers that don't send the header leave the origin to judge by.
        let cross_site = match headers.get(SEC_FETCH_SITE) {
            Some(site) => site == "cross-site" && !named,
            None => foreign,
        };
        if cross_site && !method.is_safe() {
            return Err(Problem::forbidden_origin());
        }
        Ok(())
    }

    fn allows(&self, host: &str) -> bool {
        is_loopback(host) || self.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
    }
}

/// Returns true for the names and addresses by which a machine calls itself.
fn is_loopback(host: &str) -> bool {
    const NAME: &str = "localhost";
    let host = host.strip_suffix('.').unwrap_or(host);
    let name = host.len().checked_sub(NAME.len()).and_then(|at| host.split_at_checked(at));
    name.is_some_and(|(before, end)| {
        end.eq_ignore_ascii_case(NAME) && (before.is_empty() || before.ends_with('.'))
    }) || host.parse().is_ok_and(|ip: IpAddr| ip.to_canonical().is_loopback())
}

/// Returns true if an origin has the host and port that a request is addressed to. The scheme isn't
/// compared: a proxy may end TLS in front.
fn is_same(origin: &HeaderValue, authority: Option<Authority<'_>>) -> bool {
    let (Ok(origin), Some(here)) = (origin.to_str(), authority) else { return false };
    let Some((scheme, origin)) = origin.split_once("://") else { return false };
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    Authority::parse(origin).is_some_and(|origin| {
        origin.host.eq_ignore_ascii_case(here.host)
            && origin.port.unwrap_or(default) == here.port.unwrap_or(default)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(hosts: &[&str], origins: &[&'static str]) -> PageGuard {
        PageGuard {
            hosts: hosts.iter().map(ToString::to_string).collect(),
            origins: origins.iter().map(|it| HeaderValue::from_static(it)).collect(),
            any: origins.contains(&"*"),
        }
    }

    /// Returns true if the guard lets a request pass.
    fn passes(
        guard: &PageGuard,
        method: Method,
        host: &str,
        headers: &[(&'static str, &'static str)],
    ) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        guard.check(&method, &headers, Authority::parse(host)).is_ok()
    }

    #[test]
    fn only_names_of_this_machine_and_allowed_ones_are_hosts() {
        let guard = guard(&["arete.lan"], &[]);
        for host in [
            "localhost",
            "LOCALHOST:3000",
            "localhost.",
            "app.localhost:1",
            "127.0.0.1",
            "127.8.9.1:80",
            "[::1]:3000",
            "[::ffff:127.0.0.1]",
            "arete.lan",
            "Arete.Lan:8080",
        ] {
            assert!(passes(&guard, Method::GET, host, &[]), "{host}");
        }
        for host in [
            "evil.example",
            "notlocalhost",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "[::2]",
            "0.0.0.0",
            "x.arete.lan",
        ] {
            assert!(!passes(&guard, Method::GET, host, &[]), "{host}");
        }
    }

    #[test]
    fn a_page_needs_the_servers_own_origin_or_one_that_is_named() {
        let guard = guard(&[], &["https://app.example.com"]);
        for (origin, host, allowed) in [
            ("http://localhost:3000", "localhost:3000", true),
            ("http://localhost", "localhost:80", true),
            ("https://localhost", "localhost", true),
            ("https://app.example.com", "localhost:3000", true),
            ("http://localhost:3001", "localhost:3000", false),
            ("http://127.0.0.1:3000", "localhost:3000", false),
            ("https://evil.example", "localhost:3000", false),
            ("null", "localhost:3000", false),
        ] {
            for method in [Method::GET, Method::POST] {
                let passed = passes(&guard, method, host, &[("origin", origin)]);
                assert_eq!(passed, allowed, "{origin} at {host}");
            }
        }
    }

    #[test]
    fn a_page_of_another_site_changes_nothing_unless_it_is_named() {
        let page = ("origin", "https://app.example.com");
        let cross = ("sec-fetch-site", "cross-site");
        let near = ("sec-fetch-site", "same-site");
        for (origins, headers, method, allowed) in [
            (&["*"][..], &[page, cross][..], Method::GET, true),
            (&["*"], &[page, cross], Method::POST, false),
            (&["*"], &[page], Method::POST, false),
            (&["*"], &[page, near], Method::POST, true),
            (&["*", "https://app.example.com"], &[page, cross], Method::POST, true),
            (&["https://app.example.com"], &[page, cross], Method::DELETE, true),
            (&[], &[cross], Method::POST, false),
            (&[], &[cross], Method::GET, true),
            (&[], &[], Method::POST, true),
        ] {
            let passed = passes(&guard(&[], origins), method.clone(), "localhost", headers);
            assert_eq!(passed, allowed, "{origins:?} {headers:?} {method}");
        }
    }
}
