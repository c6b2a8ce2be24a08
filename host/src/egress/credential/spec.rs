//! Credentials as a provider's file grants them.

use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::digest::FieldHash;

/// A credential that is minted, or that signs.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The line of the provider's file that grants it, for those who have to mend it.
    pub line: usize,
    /// The kind of it.
    pub kind: CredentialKind,
}

/// A kind of credential.
#[derive(Debug, Clone)]
pub enum CredentialKind {
    /// A token by OAuth 2.0's client credentials, in `authorization`.
    OAuth2(OAuth2),
    /// A token of Google's for a service account, in `authorization`.
    GoogleServiceAccount(GoogleServiceAccount),
    /// Amazon's signature, version 4, over each request.
    AwsSigV4(AwsSigV4),
}

/// A token by OAuth 2.0's client credentials.
#[derive(Debug, Clone)]
pub struct OAuth2 {
    /// The address of the server that gives tokens.
    pub url: Url,
    /// The client's name and secret, where the server wants them outside of the form.
    pub auth: Option<ClientAuth>,
    /// The fields of the form, in order.
    pub form: Vec<(String, SecretString)>,
    /// True if the server's name may lead into the operator's network.
    pub private: bool,
}

/// A client's name and secret, sent as `authorization: Basic`.
#[derive(Debug, Clone)]
pub struct ClientAuth {
    /// The client's name.
    pub id: String,
    /// Its secret.
    pub secret: SecretString,
}

/// A token of Google's for a service account.
#[derive(Debug, Clone)]
pub struct GoogleServiceAccount {
    /// The source of the account's key.
    pub key: GoogleKey,
    /// The scope that is asked for.
    pub scope: String,
    /// The address of the server that gives tokens. A key that names another one isn't used.
    pub url: Url,
}

/// The source of a service account's key.
#[derive(Debug, Clone)]
pub enum GoogleKey {
    /// A file, read for each token.
    File(PathBuf),
    /// The content of such a file.
    Json(SecretString),
}

/// Amazon's signature over each request.
#[derive(Debug, Clone)]
pub struct AwsSigV4 {
    /// The region, as in `us-east-1`.
    pub region: String,
    /// The service's name in signatures, as in `bedrock`.
    pub service: String,
    /// The source of the keys.
    pub keys: AwsKeySource,
}

/// Keys of Amazon's.
#[derive(Debug, Clone)]
pub struct AwsKeys {
    /// The id of the key, which is no secret.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: SecretString,
    /// The token of keys that were minted.
    pub session_token: Option<SecretString>,
}

/// The source of keys of Amazon's.
#[derive(Debug, Clone)]
pub enum AwsKeySource {
    /// The operator gave them.
    Given(AwsKeys),
    /// A profile in the files that Amazon's tools share.
    Profile {
        /// The profile's name.
        name: String,
        /// The file of keys, and the file of settings.
        files: [PathBuf; 2],
    },
    /// A role, taken by a token that stands in a file.
    WebIdentity {
        /// The role's name.
        role_arn: String,
        /// The session's name, which Amazon logs.
        session_name: String,
        /// The file of the token.
        token_file: PathBuf,
        /// The address of the security token service.
        sts: Url,
    },
    /// The agent beside a container.
    Container {
        /// The address of the keys.
        url: Url,
        /// The token that the agent wants to see.
        token: Option<ContainerToken>,
    },
    /// The machine's metadata service.
    InstanceMetadata {
        /// Its address.
        endpoint: Url,
    },
}

/// The source of the token that a container's agent wants to see.
#[derive(Debug, Clone)]
pub enum ContainerToken {
    /// The operator gave it.
    Given(SecretString),
    /// A file, read for each request.
    File(PathBuf),
}

impl Credential {
    /// Returns the address that is asked for it, if one is, and whether its name may lead into the
    /// operator's network.
    pub(crate) fn minted_at(&self) -> Option<(&Url, bool)> {
        match &self.kind {
            CredentialKind::OAuth2(OAuth2 { url, private, .. }) => Some((url, *private)),
            CredentialKind::GoogleServiceAccount(google) => Some((&google.url, false)),
            CredentialKind::AwsSigV4(AwsSigV4 { keys, .. }) => match keys {
                AwsKeySource::WebIdentity { sts, .. } => Some((sts, false)),
                AwsKeySource::Container { url, .. } => Some((url, false)),
                AwsKeySource::InstanceMetadata { endpoint } => Some((endpoint, false)),
                AwsKeySource::Given(_) | AwsKeySource::Profile { .. } => None,
            },
        }
    }

