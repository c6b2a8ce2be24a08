//! Where answers lie so that they outlive the process. This is the seam at which a shared engine
//! (Redis, Valkey) can take the place of the file: behind it entries are bytes with a time to die,
//! and nobody knows what an answer is.
//!
//! Everything here blocks. Nothing here is needed to answer: whoever calls goes on without when it
//! fails.

mod aside;
mod engine;
mod names;

use std::sync::Arc;

pub use self::engine::Redb;

/// Opens a store, again after it failed.
pub trait CacheEngine: Send + Sync {
    /// Opens the store. One that turns out to be damaged is put aside, and a fresh one is opened in
    /// its place.
    ///
    /// `verify` asks for a look at every byte: after a failure, when what lies there isn't trusted.
    ///
    /// # Errors
    /// Why there can be none now; perhaps later.
    fn open(&self, verify: bool) -> Result<Arc<dyn CacheStore>, StoreError>;

    /// Throws away what a store that can't be opened, or can't be cleared, may still hold.
    ///
    /// # Errors
    /// Why it is still there.
    fn discard(&self) -> Result<(), StoreError>;
}

/// Keeps entries within its bounds. Dropping it closes it.
pub trait CacheStore: Send + Sync {
    /// The entry, expired or not.
    ///
    /// # Errors
    /// The store is of no more use.
    fn get(&self, key: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Whether the entry may be there. Quick: what it says no to needn't be looked for.
    fn may_hold(&self, _key: &[u8; 32]) -> bool {
        true
    }

    /// Finds out what is there, for [`Self::may_hold`]. Not while others change something.
    ///
    /// # Errors
    /// The store is of no more use.
    fn learn(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Does all of it or, on an error, nothing. On return it is on disk. Where bounds would be
    /// passed, the entries that are the soonest to expire make room.
    ///
    /// # Errors
    /// The store is of no more use.
    fn write(&self, writes: &[Write]) -> Result<(), StoreError>;

    /// Removes expired entries, [`SWEEP_MAX`] at most, so that writes needn't wait long; says how
    /// many.
    ///
    /// # Errors
    /// The store is of no more use.
    fn sweep(&self, now_ms: u64) -> Result<u64, StoreError>;

    /// Removes everything. On return nothing of it can come back.
    ///
    /// # Errors
    /// The store is of no more use, and may still hold entries.
    fn clear(&self) -> Result<(), StoreError>;

    /// How much there is. Quick: it may be asked for at any time.
    fn usage(&self) -> Usage;
}

/// How many entries one sweep removes at most.
pub const SWEEP_MAX: u64 = 4_096;

/// A change of one entry.
#[derive(Debug)]
pub enum Write {
    /// Adds it, or takes the place of the one there.
    Put {
        /// Its name.
        key: [u8; 32],
        /// When it expires, in milliseconds since 1970.
        expires_at: u64,
        /// What is kept.
        value: Vec<u8>,
    },
    /// Removes it.
    Remove {
        /// Its name.
        key: [u8; 32],
    },
}

/// How much a store may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Entries.
    pub entries: u64,
    /// Bytes, as [`Usage::bytes`] counts them.
    pub bytes: u64,
}

/// How much a store holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Entries.
    pub entries: u64,
    /// Bytes that their place on disk takes.
    pub bytes: u64,
}

/// A store that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else has it.
    #[error("it is in use by another process")]
    Busy,
    /// What lies there isn't what was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// Disk full, no permission, broken hardware.
    #[error("{0}")]
    Failed(String),
}

#[cfg(test)]
mod tests;
