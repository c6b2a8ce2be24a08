//! Credentials that no fixed header can hold: a token that is minted from time to time, and a
//! signature over each request. The host attaches them last, behind every check; guests see
//! nothing of them, and minted ones are taken out of what comes back like granted ones.

mod attach;
mod aws;
mod aws_answer;
mod container;
mod exchange;
mod google;
mod instance_metadata;
mod minted;
mod oauth2;
mod profile;
mod query;
mod sigv4;
mod spec;
mod web_identity;

pub(super) use self::attach::ReadyCredential;
pub(super) use self::exchange::Exchange;
#[cfg(test)]
pub(super) use self::google::tests as google_tests;
pub(super) use self::minted::{Clock, MintFailed, Tools};
pub(super) use self::query::{attach as attach_query, is_credential_parameter};
pub use self::spec::{
    AwsKeySource, AwsKeys, AwsSigV4, ClientAuth, ContainerToken, Credential, CredentialKind,
    GoogleKey, GoogleServiceAccount, OAuth2,
};
