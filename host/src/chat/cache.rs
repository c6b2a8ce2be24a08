//! Keeps answers, so that a question asked before costs neither time nor money.
//!
//! Outermost in the wrap around a call: a hit takes no attempt, no instance and no token. What may
//! be kept, and under which key, is decided by who calls; here it is only kept. In memory first,
//! within a bound in bytes; behind that on disk, so that it outlives the process. Nothing here
//! fails a request: whatever goes wrong is a miss.
//!
//! The disk is written by one thread, in batches. What is put reaches it within a second, or not at
//! all when the disk doesn't keep up. Clearing and writing exclude each other, and each clear
//! begins a new generation; what was asked for in an earlier one is not written any more.

mod disk;
mod entry;
mod front;
mod queue;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use tracing::{debug, warn};

use self::disk::Disk;
use self::entry::Entry;
use self::front::Front;
use self::queue::{Queue, Queued, Wake};
use crate::chat::key::Key;
use crate::config::CacheConfig;
use crate::contract::Completion;
use crate::store::cache::{CacheEngine, Limits, Redb, SWEEP_MAX, StoreError, Write};

/// How often expired entries are removed, and a disk that failed is tried again.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Milliseconds since 1970.
type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The answers kept. One for the process, shared by reference.
pub struct Cache {
    kept: Option<Arc<Kept>>,
}

/// What there is, and what came of it since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Whether any are kept at all.
    pub enabled: bool,
    /// Whether they outlive the process at the moment.
    pub on_disk: bool,
    /// Entries: those on disk and on their way there, or without a disk those in memory. Expired
    /// ones count until the next sweep.
    pub size: u64,
    /// Bytes of the entries on disk, or without a disk of those in memory.
    pub bytes: u64,
    /// Questions answered from here.
    pub hits: u64,
    /// Questions that weren't.
    pub misses: u64,
    /// Questions that got the answer to an equal one in flight.
    pub coalesced: u64,
    /// Answers that were to go to the disk and didn't: it didn't keep up, or failed.
    pub dropped: u64,
    /// How often the disk was found unusable and the log says so.
    pub disk_warnings: u64,
}

impl Cache {
    /// Opens the cache in a directory. It never fails: without a usable disk, answers are kept in
    /// memory only, and the log says why. Blocks for as long as the file takes to open.
    pub fn open(config: &CacheConfig, dir: &Path) -> Self {
        let limits = Limits { entries: config.max_entries, bytes: config.max_bytes };
        Self::with(config, Box::new(Redb::new(dir, limits)), Arc::new(unix_ms))
    }

    fn with(config: &CacheConfig, engine: Box<dyn CacheEngine>, clock: Clock) -> Self {
        if !config.enabled {
            return Self { kept: None };
        }
        let kept = Arc::new(Kept::new(config, engine, clock));
        let writer = std::thread::Builder::new().name("cache".into()).spawn({
            let kept = kept.clone();
            move || kept.run()
        });
        if let Err(error) = writer {
            warn!(%error, "The cache can't be kept on disk: there is no thread to write it");
            kept.queue.close();
            kept.disk.close();
        }
        Self { kept: Some(kept) }
    }

    /// The answer that is kept in memory under this key. Only what is found counts: who finds
    /// nothing asks [`Self::get`].
    pub fn get_in_memory(&self, key: &Key) -> Option<Arc<Completion>> {
        let kept = self.kept.as_ref()?;
        let entry = kept.front.load().get(key).filter(|entry| entry.is_fresh((kept.clock)()))?;
        kept.counts.hits.fetch_add(1, Ordering::Relaxed);
        debug!(%key, "cache hit");
        Some(entry.completion)
    }

    /// The answer that is kept under this key.
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

    /// Keeps an answer for some time. It can be had at once, and is on disk soon after.
    pub fn put(&self, key: Key, completion: Arc<Completion>, ttl: Duration) {
        let Some(kept) = &self.kept else { return };
        let stored_at = (kept.clock)();
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let entry = Entry { completion, stored_at, expires_at: stored_at.saturating_add(ttl_ms) };
        let front = kept.front.load();
        front.put(key, entry.clone());
        let queued = Queued { generation: front.generation, key, entry: Some(entry) };
        if kept.disk.store().is_some() && !kept.queue.push(queued) {
            kept.counts.dropped.fetch_add(1, Ordering::Relaxed);
            debug!(%key, "cache write dropped: the disk doesn't keep up");
        }
    }

