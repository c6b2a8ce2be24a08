//! Which entries there are, in memory: to look into the file takes a thread that may block, and
//! most questions that aren't answered from memory are new.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// As many as are kept: some 20 MiB of memory. Who has more entries looks into the file.
const NAMES_MAX: usize = 1 << 20;

/// The names, or nothing as long as they aren't known: then any entry may be there.
#[derive(Default)]
pub(super) struct Names(Mutex<Option<HashSet<u64>>>);

/// A change of one name.
#[derive(Clone, Copy)]
pub(super) enum Change {
    Added(u64),
    Removed(u64),
}

impl Change {
    pub(super) fn added(key: &[u8; 32]) -> Self {
        Self::Added(name(key))
    }

    pub(super) fn removed(key: &[u8; 32]) -> Self {
        Self::Removed(name(key))
    }
}

impl Names {
    /// Whether an entry may be there.
    pub(super) fn may_have(&self, key: &[u8; 32]) -> bool {
        self.lock().as_ref().is_none_or(|names| names.contains(&name(key)))
    }

    pub(super) fn are_known(&self) -> bool {
        self.lock().is_some()
    }

    /// These are all, if they aren't too many.
    pub(super) fn learn(&self, keys: impl ExactSizeIterator<Item = u64>) {
        let names = (keys.len() <= NAMES_MAX).then(|| keys.collect());
        *self.lock() = names;
    }

    /// What a commit has changed, in order.
    pub(super) fn change(&self, changes: &[Change]) {
        let mut names = self.lock();
        let Some(known) = names.as_mut() else { return };
        for change in changes {
            match change {
                Change::Added(name) => known.insert(*name),
                Change::Removed(name) => known.remove(name),
            };
        }
        if NAMES_MAX < known.len() {
            *names = None;
        }
    }

    /// Held for moments only.
    fn lock(&self) -> MutexGuard<'_, Option<HashSet<u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keys are hashes already; a part of one tells it from all others. Were two to share a name, one
/// would be missed.
pub(super) fn name(key: &[u8; 32]) -> u64 {
    key.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}
