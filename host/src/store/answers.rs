//! Completions that outlive the process: the trait that the cache in `chat` uses, and the form of
//! an entry, which all engines share.
//!
//! No request depends on a store: a failure to read is a miss, a failure to write loses an entry.
//! So only clearing, which is a promise, reports an error.

mod entry;

use futures_util::future::BoxFuture;

pub use self::entry::{Entry, EntryKey};

/// The number of times a store was cleared. Nodes that share a store see the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(pub u64);

/// A store of completions. Held as `Arc<dyn AnswerStore>`.
///
/// A store removes entries after they expire, and earlier to stay within its bounds.
pub trait AnswerStore: Send + Sync + 'static {
    /// Returns the generation that entries belong to now.
    fn generation(&self) -> Generation;

    /// Returns an entry, which may have expired. A store that fails has none.
    fn get(&self, key: EntryKey) -> BoxFuture<'_, Option<Entry>>;

    /// Accepts an entry to be written soon. Never waits: where the store can't keep up, the entry
    /// is dropped and counted. An entry of an earlier generation is dropped too, so that a request
    /// that began before a clear doesn't bring its completion back.
    fn put(&self, generation: Generation, key: EntryKey, entry: Entry);

    /// Removes everything and begins a new generation, even on an error. On success nothing that
    /// was put before can come back, also after a restart.
    ///
    /// # Errors
    /// Entries may have been left behind.
    fn clear(&self) -> BoxFuture<'_, Result<(), ClearError>>;

    /// Returns the size of the store and the counts since the start.
    fn stats(&self) -> BoxFuture<'_, StoreStats>;

    /// Writes all entries that were accepted and releases the store. Entries put later are ignored.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// The size of a store and the counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// The entries kept and about to be written; `None` while the store can't be used.
    pub usage: Option<Usage>,
    /// Entries that were lost because the store didn't keep up, or failed.
    pub dropped: u64,
    /// Warnings in the log that the store can't be used.
    pub warnings: u64,
}

/// The space that entries take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// The number of entries, expired or not.
    pub entries: u64,
    /// The bytes that they take in the store, or in memory until they are written.
    pub bytes: u64,
}

/// The failure to clear a store.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ClearError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl ClearError {
    /// Wraps an engine's error.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}