    /// Returns the secrets that the file gives for it. What is minted comes later.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        match &self.kind {
            CredentialKind::OAuth2(OAuth2 { auth, form, .. }) => {
                let auth = auth.iter().map(|auth| &auth.secret);
                // A grant type and a scope are no secrets, and too much like words to be taken for
                // ones.
                auth.chain(form.iter().map(|(_, value)| value))
                    .map(ExposeSecret::expose_secret)
                    .collect()
            }
            // The key never leaves this process.
            CredentialKind::GoogleServiceAccount(_) => vec![],
            CredentialKind::AwsSigV4(AwsSigV4 { keys, .. }) => match keys {
                AwsKeySource::Given(keys) => keys.secrets(),
                AwsKeySource::Container { token: Some(ContainerToken::Given(token)), .. } => {
                    vec![token.expose_secret()]
                }
                AwsKeySource::Profile { .. }
                | AwsKeySource::WebIdentity { .. }
                | AwsKeySource::Container { .. }
                | AwsKeySource::InstanceMetadata { .. } => vec![],
            },
        }
    }

    /// Returns true if its secrets are of Amazon's making, and so no words whatever they look like.
    pub(crate) fn is_random(&self) -> bool {
        matches!(self.kind, CredentialKind::AwsSigV4(_))
    }

    /// Adds all of it to a hash.
    pub(crate) fn hash(&self, hash: &mut FieldHash) {
        hash.add(self.line.to_le_bytes());
        match &self.kind {
            CredentialKind::OAuth2(OAuth2 { url, auth, form, private }) => {
                hash.add("oauth2");
                hash.add(url.as_str());
                hash.add([u8::from(*private)]);
                if let Some(ClientAuth { id, secret }) = auth {
                    hash.add(id);
                    hash.add(secret.expose_secret());
                }
                for (name, value) in form {
                    hash.add(name);
                    hash.add(value.expose_secret());
                }
            }
            CredentialKind::GoogleServiceAccount(GoogleServiceAccount { key, scope, url }) => {
                hash.add("google");
                hash.add(url.as_str());
                hash.add(scope);
                match key {
                    GoogleKey::File(path) => hash.add(path.as_os_str().as_encoded_bytes()),
                    GoogleKey::Json(json) => hash.add(json.expose_secret()),
                }
            }
            CredentialKind::AwsSigV4(AwsSigV4 { region, service, keys }) => {
                hash.add("aws");
                hash.add(region);
                hash.add(service);
                keys.hash(hash);
            }
        }
    }
}

impl AwsKeys {
    /// Returns what of them is secret, and the id, which goes with it.
    pub(super) fn secrets(&self) -> Vec<&str> {
        let token = self.session_token.as_ref().map(ExposeSecret::expose_secret);
        let keys = [&*self.access_key_id, self.secret_access_key.expose_secret()];
        keys.into_iter().chain(token).collect()
    }
}

impl AwsKeySource {
    fn hash(&self, hash: &mut FieldHash) {
        match self {
            Self::Given(keys) => {
                hash.add("given");
                keys.secrets().into_iter().for_each(|part| hash.add(part));
            }
            Self::Profile { name, files } => {
                hash.add("profile");
                hash.add(name);
                files.iter().for_each(|file| hash.add(file.as_os_str().as_encoded_bytes()));
            }
            Self::WebIdentity { role_arn, session_name, token_file, sts } => {
                hash.add("web-identity");
                hash.add(role_arn);
                hash.add(session_name);
                hash.add(token_file.as_os_str().as_encoded_bytes());
                hash.add(sts.as_str());
            }
            Self::Container { url, token } => {
                hash.add("container");
                hash.add(url.as_str());
                match token {
                    None => {}
                    Some(ContainerToken::Given(token)) => hash.add(token.expose_secret()),
                    Some(ContainerToken::File(path)) => {
                        hash.add(path.as_os_str().as_encoded_bytes());
                    }
                }
            }
            Self::InstanceMetadata { endpoint } => {
                hash.add("imds");
                hash.add(endpoint.as_str());
            }
        }
    }
}

impl fmt::Display for Credential {
    /// Says what is attached, for those who read what a provider may do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            CredentialKind::OAuth2(_) | CredentialKind::GoogleServiceAccount(_) => {
                f.write_str("with a token")?;
            }
            CredentialKind::AwsSigV4(AwsSigV4 { region, service, .. }) => {
                write!(f, "signed for {service} in {region}")?;
            }
        }
        match self.minted_at() {
            Some((url, _)) => write!(f, ", minted at {}", url.origin().ascii_serialization()),
            None => Ok(()),
        }
    }
}
