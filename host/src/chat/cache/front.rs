//! The completions in memory: a bound in bytes, the least recently used go first. A new entry can
//! be had at once, which a policy that weighs newcomers against what is popular wouldn't promise.

use moka::policy::EvictionPolicy;
use moka::sync;

use crate::chat::key::Key;
use crate::store::answers::{Entry, Generation};

/// The entries in memory between two clears. Clearing puts a new front in its place, so an entry
/// that a slow read or a late write puts into the old one is gone with it.
pub(super) struct Front {
    /// The generation of its entries.
    pub(super) generation: Generation,
    bytes_max: u64,
    entries: sync::Cache<Key, Entry>,
}

impl Front {
    pub(super) fn new(generation: Generation, bytes_max: u64) -> Self {
        let entries = sync::Cache::builder()
            .max_capacity(bytes_max)
            .weigher(|_, entry: &Entry| u32::try_from(entry.weight()).unwrap_or(u32::MAX))
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self { generation, bytes_max, entries }
    }

    pub(super) fn get(&self, key: &Key) -> Option<Entry> {
        self.entries.get(key)
    }

    pub(super) fn put(&self, key: Key, entry: Entry) {
        self.within_bounds(&entry, |entries, entry| entries.insert(key, entry));
    }

    /// Puts an entry that was read from the store, unless there is a newer one by now.
    pub(super) fn promote(&self, key: Key, entry: Entry) {
        self.within_bounds(&entry, |entries, entry| drop(entries.entry(key).or_insert(entry)));
    }

    /// Removes expired entries.
    pub(super) fn sweep(&self, now_ms: u64) {
        for (key, entry) in &self.entries {
            if !entry.is_fresh(now_ms) {
                self.entries.invalidate(&*key);
            }
        }
        self.entries.run_pending_tasks();
    }

    /// Returns the number of entries, and their bytes.
    pub(super) fn usage(&self) -> (u64, u64) {
        self.entries.run_pending_tasks();
        (self.entries.entry_count(), self.entries.weighted_size())
    }

    /// Returns the bytes of all entries, due for eviction or not.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.entries.iter().map(|(_, entry)| entry.weight()).sum()
    }

    /// moka evicts some time after it was given too much: after 64 entries, or 0.3 s. Entries of
    /// which fewer than those make up the whole bound have to make room at once, and those
    /// beyond it don't go in.
    fn within_bounds(&self, entry: &Entry, insert: impl FnOnce(&sync::Cache<Key, Entry>, Entry)) {
        const PENDING_MAX: u64 = 64;
        let weight = entry.weight() as u64;
        if self.bytes_max < weight {
            return;
        }
        insert(&self.entries, entry.clone());
        if self.bytes_max / PENDING_MAX < weight {
            self.entries.run_pending_tasks();
        }
    }
}
