//! A provider as its operator defined it: the component, its settings and grants, its limits.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::config::Limits;
use crate::digest::{FieldHash, Sha256Digest};
use crate::egress::Grant;

/// A provider, as the operator wants it.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The name callers use.
    pub id: Arc<str>,
    /// The component's source.
    pub component: Source,
    /// The SHA-256 that the component has to have, if the operator pinned it.
    pub pin: Option<Sha256Digest>,
    /// The settings that its `config` import returns.
    pub config: BTreeMap<String, String>,
    /// The origins that it may reach.
    pub grants: Arc<[Grant]>,
    /// Settings without which the provider can't answer. Calls are refused with them.
    pub missing: Option<MissingSettings>,
    /// The limits of one call.
    pub limits: Limits,
}

/// Variables that a provider's file names and that have no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingSettings {
    /// The provider's name.
    pub provider: Arc<str>,
    /// The variables' names, at least one.
    pub names: Vec<String>,
    /// True if the file is in the operator's folder, and so is read again when it is saved.
    pub in_folder: bool,
}

impl fmt::Display for MissingSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, names, in_folder } = self;
        let it = if names.len() == 1 { "it" } else { "them" };
        write!(f, "provider {provider} lacks {}: set {it} in ", names.join(" and "))?;
        match in_folder {
            true => {
                write!(f, ".env and save {provider}.toml again, or in the environment and restart")
            }
            false => f.write_str("the environment or in .env and restart"),
        }
    }
}

/// The source of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// From within this binary, under this name.
    Bundled(&'static str),
    /// From a file.
    File(PathBuf),
}

impl Definition {
    /// A provider that was given nothing.
    pub fn ungranted(id: &str, component: Source, limits: &Limits) -> Self {
        Self {
            id: id.into(),
            component,
            pin: None,
            config: BTreeMap::new(),
            grants: Arc::from([]),
            missing: None,
            limits: limits.clone(),
        }
    }

    /// Over all settings and origins: what an answer may depend on beside the question. Credentials
    /// are left out; they change who pays, not what is said.
    pub fn config_digest(&self) -> Sha256Digest {
        let mut hash = FieldHash::default();
        self.hash_config(&mut hash);
        hash.finish()
    }

    /// Over everything: what has changed if this has.
    pub fn fingerprint(&self) -> Sha256Digest {
        // Taken apart so that a field that is forgotten here doesn't compile.
        let Self { id, component, pin, config: _, grants, missing, limits } = self;
        let mut hash = FieldHash::default();
        hash.add(&**id);
        hash.add(match component {
            Source::Bundled(name) => name.as_bytes(),
            Source::File(path) => path.as_os_str().as_encoded_bytes(),
        });
        hash.add(pin.map(|pin| pin.0).unwrap_or_default());
        self.hash_config(&mut hash);
        for Grant { origin: _, headers, private, endpoints: _, query, credential } in &**grants {
            hash.add([u8::from(*private)]);
            let headers = headers.iter().map(|(name, value)| (name.as_str(), value));
            let query = query.iter().map(|(name, value)| (&**name, value));
            for added in [headers.collect::<Vec<_>>(), query.collect()] {
                for (name, value) in added {
                    hash.add(name);
                    hash.add(value.expose_secret());
                }
                hash.add("");
            }
            if let Some(credential) = credential {
                credential.hash(&mut hash);
            }
            hash.add("");
        }
        hash.add(missing.as_ref().map(MissingSettings::to_string).unwrap_or_default());
        hash.add(format!("{limits:?}"));
        hash.finish()
    }

