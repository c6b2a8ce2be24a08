//! Callers: a request carries one of the operator's keys, or ends here, before its body is read.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::problem::Problem;
use crate::config::ApiKey;

/// The caller of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    /// The name of the key; none while the server has no keys.
    pub(crate) name: Option<Arc<str>>,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    /// Takes the caller that the front has found. A request without one has come by another way,
    /// and is refused.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Problem::internal("a handler was reached without a caller"))
    }
}

/// The keys that open the door, as hashes. Without any, requests need none, and the server only
/// listens to this machine.
pub(super) struct Keys(Vec<Key>);

struct Key {
    name: Arc<str>,
    hash: [u8; 32],
}

impl Keys {
    /// Takes the hashes of these keys.
    pub(super) fn new(keys: &[ApiKey]) -> Self {
        let hashed = |key: &ApiKey| Key {
            name: key.name.as_str().into(),
            hash: hash(key.key.expose_secret()),
        };
        Self(keys.iter().map(hashed).collect())
    }

    /// Returns the name of this key. Compares with every key to its end, so that the time tells
    /// nothing.
    fn caller(&self, presented: &str) -> Option<Arc<str>> {
        let presented = hash(presented);
        let mut found = None;
        for key in &self.0 {
            let equal: Choice = key.hash.ct_eq(&presented);
            if bool::from(equal) {
                found = Some(key.name.clone());
            }
        }
        found
    }
}

/// Returns true for the paths of the server's health, which always answer.
pub(super) fn is_health(path: &str) -> bool {
    matches!(path, "/api/health" | "/api/health/live" | "/api/health/ready")
}

/// Returns true for paths that need no key: those that tell of the server's health and its API.
/// All others do, also those without a route.
fn is_open(path: &str) -> bool {
    is_health(path) || matches!(path, "/api/openapi.json" | "/docs") || path.starts_with("/docs/")
}

/// Returns the caller of a request.
///
/// # Errors
/// A 401 for a request without a key, or with a wrong one.
pub(super) fn caller(keys: &Keys, path: &str, headers: &HeaderMap) -> Result<Caller, Problem> {
    if keys.0.is_empty() || is_open(path) {
        return Ok(Caller::default());
    }
    let name = presented(headers).into_iter().flatten().find_map(|key| keys.caller(key));
    name.map(|name| Caller { name: Some(name) }).ok_or_else(Problem::unauthorized)
}

/// Returns the keys that a request brings. Some clients bring a login of their own in one header and
/// this server's key in another, so each of them may open.
fn presented(headers: &HeaderMap) -> [Option<&str>; 3] {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    let plain = |name| headers.get(name)?.to_str().ok();
    [bearer, plain("x-api-key"), plain("x-goog-api-key")]
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_health_and_the_description_are_open() {
        for path in ["/api/health", "/api/health/live", "/api/openapi.json", "/docs", "/docs/x.css"]
        {
            assert!(is_open(path), "{path}");
        }
        for path in ["/", "/api", "/api/health/x", "/api/llm/chat", "/docsx", "/api/users"] {
            assert!(!is_open(path), "{path}");
        }
    }

    #[test]
    fn any_of_the_headers_opens() {
        let keys = Keys::new(&[ApiKey { name: "a".into(), key: "0123456789abcdef".into() }]);
        for (bearer, api_key, google) in [
            ("Bearer 0123456789abcdef", "", ""),
            ("Bearer a-login-of-another", "0123456789abcdef", ""),
            ("Bearer 0123456789abcdef", "wrong", "wrong"),
            ("Basic x", "", "0123456789abcdef"),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in
                [("authorization", bearer), ("x-api-key", api_key), ("x-goog-api-key", google)]
            {
                headers.insert(name, http::HeaderValue::from_static(value));
            }
            assert!(caller(&keys, "/v1/messages", &headers).is_ok(), "{headers:?}");
            headers.clear();
            assert!(caller(&keys, "/v1/messages", &headers).is_err());
        }
    }

    #[test]
    fn only_a_whole_key_opens_and_says_whose_it_is() {
        let key = |name: &str, key: &str| ApiKey { name: name.into(), key: key.into() };
        let keys = Keys::new(&[key("a", "0123456789abcdef"), key("b", "fedcba9876543210")]);
        assert_eq!(keys.caller("fedcba9876543210").as_deref(), Some("b"));
        for wrong in ["", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF"] {
            assert_eq!(keys.caller(wrong), None, "{wrong:?}");
        }
    }
}
