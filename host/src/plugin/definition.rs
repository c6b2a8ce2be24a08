//! What an operator defined: which component, what it is given, and what it may use.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::outbound::Grant;
use crate::config::Limits;

/// A provider, as the operator wants it.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The name callers use.
    pub id: Arc<str>,
    /// Where the component comes from.
    pub component: Source,
    /// What the component's SHA-256 has to be, if the operator pinned it.
    pub pin: Option<Sha256Digest>,
    /// What its `config` import answers.
    pub config: BTreeMap<String, String>,
    /// What it may reach.
    pub grants: Arc<[Grant]>,
    /// What the operator has to set before the provider can answer, as a sentence. Calls are
    /// refused with it.
    pub missing: Option<String>,
    /// What one call may use.
    pub limits: Limits,
}

/// Where a component comes from.
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
        let mut hash = Hash::default();
        self.hash_config(&mut hash);
        hash.done()
    }

    /// Over everything: what has changed if this has.
    pub fn fingerprint(&self) -> Sha256Digest {
        // Taken apart so that a field that is forgotten here doesn't compile.
        let Self { id, component, pin, config: _, grants, missing, limits } = self;
        let mut hash = Hash::default();
        hash.add(&**id);
        hash.add(match component {
            Source::Bundled(name) => name.as_bytes(),
            Source::File(path) => path.as_os_str().as_encoded_bytes(),
        });
        hash.add(pin.map(|pin| pin.0).unwrap_or_default());
        self.hash_config(&mut hash);
        for Grant { origin: _, headers, private } in &**grants {
            hash.add([u8::from(*private)]);
            for (name, value) in headers {
                hash.add(name.as_str());
                hash.add(value.expose_secret());
            }
            hash.add("");
        }
        hash.add(missing.as_deref().unwrap_or_default());
        hash.add(format!("{limits:?}"));
        hash.done()
    }

    fn hash_config(&self, hash: &mut Hash) {
        for (key, value) in &self.config {
            hash.add(key);
            hash.add(value);
        }
        hash.add("");
        self.grants.iter().for_each(|grant| hash.add(grant.origin.ascii_serialization()));
        hash.add("");
    }
}

/// A hash of several things, none of which can pass for two.
#[derive(Default)]
struct Hash(Sha256);

impl Hash {
    fn add(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn done(self) -> Sha256Digest {
        Sha256Digest(self.0.finalize().into())
    }
}

/// The SHA-256 of something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, std::hash::Hash)]
pub struct Sha256Digest(pub [u8; 32]);

impl Sha256Digest {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// From 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
