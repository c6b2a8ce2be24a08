//! Keeps completions, so that a request made before costs neither time nor money.
//!
//! Outermost in the pipeline of a call: a hit takes no attempt, no instance and no token. The
//! caller decides which completions may be kept, and under which key. They are kept in memory
//! first, within a bound in bytes; behind that in a store that outlives the process. Nothing here
//! fails a request: any failure is a miss.

mod front;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use tracing::debug;

use self::front::Front;
use crate::chat::key::Key;
use crate::config::CacheConfig;
use crate::contract::Completion;
use crate::store::answers::{AnswerStore, ClearError, Entry};
use crate::store::redb::RedbAnswers;
use crate::store::redb::answers::{Clock, Limits};
use crate::sync::lock;

/// The time between two sweeps of the memory for expired entries.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The completions kept. One for the process, shared by reference.
pub struct Cache {
    kept: Option<Arc<Kept>>,
}

/// The size of the cache and the counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// True if completions are kept at all.
    pub enabled: bool,
    /// True while they outlive the process.
    pub on_disk: bool,
    /// Entries: those on disk and on their way there, or without a disk those in memory. Expired
    /// ones count until the next sweep.
    pub size: u64,
    /// Bytes of the entries on disk, or without a disk of those in memory.
    pub bytes: u64,
    /// Requests that were answered from the cache.
    pub hits: u64,
    /// Requests that weren't.
    pub misses: u64,
    /// Requests that got the completion of an equal one under way.
    pub coalesced: u64,
    /// Completions that were to go to the disk and didn't: it didn't keep up, or failed.
    pub dropped: u64,
    /// Warnings in the log that the disk can't be used.
    pub disk_warnings: u64,
}

impl Cache {
    /// Opens the cache in a directory. It never fails: without a usable disk, completions are kept
    /// in memory only, and the log says why. Blocks while the file opens. Needs a runtime.
    pub fn open(config: &CacheConfig, dir: &Path) -> Self {
        if !config.enabled {
            return Self { kept: None };
        }
        let limits = Limits { entries: config.max_entries, bytes: config.max_bytes };
        let clock: Clock = Arc::new(unix_ms);
        let store = RedbAnswers::open(dir, limits, clock.clone());
        Self::with(config, Arc::new(store), clock)
    }

