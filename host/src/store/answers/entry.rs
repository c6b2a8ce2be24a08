//! A completion as it is kept: with its times, and as bytes with a seal that shows damage.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::contract::{Completion, size};

/// The name of an entry: the digest of a request.
pub type EntryKey = [u8; 32];

/// The version of the bytes of an entry. To be raised when that changes; others are misses.
const FORMAT: u8 = 1;
/// Format, seal, and the two times.
const HEAD_BYTES: usize = 1 + SEAL_BYTES + 8 + 8;
const SEAL_BYTES: usize = 8;
/// The bytes of an entry in memory beside its completion: itself, its key, and the cache's own
/// records of both.
const ENTRY_BYTES: usize = 512;
/// The time by which the clock that an entry was stored by may have been ahead of ours.
const CLOCK_SKEW_MS: u64 = 60_000;

/// A completion that is kept. Times are milliseconds since 1970.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The completion.
    pub completion: Arc<Completion>,
    /// The time at which it was stored.
    pub stored_at: u64,
    /// The time from which it isn't served any more.
    pub expires_at: u64,
}

impl Entry {
    /// Returns true if it may be served. One from the future was stored while the clock was wrong,
    /// so the true time of its expiry isn't known.
    pub fn is_fresh(&self, now_ms: u64) -> bool {
        now_ms < self.expires_at && self.stored_at <= now_ms.saturating_add(CLOCK_SKEW_MS)
    }

    /// Returns the bytes that it takes in memory, roughly.
    pub fn weight(&self) -> usize {
        ENTRY_BYTES + size::completion(&self.completion)
    }

    /// Writes it as bytes. The completion is in JSON, by the derives of the contract's types.
    ///
    /// # Errors
    /// The completion can't be written as JSON.
    pub fn encode(&self, key: &EntryKey) -> serde_json::Result<Vec<u8>> {
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

    /// Reads such bytes; returns `None` unless they are exactly those written under this key.
    pub fn decode(key: &EntryKey, bytes: &[u8]) -> Option<Self> {
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

/// Returns the seal that holds content and key together.
fn seal(key: &EntryKey, content: &[u8]) -> [u8; SEAL_BYTES] {
    let digest: [u8; 32] = Sha256::new().chain_update(key).chain_update(content).finalize().into();
    let mut seal = [0; SEAL_BYTES];
    seal.copy_from_slice(&digest[..SEAL_BYTES]);
    seal
}

#[cfg(test)]
mod tests;
