//! Who gets in: a request carries one of the operator's keys, or ends here, before anybody looks at
//! its body.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::config::ApiKey;
use crate::error::{Code, Problem};
use crate::routes::Caller;

/// The keys that open the door, as hashes. None: anybody may come in, and only this machine can
/// reach the door.
pub struct Keys(Vec<Key>);

struct Key {
    name: Arc<str>,
    hash: [u8; 32],
}

impl Keys {
    /// Keeps hashes only.
    pub fn new(keys: &[ApiKey]) -> Self {
        let hashed = |key: &ApiKey| Key {
            name: key.name.as_str().into(),
            hash: hash(key.key.expose_secret()),
        };
        Self(keys.iter().map(hashed).collect())
    }

    /// The caller who has this key. Compares with every key to its end, so that the time tells
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

/// What wants no key: whether the server lives, and how it is spoken to. All else does, also what
/// isn't there.
pub(crate) fn is_open(path: &str) -> bool {
    matches!(
        path,
        "/api/health" | "/api/health/live" | "/api/health/ready" | "/api/openapi.json" | "/docs"
    ) || path.starts_with("/docs/")
}

/// Who calls, if they may.
///
/// # Errors
/// A 401 for who brings no key, or a wrong one.
pub(crate) fn caller(keys: &Keys, headers: &HeaderMap) -> Result<Caller, Problem> {
    if keys.0.is_empty() {
        return Ok(Caller::default());
    }
    let Some(name) = presented(headers).and_then(|key| keys.caller(key)) else {
        let detail =
            "send a key of this server as authorization: Bearer <key>, or as x-api-key: <key>";
        let challenge = HeaderValue::from_static("Bearer");
        return Err(
            Problem::new(Code::Unauthorized, detail).header(header::WWW_AUTHENTICATE, challenge)
        );
    };
    Ok(Caller { name: Some(name) })
}

fn presented(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    bearer.or_else(|| headers.get("x-api-key")?.to_str().ok())
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;

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
