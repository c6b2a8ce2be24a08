//! Completions in the file `cache.redb`.
//!
//! The file is written by one thread, in batches. An entry reaches it within a second, or not at
//! all when the disk doesn't keep up. Clearing and writing exclude each other, and each clear
//! begins a new generation; entries of an earlier one aren't written any more. Everything that
//! touches the file blocks, so reads run on tokio's blocking threads.

mod aside;
pub(crate) mod engine;
pub(crate) mod file;
mod health;
mod key_index;
mod queue;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tracing::{debug, warn};

use self::engine::{Engine, SWEEP_MAX, Write};
pub use self::engine::{FileError, Limits};
use self::health::Health;
use self::queue::{Queue, Queued, Wake};
use crate::digest::Hex;
use crate::store::answers::{
    AnswerStore, ClearError, Entry, EntryKey, Generation, StoreStats, Usage,
};
use crate::sync::lock;

/// The time between two sweeps, which remove expired entries and try a failed disk again.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Returns milliseconds since 1970.
pub(crate) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Completions in `cache.redb`. Dropping it lets the writer end without waiting for it, as this may
/// happen where nothing may block; [`AnswerStore::close`] waits.
pub struct RedbAnswers {
    shared: Arc<Shared>,
}

impl RedbAnswers {
    /// Opens `cache.redb` in a directory. It never fails: without a usable disk nothing is kept,
    /// the log says why, and the disk is tried again each minute. Blocks while the file opens.
    pub(crate) fn open(dir: &Path, limits: Limits, clock: Clock) -> Self {
        Self::with(Box::new(file::Redb::new(dir, limits)), clock)
    }

    pub(crate) fn with(engine: Box<dyn Engine>, clock: Clock) -> Self {
        let shared = Arc::new(Shared::new(engine, clock));
        let writer = std::thread::Builder::new().name("cache".into()).spawn({
            let shared = shared.clone();
            move || shared.run()
        });
        if let Err(error) = writer {
            warn!(%error, "The cache can't be kept on disk: there is no thread to write it");
            shared.queue.close();
            shared.health.close();
        }
        Self { shared }
    }
}

impl Drop for RedbAnswers {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

impl AnswerStore for RedbAnswers {
    fn generation(&self) -> Generation {
        self.shared.generation()
    }

    fn get(&self, key: EntryKey) -> BoxFuture<'_, Option<Entry>> {
        Box::pin(async move {
            if self.shared.health.file().is_none_or(|file| !file.may_contain(&key)) {
                return None;
            }
            let shared = self.shared.clone();
            // Fails only when the process is about to end.
            tokio::task::spawn_blocking(move || shared.read(&key)).await.ok().flatten()
        })
    }

    fn put(&self, generation: Generation, key: EntryKey, entry: Entry) {
        let queued = Queued { generation, key, entry: Some(entry) };
        if self.shared.health.file().is_some() && !self.shared.queue.push(queued) {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            debug!(key = %short(&key), "cache write dropped: the disk doesn't keep up");
        }
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), ClearError>> {
        let shared = self.shared.clone();
        Box::pin(async move {
            let cleared = tokio::task::spawn_blocking(move || shared.clear()).await;
            cleared.map_err(ClearError::new)?.map_err(ClearError::new)
        })
    }

    fn stats(&self) -> BoxFuture<'_, StoreStats> {
        Box::pin(std::future::ready(self.shared.stats()))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let shared = self.shared.clone();
        Box::pin(async move {
            if let Err(error) = tokio::task::spawn_blocking(move || shared.close()).await {
                warn!(%error, "The cache was not written to its end");
            }
        })
    }
}

/// The state that callers and the writer share.
struct Shared {
    clock: Clock,
    queue: Queue,
    /// Held over each change of the file, by threads that may block.
    writing: Mutex<()>,
    health: Health,
    generation: AtomicU64,
    dropped: AtomicU64,
}

impl Shared {
    fn new(engine: Box<dyn Engine>, clock: Clock) -> Self {
        let shared = Self {
            clock,
            queue: Queue::default(),
            writing: Mutex::new(()),
            health: Health::open(engine),
            generation: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        };
        shared.queue.note_disk(shared.on_disk());
        shared
    }

    /// Returns what the disk holds; nothing while it can't be used.
    fn on_disk(&self) -> Usage {
        self.health.usage().unwrap_or_default()
    }

    fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }

    /// Reads an entry from the file, and has one that can't be decoded removed.
    fn read(&self, key: &EntryKey) -> Option<Entry> {
        let generation = self.generation();
        let bytes = self.health.with(|file| file.get(key)).flatten()?;
        let entry = Entry::decode(key, &bytes);
        if entry.is_none() {
            debug!(key = %short(key), "cache entry can't be read; it is removed");
            self.queue.push(Queued { generation, key: *key, entry: None });
        }
        entry
    }

    /// Runs the writer's thread.
    fn run(&self) {
        self.load_index();
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

    /// Loads the index of keys, so that the file isn't searched for what it doesn't hold.
    fn load_index(&self) {
        let _writing = lock(&self.writing);
        let _ = self.health.with(|file| file.load_index());
    }

    /// Writes the queued entries. On return they are on disk, no matter which thread wrote them.
    fn write(&self) {
        let _writing = lock(&self.writing);
        let generation = self.generation();
        let queued = self.queue.take();
        let writes: Vec<Write> = queued
            .into_iter()
            .filter(|queued| queued.generation == generation)
            .filter_map(encode)
            .collect();
        if !writes.is_empty() && self.health.with(|file| file.write(&writes)).is_none() {
            self.dropped.fetch_add(writes.len() as u64, Ordering::Relaxed);
        }
        self.queue.done(self.on_disk());
    }

    /// Removes expired entries, and tries the disk again if it had failed.
    fn sweep(&self) {
        let now_ms = (self.clock)();
        {
            let _writing = lock(&self.writing);
            self.health.recover();
            self.queue.note_disk(self.on_disk());
        }
        self.load_index();
        loop {
            // Entries that were put meanwhile don't wait for the end of a long sweep.
            self.write();
            let _writing = lock(&self.writing);
            let removed = self.health.with(|file| file.sweep(now_ms)).unwrap_or(0);
            self.queue.note_disk(self.on_disk());
            if removed < SWEEP_MAX {
                return;
            }
        }
    }

    fn clear(&self) -> Result<(), FileError> {
        let _writing = lock(&self.writing);
        let cleared = self.health.clear();
        drop(self.queue.take());
        self.queue.done(self.on_disk());
        // Last: entries that were put until here are of the generation that ends.
        self.generation.fetch_add(1, Ordering::AcqRel);
        cleared
    }

    fn close(&self) {
        self.queue.close();
        self.write();
        let _writing = lock(&self.writing);
        self.health.close();
    }

    fn stats(&self) -> StoreStats {
        StoreStats {
            usage: self.health.file().is_some().then(|| self.queue.usage()),
            dropped: self.dropped.load(Ordering::Relaxed),
            warnings: self.health.warnings(),
        }
    }
}

fn encode(Queued { generation: _, key, entry }: Queued) -> Option<Write> {
    let Some(entry) = entry else { return Some(Write::Remove { key }) };
    let value = entry
        .encode(&key)
        .inspect_err(|error| debug!(key = %short(&key), %error, "cache entry can't be written"))
        .ok()?;
    Some(Write::Put { key, expires_at: entry.expires_at, value })
}

/// Returns the start of a key, as the log shows keys.
fn short(key: &EntryKey) -> Hex<'_> {
    let (start, _) = key.split_at(8);
    Hex(start)
}

/// The writer's steps, taken when a test says so.
#[cfg(test)]
impl RedbAnswers {
    /// Makes a store without its writer: nothing is written but by the test.
    pub(crate) fn still(engine: Box<dyn Engine>, clock: Clock) -> Self {
        Self { shared: Arc::new(Shared::new(engine, clock)) }
    }

    pub(crate) fn write_now(&self) {
        self.shared.write();
    }

    pub(crate) fn sweep_now(&self) {
        self.shared.sweep();
    }

    /// Writes an entry's bytes past the queue.
    pub(crate) fn write_raw(&self, key: EntryKey, value: Vec<u8>) {
        let put = Write::Put { key, expires_at: u64::MAX, value };
        self.shared.health.with(|file| file.write(&[put])).unwrap();
    }

    pub(crate) fn read_raw(&self, key: &EntryKey) -> Vec<u8> {
        self.shared.health.with(|file| file.get(key)).flatten().unwrap()
    }
}