    /// Notes that a question got the answer to an equal one in flight.
    pub fn count_coalesced(&self) {
        if let Some(kept) = &self.kept {
            kept.counts.coalesced.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Forgets everything. On return nothing that was put before is served again, also after a
    /// restart. Once begun it is done to the end, even if nobody waits for it.
    ///
    /// # Errors
    /// The memory is empty, but the file could be neither cleared nor deleted.
    pub async fn clear(&self) -> Result<(), StoreError> {
        let Some(kept) = self.kept.clone() else { return Ok(()) };
        let cleared = tokio::task::spawn_blocking(move || kept.clear()).await;
        cleared.unwrap_or_else(|error| Err(StoreError::Failed(error.to_string())))
    }

    /// What there is, and what came of it since the start.
    pub fn stats(&self) -> Stats {
        self.kept.as_ref().map_or_else(Stats::default, |kept| kept.stats())
    }

    /// Writes what is on its way to the disk and closes the file; what is put afterwards stays in
    /// memory.
    pub async fn close(&self) {
        let Some(kept) = self.kept.clone() else { return };
        if let Err(error) = tokio::task::spawn_blocking(move || kept.close()).await {
            warn!(%error, "The cache was not written to its end");
        }
    }
}

impl Drop for Cache {
    /// Lets the writer end. It isn't waited for, as this may happen where nothing may block;
    /// [`Cache::close`] waits.
    fn drop(&mut self) {
        if let Some(kept) = &self.kept {
            kept.queue.close();
        }
    }
}

/// What the cache and its writer share.
struct Kept {
    clock: Clock,
    memory_bytes: u64,
    front: ArcSwap<Front>,
    queue: Queue,
    /// Held over each change of the disk, by threads that may block.
    writing: Mutex<()>,
    disk: Disk,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    coalesced: AtomicU64,
    dropped: AtomicU64,
}

enum Found {
    Hit(Arc<Completion>),
    Expired,
    Miss,
}

impl Kept {
    fn new(config: &CacheConfig, engine: Box<dyn CacheEngine>, clock: Clock) -> Self {
        Self {
            clock,
            memory_bytes: config.memory_bytes,
            front: ArcSwap::from_pointee(Front::new(0, config.memory_bytes)),
            queue: Queue::default(),
            writing: Mutex::new(()),
            disk: Disk::open(engine),
            counts: Counts::default(),
        }
    }

    async fn find(self: &Arc<Self>, key: &Key) -> Found {
        let front = self.front.load_full();
        if let Some(entry) = front.get(key) {
            if entry.is_fresh((self.clock)()) {
                return Found::Hit(entry.completion);
            }
            // The disk has the same, or an older one. The sweep removes both: by now there may be a
            // newer one here.
            return Found::Expired;
        }
        if self.disk.store().is_none_or(|store| !store.may_hold(key.as_bytes())) {
            return Found::Miss;
        }
        let (kept, key) = (self.clone(), *key);
        // Fails only when the process is about to end.
        tokio::task::spawn_blocking(move || kept.read(&front, &key)).await.unwrap_or(Found::Miss)
    }

    /// Looks on the disk.
    fn read(&self, front: &Arc<Front>, key: &Key) -> Found {
        let Some(bytes) = self.disk.with(|store| store.get(key.as_bytes())).flatten() else {
            return Found::Miss;
        };
        let Some(entry) = Entry::decode(key, &bytes) else {
            debug!(%key, "cache entry can't be read; it is removed");
            self.queue.push(Queued { generation: front.generation, key: *key, entry: None });
            return Found::Miss;
        };
        if !entry.is_fresh((self.clock)()) {
            return Found::Expired;
        }
        front.promote(*key, entry.clone());
        // Cleared while we read: then it must not be served, and the front it went to is no longer
        // in use.
        if Arc::ptr_eq(front, &*self.front.load()) {
            Found::Hit(entry.completion)
        } else {
            Found::Miss
        }
    }

    /// The writer's life.
    fn run(&self) {
        self.learn();
        let mut due = Instant::now() + SWEEP_INTERVAL;
        loop {
            match self.queue.wait(due) {
                Wake::Queued => self.write(),
                Wake::Due => {
                    self.sweep();
                    due = Instant::now() + SWEEP_INTERVAL;
                }
                Wake::Closed => return self.close(),
            }
        }
    }

    /// Has the disk find out what is on it, so that it isn't searched for what isn't.
    fn learn(&self) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.disk.with(|store| store.learn());
    }

    /// Writes what is queued. On return it is on disk, whoever wrote it.
    fn write(&self) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.front.load().generation;
        let queued = self.queue.take();
        let writes: Vec<Write> = queued
            .into_iter()
            .filter(|queued| queued.generation == generation)
            .filter_map(encode)
            .collect();
        if !writes.is_empty() && self.disk.with(|store| store.write(&writes)).is_none() {
            self.counts.dropped.fetch_add(writes.len() as u64, Ordering::Relaxed);
        }
        self.queue.done();
    }

    /// Removes what has expired, and tries the disk again if it had failed.
    fn sweep(&self) {
        let now_ms = (self.clock)();
        self.front.load().sweep(now_ms);
        {
            let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            self.disk.recover();
        }
        self.learn();
        loop {
            // What came meanwhile isn't to wait for the end of a long sweep.
            self.write();
            let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            let removed = self.disk.with(|store| store.sweep(now_ms)).unwrap_or(0);
            if removed < SWEEP_MAX {
                return;
            }
        }
    }

    fn clear(&self) -> Result<(), StoreError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let cleared = self.disk.clear();
        drop(self.queue.take());
        self.queue.done();
        // Last: what is read from the disk until here goes to the old front, and what is put is of
        // its generation.
        let generation = self.front.load().generation + 1;
        self.front.store(Arc::new(Front::new(generation, self.memory_bytes)));
        cleared
    }

    fn close(&self) {
        self.queue.close();
        self.write();
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.disk.close();
    }

    fn stats(&self) -> Stats {
        let Counts { hits, misses, coalesced, dropped } = &self.counts;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let usage = self.disk.usage();
        let (size, bytes) = match usage {
            Some(usage) => (usage.entries + self.queue.len() as u64, usage.bytes),
            None => self.front.load().usage(),
        };
        Stats {
            enabled: true,
            on_disk: usage.is_some(),
            size,
            bytes,
            hits: count(hits),
            misses: count(misses),
            coalesced: count(coalesced),
            dropped: count(dropped),
            disk_warnings: self.disk.warnings(),
        }
    }
}

fn encode(Queued { generation: _, key, entry }: Queued) -> Option<Write> {
    let Some(entry) = entry else { return Some(Write::Remove { key: *key.as_bytes() }) };
    let value = entry
        .encode(&key)
        .inspect_err(|error| debug!(%key, %error, "cache entry can't be written"))
        .ok()?;
    Some(Write::Put { key: *key.as_bytes(), expires_at: entry.expires_at, value })
}

/// A clock before 1970 is wrong; it counts as 1970, when nothing that was stored at other times is
/// fresh.
fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