    fn with(config: &CacheConfig, store: Arc<dyn AnswerStore>, clock: Clock) -> Self {
        let kept = Arc::new(Kept::new(config.memory_bytes, store, clock));
        // Ends with the cache, which it doesn't keep alive.
        let weak = Arc::downgrade(&kept);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP_INTERVAL).await;
                let Some(kept) = weak.upgrade() else { return };
                // Walks over all entries, which takes too long for an async thread.
                let sweep = tokio::task::spawn_blocking(move || kept.sweep());
                if sweep.await.is_err() {
                    return;
                }
            }
        });
        Self { kept: Some(kept) }
    }

    /// Returns the completion that is kept in memory under this key. Only a hit is counted: after a
    /// miss the caller asks [`Self::get`].
    pub fn get_in_memory(&self, key: &Key) -> Option<Arc<Completion>> {
        let kept = self.kept.as_ref()?;
        let entry = kept.front.load().get(key).filter(|entry| entry.is_fresh((kept.clock)()))?;
        kept.counts.hits.fetch_add(1, Ordering::Relaxed);
        debug!(%key, "cache hit");
        Some(entry.completion)
    }

    /// Returns the completion that is kept under this key.
    pub async fn get(&self, key: &Key) -> Option<Arc<Completion>> {
        let kept = self.kept.as_ref()?;
        let found = kept.find(key).await;
        let count =
            if matches!(found, Found::Hit(_)) { &kept.counts.hits } else { &kept.counts.misses };
        count.fetch_add(1, Ordering::Relaxed);
        match found {
            Found::Hit(completion) => {
                debug!(%key, "cache hit");
                Some(completion)
            }
            Found::Expired => {
                debug!(%key, "cache expired");
                None
            }
            Found::Miss => {
                debug!(%key, "cache miss");
                None
            }
        }
    }

    /// Keeps a completion for some time. It can be had at once, and is on disk soon after.
    pub fn put(&self, key: Key, completion: Arc<Completion>, ttl: Duration) {
        let Some(kept) = &self.kept else { return };
        let stored_at = (kept.clock)();
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let entry = Entry { completion, stored_at, expires_at: stored_at.saturating_add(ttl_ms) };
        let front = kept.front.load();
        front.put(key, entry.clone());
        kept.store.put(front.generation, *key.as_bytes(), entry);
    }

    /// Counts a request that got the completion of an equal one under way.
    pub fn count_coalesced(&self) {
        if let Some(kept) = &self.kept {
            kept.counts.coalesced.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Forgets everything. On return nothing that was put before is served again, also after a
    /// restart. Once begun it is done to the end, even if its caller has left.
    ///
    /// # Errors
    /// The memory is empty, but the store could not be cleared.
    pub async fn clear(&self) -> Result<(), ClearError> {
        let Some(kept) = self.kept.clone() else { return Ok(()) };
        let cleared = tokio::spawn(async move {
            let cleared = kept.store.clear().await;
            kept.forget_memory();
            cleared
        });
        cleared.await.unwrap_or_else(|error| Err(ClearError::new(error)))
    }

    /// Returns the size of the cache and the counts since the start.
    pub async fn stats(&self) -> Stats {
        match &self.kept {
            Some(kept) => kept.stats().await,
            None => Stats::default(),
        }
    }

    /// Writes the entries on their way to the disk and closes the store; completions that are put
    /// afterwards stay in memory.
    pub async fn close(&self) {
        if let Some(kept) = &self.kept {
            kept.store.close().await;
        }
    }
}

/// The state of a cache that is enabled.
struct Kept {
    clock: Clock,
    memory_bytes: u64,
    front: ArcSwap<Front>,
    /// Held while a new front is put in place, so that an older one never replaces it.
    replacing: Mutex<()>,
    store: Arc<dyn AnswerStore>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    coalesced: AtomicU64,
}

enum Found {
    Hit(Arc<Completion>),
    Expired,
    Miss,
}

impl Kept {
    fn new(memory_bytes: u64, store: Arc<dyn AnswerStore>, clock: Clock) -> Self {
        Self {
            clock,
            memory_bytes,
            front: ArcSwap::from_pointee(Front::new(store.generation(), memory_bytes)),
            replacing: Mutex::new(()),
            store,
            counts: Counts::default(),
        }
    }

    async fn find(&self, key: &Key) -> Found {
        let front = self.front.load_full();
        if let Some(entry) = front.get(key) {
            if entry.is_fresh((self.clock)()) {
                return Found::Hit(entry.completion);
            }
            // The store has the same, or an older one. The sweeps remove both: by now there may be
            // a newer one here.
            return Found::Expired;
        }
        match self.store.get(*key.as_bytes()).await {
            Some(entry) => self.promote(&front, key, entry),
            None => Found::Miss,
        }
    }

    /// Takes an entry that the store had into the memory that was current when the read began.
    fn promote(&self, front: &Arc<Front>, key: &Key, entry: Entry) -> Found {
        if !entry.is_fresh((self.clock)()) {
            return Found::Expired;
        }
        front.promote(*key, entry.clone());
        // Cleared during the read: then it must not be served, and the front that it went to is no
        // longer in use.
        if Arc::ptr_eq(front, &*self.front.load()) {
            Found::Hit(entry.completion)
        } else {
            Found::Miss
        }
    }

    /// Begins with an empty memory, of the store's generation.
    fn forget_memory(&self) {
        let _replacing = lock(&self.replacing);
        self.front.store(Arc::new(Front::new(self.store.generation(), self.memory_bytes)));
    }

    /// Removes expired entries from the memory.
    fn sweep(&self) {
        self.front.load().sweep((self.clock)());
    }

    async fn stats(&self) -> Stats {
        let Counts { hits, misses, coalesced } = &self.counts;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let store = self.store.stats().await;
        let (size, bytes) = match store.usage {
            Some(usage) => (usage.entries, usage.bytes),
            None => self.front.load().usage(),
        };
        Stats {
            enabled: true,
            on_disk: store.usage.is_some(),
            size,
            bytes,
            hits: count(hits),
            misses: count(misses),
            coalesced: count(coalesced),
            dropped: store.dropped,
            disk_warnings: store.warnings,
        }
    }
}

/// Returns milliseconds since 1970. A clock before 1970 is wrong; it counts as 1970, when nothing
/// that was stored at other times is fresh.
fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