    fn hash_config(&self, hash: &mut FieldHash) {
        for (key, value) in &self.config {
            hash.add(key);
            hash.add(value);
        }
        hash.add("");
        for grant in &*self.grants {
            hash.add(grant.origin.ascii_serialization());
            grant.endpoints.hash(hash);
        }
        hash.add("");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderName;
    use secrecy::SecretString;
    use url::Url;

    use super::*;
    use crate::config::Limit;
    use crate::egress::{Credential, CredentialKind, OAuth2, PathPattern};

    fn grant(origin: &str, key: &str) -> Grant {
        Grant {
            headers: vec![(HeaderName::from_static("x-api-key"), SecretString::from(key))],
            ..Grant::of(Url::parse(origin).unwrap().origin())
        }
    }

    fn definition() -> Definition {
        Definition {
            config: BTreeMap::from([("model".to_owned(), "m".to_owned())]),
            grants: Arc::from([grant("https://api.example.com", "sk-1")]),
            ..Definition::ungranted("a", Source::Bundled("claude"), &Limits::default())
        }
    }

    /// The same definition, changed in one field each: what changes the completions, and what
    /// doesn't.
    fn changed() -> [(&'static str, bool, Definition); 13] {
        let a = definition;
        let mut limits = Limits::default();
        limits.set(Limit::Timeout, 1_000);
        assert_eq!(limits.timeout(), Duration::from_secs(1));
        let names = vec!["KEY".to_owned()];
        let missing = MissingSettings { provider: "a".into(), names, in_folder: true };
        let config = BTreeMap::from([("model".to_owned(), "n".to_owned())]);
        let mut private = grant("https://api.example.com", "sk-1");
        private.private = true;
        let mut paths = grant("https://api.example.com", "sk-1");
        paths.endpoints.paths = Some(vec![PathPattern::parse("/v1").unwrap()]);
        let mut methods = grant("https://api.example.com", "sk-1");
        methods.endpoints.methods = Some(vec![http::Method::POST]);
        let mut query = grant("https://api.example.com", "sk-1");
        query.query = vec![("key".to_owned(), SecretString::from("k"))];
        let mut token = grant("https://api.example.com", "sk-1");
        let url = Url::parse("https://login.example.com").unwrap();
        let oauth2 = OAuth2 { url, auth: None, form: vec![], private: false };
        token.credential = Some(Credential { line: 1, kind: CredentialKind::OAuth2(oauth2) });
        [
            ("id", false, Definition { id: "b".into(), ..a() }),
            ("component", false, Definition { component: Source::Bundled("echo"), ..a() }),
            ("pin", false, Definition { pin: Some(Sha256Digest([1; 32])), ..a() }),
            ("config", true, Definition { config, ..a() }),
            (
                "origin",
                true,
                Definition { grants: Arc::from([grant("https://b.example", "sk-1")]), ..a() },
            ),
            (
                "credential",
                false,
                Definition { grants: Arc::from([grant("https://api.example.com", "sk-2")]), ..a() },
            ),
            ("private", false, Definition { grants: Arc::from([private]), ..a() }),
            ("paths", true, Definition { grants: Arc::from([paths]), ..a() }),
            ("methods", true, Definition { grants: Arc::from([methods]), ..a() }),
            ("query", false, Definition { grants: Arc::from([query]), ..a() }),
            ("token", false, Definition { grants: Arc::from([token]), ..a() }),
            ("missing", false, Definition { missing: Some(missing), ..a() }),
            ("limits", false, Definition { limits, ..a() }),
        ]
    }

    #[test]
    fn every_change_of_a_definition_is_seen() {
        let before = definition().fingerprint();
        assert_eq!(definition().fingerprint(), before, "it doesn't depend on the moment");
        for (field, _, changed) in changed() {
            assert_ne!(changed.fingerprint(), before, "{field}");
        }
    }

    #[test]
    fn kept_completions_depend_on_settings_and_origins_and_not_on_credentials_or_limits() {
        let before = definition().config_digest();
        for (field, changes, changed) in changed() {
            assert_eq!(changed.config_digest() != before, changes, "{field}");
        }
    }

    #[test]
    fn a_missing_setting_says_where_it_is_set() {
        let missing = |names: &[&str], in_folder| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            MissingSettings { provider: "groq".into(), names, in_folder }.to_string()
        };
        assert_eq!(
            missing(&["A_KEY"], false),
            "provider groq lacks A_KEY: set it in the environment or in .env and restart"
        );
        assert_eq!(
            missing(&["A_KEY", "REGION"], true),
            "provider groq lacks A_KEY and REGION: set them in .env and save groq.toml again, or in the environment and \
             restart"
        );
    }
}
