//! Keys of Amazon's as its services give them: in JSON, or in the XML of the security token
//! service.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::minted::Fresh;
use super::spec::AwsKeys;

/// The life of keys whose giver doesn't say how long they live.
pub(super) const UNTOLD_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// Keys, as agents and metadata services write them.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Keys {
    code: Option<String>,
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<String>,
}

/// Reads keys in JSON. No message shows any of them.
pub(super) fn json(body: &[u8], now: Timestamp) -> Result<Fresh<AwsKeys>, String> {
    let keys: Keys = serde_json::from_slice(body)
        .map_err(|_| "the answer isn't JSON with keys of AWS".to_owned())?;
    if keys.code.as_deref().is_some_and(|code| code != "Success") {
        return Err("the answer says that there are no keys now".into());
    }
    keys.fresh(now)
}

/// Reads keys in XML, whose elements have no attributes and hold nothing that is escaped.
pub(super) fn xml(body: &[u8], now: Timestamp) -> Result<Fresh<AwsKeys>, String> {
    let text = String::from_utf8_lossy(body);
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (content, _) = rest.split_once(&format!("</{name}>"))?;
        Some(content.trim().to_owned())
    };
    Keys {
        code: None,
        access_key_id: element("AccessKeyId").unwrap_or_default(),
        secret_access_key: element("SecretAccessKey").unwrap_or_default(),
        token: element("SessionToken"),
        expiration: element("Expiration"),
    }
    .fresh(now)
}

impl Keys {
    fn fresh(self, now: Timestamp) -> Result<Fresh<AwsKeys>, String> {
        let Self { code: _, access_key_id, secret_access_key, token, expiration } = self;
        if access_key_id.is_empty() || secret_access_key.is_empty() {
            return Err("the answer has no AccessKeyId or no SecretAccessKey".into());
        }
        let expires = match expiration {
            None => None,
            Some(text) => {
                let time = text.parse::<Timestamp>();
                Some(time.map_err(|_| "the Expiration in the answer is no time".to_owned())?)
            }
        };
        let life = expires.map_or(UNTOLD_LIFE, |expires| expires.duration_since(now));
        if life <= SignedDuration::ZERO {
            return Err(
                "the keys in the answer have expired, or this machine's clock is wrong".into()
            );
        }
        let credential = AwsKeys {
            access_key_id,
            secret_access_key: secret_access_key.into(),
            session_token: token.filter(|token| !token.is_empty()).map(Into::into),
        };
        Ok(Fresh { credential, life })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    #[test]
    fn keys_are_read_in_either_form() {
        let end = "2027-01-15T09:00:00Z";
        let given = format!(
            r#"{{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"ASIA1","SecretAccessKey":"s/+=","Token":"t","Expiration":"{end}"}}"#
        );
        let xml_given = format!(
            "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">
               <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA1</AccessKeyId>
               <SecretAccessKey>s/+=</SecretAccessKey><SessionToken>t</SessionToken>
               <Expiration>{end}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
             </AssumeRoleWithWebIdentityResponse>"
        );
        for fresh in [json(given.as_bytes(), NOW), xml(xml_given.as_bytes(), NOW)] {
            let Fresh { credential, life } = fresh.unwrap();
            assert_eq!(credential.access_key_id, "ASIA1");
            assert_eq!(credential.secret_access_key.expose_secret(), "s/+=");
            assert_eq!(credential.session_token.unwrap().expose_secret(), "t");
            assert_eq!(life, SignedDuration::from_hours(1));
        }
    }

    #[test]
    fn an_answer_without_good_keys_is_told_without_its_words() {
        let keys =
            |rest: &str| format!(r#"{{"AccessKeyId":"A","SecretAccessKey":"marker"{rest}}}"#);
        for answer in [
            "marker".to_owned(),
            r#"{"Code":"Failed","Message":"marker"}"#.to_owned(),
            r#"{"AccessKeyId":"marker"}"#.to_owned(),
            keys(r#","Expiration":"marker""#),
            keys(r#","Expiration":"2020-01-01T00:00:00Z""#),
        ] {
            let problem = json(answer.as_bytes(), NOW).err().unwrap();
            assert!(!problem.contains("marker"), "{answer}: {problem}");
        }
        assert!(xml(b"<ErrorResponse/>", NOW).is_err());
        assert_eq!(json(keys("").as_bytes(), NOW).ok().unwrap().life, UNTOLD_LIFE);
    }
}
