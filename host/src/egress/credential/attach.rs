//! The last step before a request goes out: a token is put into it, or it is signed.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, header};
use secrecy::ExposeSecret;

use super::aws::AwsMint;
use super::google;
use super::minted::{Fresh, Lease, Mint, MintFailed, Minted, Tools};
use super::oauth2::{self, Token};
use super::sigv4::{self, Scope};
use super::spec::{AwsKeys, AwsSigV4, Credential, CredentialKind, GoogleServiceAccount, OAuth2};

/// The header in which Amazon's services name the error that they answer.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// Statuses by which vendors refuse a credential.
const BAD_REQUEST: u16 = 400;
const UNAUTHORIZED: u16 = 401;
const FORBIDDEN: u16 = 403;
/// Errors of Amazon's that mean the keys, and not what they may do.
const KEYS_REFUSED: [&str; 4] = [
    "ExpiredToken",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "UnrecognizedClientException",
];

/// A grant's credential, ready for use.
pub(in crate::egress) struct ReadyCredential {
    line: usize,
    way: Way,
}

enum Way {
    Token(Minted<TokenMint>),
    Signature(Signer),
}

struct Signer {
    region: String,
    service: String,
    keys: Minted<AwsMint>,
}

/// The token or the signature that a request is sent with.
pub(in crate::egress) struct Attached<'a>(With<'a>);

enum With<'a> {
    /// A token.
    Token(&'a Minted<TokenMint>, Arc<Lease<Token>>),
    /// A signature, and the keys for it.
    Signature(&'a Signer, Arc<Lease<AwsKeys>>),
}

/// A source of tokens.
enum TokenMint {
    OAuth2(OAuth2),
    Google(GoogleServiceAccount),
}

impl Mint for TokenMint {
    type Credential = Token;

    async fn mint(&self, tools: &Tools) -> Result<Fresh<Token>, String> {
        match self {
            Self::OAuth2(oauth2) => oauth2::mint(oauth2, tools).await,
            Self::Google(google) => google::mint(google, tools).await,
        }
    }

    fn secrets(token: &Token) -> Vec<&str> {
        vec![token.secret.expose_secret()]
    }
}

impl ReadyCredential {
    pub(in crate::egress) fn new(credential: &Credential, tools: Tools) -> Self {
        let way = match credential.kind.clone() {
            CredentialKind::OAuth2(oauth2) => {
                Way::Token(Minted::new(TokenMint::OAuth2(oauth2), tools))
            }
            CredentialKind::GoogleServiceAccount(google) => {
                Way::Token(Minted::new(TokenMint::Google(google), tools))
            }
            CredentialKind::AwsSigV4(AwsSigV4 { region, service, keys }) => {
                Way::Signature(Signer { region, service, keys: Minted::new(AwsMint(keys), tools) })
            }
        };
        Self { line: credential.line, way }
    }

    /// Returns the line of the provider's file that grants it.
    pub(in crate::egress) fn line(&self) -> usize {
        self.line
    }

    /// Returns true if it signs.
    pub(in crate::egress) fn signs(&self) -> bool {
        matches!(self.way, Way::Signature(_))
    }

    /// Returns what a request is to be sent with, minting it if need be.
    pub(in crate::egress) async fn get(&self) -> Result<Attached<'_>, MintFailed> {
        match &self.way {
            Way::Token(tokens) => Ok(Attached(With::Token(tokens, tokens.get().await?))),
            Way::Signature(signer) => {
                Ok(Attached(With::Signature(signer, signer.keys.get().await?)))
            }
        }
    }
}

impl Attached<'_> {
    /// Returns what the request is to be sent with once more, because the answer refuses this;
    /// nothing if it doesn't, or if there is nothing else.
    pub(in crate::egress) async fn after(&self, status: u16, headers: &HeaderMap) -> Option<Self> {
        match &self.0 {
            With::Token(tokens, sent) if status == UNAUTHORIZED => {
                Some(Self(With::Token(tokens, tokens.after_refusal(sent).await?)))
            }
            With::Signature(signer, sent) if refuses_keys(status, headers) => {
                Some(Self(With::Signature(signer, signer.keys.after_refusal(sent).await?)))
            }
            With::Token(..) | With::Signature(..) => None,
        }
    }

    /// Puts it into a request that is otherwise as it goes out.
    pub(in crate::egress) fn put_into(
        &self,
        request: &mut Request<Bytes>,
    ) -> Result<(), MintFailed> {
        match &self.0 {
            With::Token(_, lease) => {
                let header = lease.credential.header.clone();
                request.headers_mut().insert(header::AUTHORIZATION, header);
                Ok(())
            }
            With::Signature(Signer { region, service, keys }, lease) => {
                let now = (keys.tools().clock)();
                let scope = Scope { region, service };
                sigv4::sign(request, &scope, &lease.credential, now).map_err(|_| MintFailed)
            }
        }
    }
}

/// Returns true if Amazon doesn't take the keys. A 403 by itself says that they may not do this.
fn refuses_keys(status: u16, headers: &HeaderMap) -> bool {
    let kind = headers.get(ERROR_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    status == UNAUTHORIZED
        || (matches!(status, FORBIDDEN | BAD_REQUEST)
            && KEYS_REFUSED.iter().any(|refused| kind.starts_with(refused)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_that_lacks_isnt_a_key_that_is_refused() {
        let refuses = |status: u16, kind: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ERROR_TYPE, kind.parse().unwrap());
            refuses_keys(status, &headers)
        };
        assert!(refuses(401, "") && refuses(403, "ExpiredTokenException:http://internal/"));
        assert!(refuses(403, "UnrecognizedClientException") && refuses(400, "ExpiredToken"));
        assert!(!refuses(403, "AccessDeniedException") && !refuses(429, "ExpiredToken"));
    }
}
