//! Keys of Amazon's, from where the operator says.

use jiff::SignedDuration;

use super::minted::{Fresh, Mint, Tools};
use super::spec::{AwsKeySource, AwsKeys};
use super::{container, instance_metadata, profile, web_identity};

/// The longest key or token. Larger headers are refused.
const PART_MAX: usize = 16 << 10;
/// The time after which given keys are looked at anew: they can't change.
const GIVEN_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// A source of keys.
pub(super) struct AwsMint(pub(super) AwsKeySource);

impl Mint for AwsMint {
    type Credential = AwsKeys;

    async fn mint(&self, tools: &Tools) -> Result<Fresh<AwsKeys>, String> {
        let fresh = match &self.0 {
            AwsKeySource::Given(keys) => Fresh { credential: keys.clone(), life: GIVEN_LIFE },
            AwsKeySource::Profile { name, files } => profile::read(name, files).await?,
            AwsKeySource::WebIdentity { role_arn, session_name, token_file, sts } => {
                web_identity::mint(role_arn, session_name, token_file, sts, tools).await?
            }
            AwsKeySource::Container { url, token } => {
                container::mint(url, token.as_ref(), tools).await?
            }
            AwsKeySource::InstanceMetadata { endpoint } => {
                instance_metadata::mint(endpoint, tools).await?
            }
        };
        let unfit = |part: &&str| {
            PART_MAX < part.len() || !part.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if fresh.credential.secrets().iter().any(unfit) {
            return Err("a key can't stand in an HTTP header".into());
        }
        Ok(fresh)
    }

    fn can_change(&self) -> bool {
        !matches!(self.0, AwsKeySource::Given(_))
    }

    fn secrets(keys: &AwsKeys) -> Vec<&str> {
        keys.secrets()
    }
}
