//! An answer as it is kept: with its times, and on disk with a seal that shows whether it is whole.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::chat::key::Key;
use crate::contract::{Completion, size};

/// How entries are written on disk. To be raised when that changes; others are misses.
const FORMAT: u8 = 1;
/// Format, seal, and the two times.
const HEAD_BYTES: usize = 1 + SEAL_BYTES + 8 + 8;
const SEAL_BYTES: usize = 8;
/// What an entry takes in memory beside its texts: itself, its key, and the cache's own records of
/// both.
const ENTRY_BYTES: usize = 512;
/// How far ahead of ours the clock may have been that an entry was stored by.
const CLOCK_SKEW_MS: u64 = 60_000;

/// An answer that is kept. Times are milliseconds since 1970.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) completion: Arc<Completion>,
    pub(super) stored_at: u64,
    pub(super) expires_at: u64,
}

impl Entry {
    /// Whether it may be served. One that comes from the future was stored while the clock was
    /// wrong, so when it expires isn't known.
    pub(super) fn is_fresh(&self, now_ms: u64) -> bool {
        now_ms < self.expires_at && self.stored_at <= now_ms.saturating_add(CLOCK_SKEW_MS)
    }

    /// As bytes for the disk. The answer is in JSON, by the same derives that the contract's types
    /// have.
    pub(super) fn encode(&self, key: &Key) -> serde_json::Result<Vec<u8>> {
        let mut bytes = vec![0; HEAD_BYTES];
        serde_json::to_writer(&mut bytes, &*self.completion)?;
        let (head, _) = bytes.split_at_mut(HEAD_BYTES);
        let (times, seal_end) = (&mut head[1 + SEAL_BYTES..], 1 + SEAL_BYTES);
        times[..8].copy_from_slice(&self.stored_at.to_le_bytes());
        times[8..].copy_from_slice(&self.expires_at.to_le_bytes());
        let seal = seal(key, &bytes[seal_end..]);
        bytes[0] = FORMAT;
        bytes[1..seal_end].copy_from_slice(&seal);
        Ok(bytes)
    }

    /// From such bytes; nothing if they aren't exactly what was written under this key.
    pub(super) fn decode(key: &Key, bytes: &[u8]) -> Option<Self> {
        let (format, rest) = bytes.split_first()?;
        let (sealed, rest) = rest.split_first_chunk::<SEAL_BYTES>()?;
        if *format != FORMAT || *sealed != seal(key, rest) {
            return None;
        }
        let (stored_at, rest) = rest.split_first_chunk()?;
        let (expires_at, json) = rest.split_first_chunk()?;
        Some(Self {
            completion: Arc::new(serde_json::from_slice(json).ok()?),
            stored_at: u64::from_le_bytes(*stored_at),
            expires_at: u64::from_le_bytes(*expires_at),
        })
    }
}

/// Holds content and name together.
fn seal(key: &Key, content: &[u8]) -> [u8; SEAL_BYTES] {
    let digest: [u8; 32] =
        Sha256::new().chain_update(key.as_bytes()).chain_update(content).finalize().into();
    let mut seal = [0; SEAL_BYTES];
    seal.copy_from_slice(&digest[..SEAL_BYTES]);
    seal
}

/// Returns the bytes that an entry takes in memory, roughly.
pub(super) fn weight(completion: &Completion) -> usize {
    ENTRY_BYTES + size::completion(completion)
}

#[cfg(test)]
mod tests;
