//! Tokens of Google's for a service account: an assertion, signed with the account's key, is
//! exchanged for a token (RFC 7523). The key never leaves this process.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header;
use jiff::Timestamp;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;

use super::exchange::{form, read_file};
use super::minted::{Fresh, Tools};
use super::oauth2::{Token, token};
use super::spec::{GoogleKey, GoogleServiceAccount};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The time for which an assertion holds, in seconds: the longest that Google takes.
const ASSERTION_LIFE: i64 = 3_600;

/// Asks for a token.
pub(super) async fn mint(
    google: &GoogleServiceAccount,
    tools: &Tools,
) -> Result<Fresh<Token>, String> {
    let GoogleServiceAccount { key, scope, url } = google;
    let json = match key {
        GoogleKey::File(path) => read_file(path).await?,
        GoogleKey::Json(json) => json.expose_secret().to_owned(),
    };
    let account = Account::read(&json, url.as_str())?;
    let assertion = account.assertion(scope, url.as_str(), (tools.clock)())?;
    let fields = [("grant_type", GRANT), ("assertion", &*assertion)];
    let answer = form(url, &[(header::ACCEPT, "application/json")], fields)?;
    token(&tools.exchange.ask_for(answer).await?)
}

/// The part of a key's file that is read.
#[derive(Deserialize)]
struct Account {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key: String,
    private_key_id: Option<String>,
    token_uri: Option<String>,
}

impl Account {
    /// Reads a key's file. No message shows any of it.
    fn read(json: &str, url: &str) -> Result<Self, String> {
        let account: Self = serde_json::from_str(json)
            .map_err(|_| "the key isn't the JSON of a Google service account".to_owned())?;
        if account.kind != "service_account" {
            return Err(
                "the key is of another type than \"service_account\", and only such a key signs"
                    .into(),
            );
        }
        if account.client_email.is_empty() || account.private_key.is_empty() {
            return Err("the key has no client_email or no private_key".into());
        }
        // Whoever wrote the key doesn't say where the assertion goes; the operator does.
        if account.token_uri.as_deref().is_some_and(|named| named != url) {
            return Err(format!(
                "the key's token_uri isn't {url}; if it is right, write it as url in the provider's file"
            ));
        }
        Ok(account)
    }

    /// Returns a JWT that says who wants a token for what, signed by RS256.
    fn assertion(&self, scope: &str, audience: &str, now: Timestamp) -> Result<String, String> {
        let now = now.as_second();
        let mut head = json!({ "alg": "RS256", "typ": "JWT" });
        if let (Some(id), Some(head)) = (&self.private_key_id, head.as_object_mut()) {
            head.insert("kid".into(), id.as_str().into());
        }
        let claims = json!({
            "iss": self.client_email,
            "scope": scope,
            "aud": audience,
            "iat": now,
            "exp": now.saturating_add(ASSERTION_LIFE),
        });
        let part = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&head), part(&claims));

        let unreadable = || "its private_key isn't an RSA key in PEM".to_owned();
        let key = PrivateKeyDer::from_pem_slice(self.private_key.as_bytes());
        let key = match key.map_err(|_| unreadable())? {
            PrivateKeyDer::Pkcs8(key) => KeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => KeyPair::from_der(key.secret_pkcs1_der()),
            _ => return Err(unreadable()),
        };
        let key = key.map_err(|_| unreadable())?;
        let mut signature = vec![0; key.public_modulus_len()];
        let random = SystemRandom::new();
        key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature)
            .map_err(|_| "its private_key can't sign".to_owned())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[cfg(test)]
pub(in crate::egress) mod tests;
