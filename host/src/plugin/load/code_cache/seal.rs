//! The names of compiled code, by which it is known to be ours.
//!
//! A file is called `<component>-<engine>-<seal>.cwasm`. The component's SHA-256 and the hash of
//! everything in the engine that decides about its code say what the file is for. The seal is a
//! hash over both, over the code and over a key that only this installation has: a file that was
//! cut off, changed, renamed or made elsewhere doesn't have the right one.

use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};
use wasmtime::Engine;

use crate::digest::{Hex, Sha256Digest};

/// Comes first in each seal. To be raised when what a file holds changes its meaning.
const DOMAIN: &[u8] = b"arete code 1";
/// The number of bytes of the engine's hash in a name. It needn't withstand anybody: the seal holds
/// all of it.
const ENGINE_BYTES: usize = 8;
const EXTENSION: &str = ".cwasm";

/// The identity of code: its component, and the engine it is for.
#[derive(Clone)]
pub(super) struct CodeId {
    component: [u8; 32],
    engine: [u8; 32],
}

impl CodeId {
    /// The code of a component for this engine: its version, its settings and this machine's
    /// processor.
    pub(super) fn new(engine: &Engine, component: &Sha256Digest) -> Self {
        let mut hash = Collect(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hash);
        Self { component: component.0, engine: hash.0.finalize().into() }
    }

    /// Returns the beginning of the names of all files for this code.
    pub(super) fn prefix(&self) -> String {
        let engine = self.engine.first_chunk::<ENGINE_BYTES>().unwrap_or(&[0; ENGINE_BYTES]);
        format!("{}-{}-", Hex(&self.component), Hex(engine))
    }
}

/// The key of this installation.
pub(super) struct SealKey(pub(super) [u8; 32]);

impl SealKey {
    /// The name of the file that holds this code, given the code's SHA-256.
    ///
    /// Everything hashed has a fixed length, so a hash that begins with the key is as good as an
    /// HMAC.
    pub(super) fn file_name(&self, id: &CodeId, code: &[u8; 32]) -> String {
        let mut seal = Sha256::new();
        for part in [DOMAIN, &self.0, &id.component, &id.engine, code] {
            seal.update(part);
        }
        let seal: [u8; 32] = seal.finalize().into();
        format!("{}{}{EXTENSION}", id.prefix(), Hex(&seal))
    }
}

/// Returns true if a file is called as code is. Others in the folder are nobody's business.
pub(super) fn is_code(name: &str) -> bool {
    let hex = |part: &str, bytes: usize| {
        part.len() == 2 * bytes && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let parts: Option<Vec<&str>> =
        name.strip_suffix(EXTENSION).map(|name| name.split('-').collect());
    matches!(parts.as_deref(), Some([component, engine, seal])
        if hex(component, 32) && hex(engine, ENGINE_BYTES) && hex(seal, 32))
}

/// Takes what is to be hashed into a hash that is the same in every process.
struct Collect(Sha256);

impl Hasher for Collect {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
