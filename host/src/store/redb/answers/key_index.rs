//! The keys of all entries, in memory: a look into the file takes a thread that may block, and most
//! requests that miss the memory are new.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard};

use crate::sync::lock;

/// The largest number of keys, which take some 20 MiB. With more entries there is no index, and
/// every lookup reads the file.
const KEYS_MAX: usize = 1 << 20;

/// The keys, or `None` until they are loaded: then any entry may be there.
#[derive(Default)]
pub(super) struct KeyIndex(Mutex<Option<HashSet<u64>>>);

/// A change of one key.
#[derive(Clone, Copy)]
pub(super) enum Change {
    Added(u64),
    Removed(u64),
}

impl Change {
    pub(super) fn added(key: &[u8; 32]) -> Self {
        Self::Added(short(key))
    }

    pub(super) fn removed(key: &[u8; 32]) -> Self {
        Self::Removed(short(key))
    }
}

impl KeyIndex {
    /// Returns false if an entry is certainly absent.
    pub(super) fn may_contain(&self, key: &[u8; 32]) -> bool {
        self.lock().as_ref().is_none_or(|keys| keys.contains(&short(key)))
    }

    pub(super) fn is_loaded(&self) -> bool {
        self.lock().is_some()
    }

    /// Takes these keys for all there are, unless they are too many.
    pub(super) fn load(&self, keys: impl ExactSizeIterator<Item = u64>) {
        let keys = (keys.len() <= KEYS_MAX).then(|| keys.collect());
        *self.lock() = keys;
    }

    /// Applies the changes of a commit, in order.
    pub(super) fn change(&self, changes: &[Change]) {
        let mut keys = self.lock();
        let Some(known) = keys.as_mut() else { return };
        for change in changes {
            match change {
                Change::Added(key) => known.insert(*key),
                Change::Removed(key) => known.remove(key),
            };
        }
        if KEYS_MAX < known.len() {
            *keys = None;
        }
    }

    /// Held for moments only.
    fn lock(&self) -> MutexGuard<'_, Option<HashSet<u64>>> {
        lock(&self.0)
    }
}

/// Returns the part of a key that the index holds. Keys are hashes already, so a part tells one
/// from all others; if two shared it, removing one would make the other a miss.
pub(super) fn short(key: &[u8; 32]) -> u64 {
    key.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}
