//! The whole cache, on real files and on stores that fail. The clock is the test's own, and what is
//! queued is written when the test says so: nothing waits for time to pass.

use std::sync::atomic::AtomicBool;

use tempfile::TempDir;

use super::*;
use crate::contract::{FinishReason, Part, Text, Usage};
use crate::store::answers;
use crate::store::redb::answers::FileError;
use crate::store::redb::answers::engine::{AnswerFile, Engine, Write};
use crate::store::redb::answers::file::Redb;

const HOUR: Duration = Duration::from_secs(3_600);
const START_MS: u64 = 1_800_000_000_000;

fn config() -> CacheConfig {
    CacheConfig {
        enabled: true,
        ttl: HOUR,
        memory_bytes: 1 << 20,
        max_entries: 1_000,
        max_bytes: 64 << 20,
    }
}

fn key(number: u32) -> Key {
    let mut bytes = [3; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    Key::of(bytes)
}

fn answer(text: &str) -> Arc<Completion> {
    Arc::new(Completion {
        id: "msg".into(),
        model: "model".into(),
        parts: vec![Part::Text(Text { text: text.into(), extra: None })],
        finish_reason: FinishReason::EndTurn,
        usage: Usage {
            input_tokens: Some(1),
            output_tokens: Some(1),
            cache_read_tokens: None,
            cache_write_tokens: None,
            reasoning_tokens: None,
            extra: None,
        },
        native: None,
        extra: None,
    })
}

/// A clock that stands still until it is told otherwise.
#[derive(Clone)]
struct Time(Arc<AtomicU64>);

impl Time {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(START_MS)))
    }

    fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let now = self.0.clone();
        Arc::new(move || now.load(Ordering::SeqCst))
    }
}

fn engine(dir: &TempDir, config: &CacheConfig) -> Box<dyn Engine> {
    Box::new(Redb::new(dir.path(), Limits { entries: config.max_entries, bytes: config.max_bytes }))
}

fn open(dir: &TempDir, time: &Time) -> Tested {
    with(&config(), engine(dir, &config()), time)
}

/// A cache on a store with its writer.
fn with(config: &CacheConfig, engine: Box<dyn Engine>, time: &Time) -> Tested {
    let store = Arc::new(RedbAnswers::with(engine, time.clock()));
    Tested { cache: Cache::with(config, store.clone(), time.clock()), store }
}

/// A cache on a store without its writer: nothing is written but by the test.
fn still(engine: Box<dyn Engine>, time: &Time) -> Tested {
    let store = Arc::new(RedbAnswers::still(engine, time.clock()));
    Tested { cache: Cache::with(&config(), store.clone(), time.clock()), store }
}

/// A cache and its store.
struct Tested {
    cache: Cache,
    store: Arc<RedbAnswers>,
}

impl std::ops::Deref for Tested {
    type Target = Cache;

    fn deref(&self) -> &Cache {
        &self.cache
    }
}

impl Tested {
    /// Leaves each entry on the disk alone.
    fn forget_memory(&self) {
        self.store.write_now();
        let front = self.kept().front.load();
        self.kept().front.store(Arc::new(Front::new(front.generation, front_bytes())));
    }
}

impl Cache {
    fn kept(&self) -> &Arc<Kept> {
        self.kept.as_ref().unwrap()
    }

    async fn has(&self, number: u32) -> bool {
        self.get(&key(number)).await.is_some()
    }
}

fn front_bytes() -> u64 {
    config().memory_bytes
}

#[tokio::test]
async fn what_was_put_is_a_hit_and_all_else_a_miss() {
    let dir = TempDir::new().unwrap();
    let cache = still(engine(&dir, &config()), &Time::new());
    assert!(!cache.has(1).await);
    cache.put(key(1), answer("one"), HOUR);
    assert_eq!(cache.get(&key(1)).await, Some(answer("one")));
    assert!(!cache.has(2).await);
    cache.count_coalesced();
    let stats = cache.stats().await;
    assert!(stats.enabled && stats.on_disk);
    assert_eq!(
        (stats.size, stats.hits, stats.misses, stats.coalesced, stats.dropped),
        (1, 1, 2, 1, 0)
    );
    cache.store.write_now();
    assert_eq!(cache.stats().await.size, 1);
    assert!(0 < cache.stats().await.bytes);
}

#[tokio::test]
async fn an_entry_is_never_served_after_its_time() {
    let dir = TempDir::new().unwrap();
    let time = Time::new();
    let cache = open(&dir, &time);
    cache.put(key(1), answer("one"), Duration::from_secs(10));
    cache.put(key(2), answer("two"), Duration::from_secs(10));
    time.pass(Duration::from_millis(9_999));
    assert!(cache.has(1).await);
    time.pass(Duration::from_millis(1));
    assert!(!cache.has(1).await);
    // Nor from the disk, where it lies until the sweep.
    cache.forget_memory();
    assert!(!cache.has(2).await);
    assert_eq!(cache.stats().await.size, 2);
    cache.store.sweep_now();
    assert_eq!((cache.stats().await.size, cache.stats().await.bytes), (0, 0));
}

#[tokio::test]
async fn the_disk_answers_when_the_memory_forgot() {
    let dir = TempDir::new().unwrap();
    let cache = open(&dir, &Time::new());
    cache.put(key(1), answer("one"), HOUR);
    cache.forget_memory();
    assert_eq!(cache.get(&key(1)).await, Some(answer("one")));
    assert!(cache.kept().front.load().get(&key(1)).is_some(), "promoted");
}

#[tokio::test]
async fn entries_survive_a_restart_with_the_time_they_have_left() {
    let dir = TempDir::new().unwrap();
    let time = Time::new();
    let cache = open(&dir, &time);
    cache.put(key(1), answer("one"), HOUR);
    cache.put(key(2), answer("two"), HOUR / 4);
    cache.close().await;
    time.pass(HOUR / 2);
    let cache = open(&dir, &time);
    assert_eq!(cache.get(&key(1)).await, Some(answer("one")));
    assert!(!cache.has(2).await);
    time.pass(HOUR / 2);
    assert!(!cache.has(1).await);
}

#[tokio::test]
async fn what_was_committed_survives_a_kill() {
    // A file copied while it is open is what a killed process leaves behind.
    let dir = TempDir::new().unwrap();
    let after = TempDir::new().unwrap();
    let time = Time::new();
    let cache = still(engine(&dir, &config()), &time);
    for number in 0..100 {
        cache.put(key(number), answer("whole"), HOUR);
    }
    cache.store.write_now();
    cache.put(key(100), answer("only queued"), HOUR);
    std::fs::copy(dir.path().join("cache.redb"), after.path().join("cache.redb")).unwrap();
    let cache = open(&after, &time);
    for number in 0..100 {
        assert_eq!(cache.get(&key(number)).await, Some(answer("whole")));
    }
}

#[tokio::test]
async fn memory_holds_no_more_than_its_bound() {
    let dir = TempDir::new().unwrap();
    let cache = open(&dir, &Time::new());
    for number in 0..400 {
        cache.put(key(number), answer(&"x".repeat(10_000)), HOUR);
        // Whatever moka has not yet tidied up is part of what it holds.
        let held: usize = cache.kept().front.load().held();
        assert!(held <= 2 * front_bytes() as usize, "{held}");
    }
    let (entries, bytes) = cache.kept().front.load().usage();
    assert!(bytes <= front_bytes() && 90 < entries, "{entries} entries, {bytes} bytes");
    assert!(cache.kept().front.load().get(&key(399)).is_some(), "the latest stays");
}

#[tokio::test]
async fn an_answer_larger_than_the_memory_is_kept_on_disk() {
    let dir = TempDir::new().unwrap();
    let cache = open(&dir, &Time::new());
    let large = answer(&"x".repeat(2 << 20));
    cache.put(key(1), large.clone(), HOUR);
    assert!(cache.kept().front.load().get(&key(1)).is_none());
    cache.store.write_now();
    assert_eq!(cache.get(&key(1)).await, Some(large));
}

#[tokio::test]
async fn without_memory_the_disk_is_enough() {
    let dir = TempDir::new().unwrap();
    let config = CacheConfig { memory_bytes: 0, ..config() };
    let cache = with(&config, engine(&dir, &config), &Time::new());
    cache.put(key(1), answer("one"), HOUR);
    cache.store.write_now();
    assert!(cache.has(1).await && cache.has(1).await);
}

#[tokio::test]
async fn clearing_forgets_memory_disk_and_queue() {
    let dir = TempDir::new().unwrap();
    let time = Time::new();
    let cache = open(&dir, &time);
    cache.put(key(1), answer("written"), HOUR);
    cache.store.write_now();
    cache.put(key(2), answer("queued"), HOUR);
    cache.clear().await.unwrap();
    assert!(!cache.has(1).await && !cache.has(2).await);
    assert_eq!((cache.stats().await.size, cache.stats().await.bytes), (0, 0));
    cache.put(key(3), answer("later"), HOUR);
    cache.close().await;
    let cache = open(&dir, &time);
    assert!(!cache.has(1).await && !cache.has(2).await && cache.has(3).await);
}

#[tokio::test]
async fn a_put_or_a_read_from_before_a_clear_brings_nothing_back() {
    let dir = TempDir::new().unwrap();
    let cache = open(&dir, &Time::new());
    cache.put(key(1), answer("one"), HOUR);
    cache.store.write_now();
    let front = cache.kept().front.load_full();
    let bytes = cache.store.read_raw(key(1).as_bytes());
    cache.clear().await.unwrap();
    // A read that had begun: its bytes are put back as if the disk still had them.
    cache.store.write_raw(*key(1).as_bytes(), bytes);
    let entry = cache.store.get(*key(1).as_bytes()).await.unwrap();
    assert!(matches!(cache.kept().promote(&front, &key(1), entry), Found::Miss));
    assert!(cache.kept().front.load().get(&key(1)).is_none());
    // A put that had begun.
    let entry = Entry { completion: answer("two"), stored_at: START_MS, expires_at: u64::MAX };
    cache.store.put(front.generation, *key(2).as_bytes(), entry);
    cache.store.write_now();
    assert!(!cache.has(2).await);
}

#[tokio::test]
async fn a_disabled_cache_does_nothing() {
    let dir = TempDir::new().unwrap();
    let cache = Cache::open(&CacheConfig { enabled: false, ..config() }, dir.path());
    cache.put(key(1), answer("one"), HOUR);
    assert!(!cache.has(1).await);
    cache.count_coalesced();
    cache.clear().await.unwrap();
    cache.close().await;
    assert_eq!(cache.stats().await, Stats::default());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_entry_that_cant_be_read_is_a_miss_and_removed() {
    let dir = TempDir::new().unwrap();
    let cache = open(&dir, &Time::new());
    cache.store.write_raw(*key(1).as_bytes(), b"{}".to_vec());
    assert!(!cache.has(1).await);
    cache.store.write_now();
    assert_eq!(cache.stats().await.size, 0);
}

#[tokio::test]
async fn a_directory_that_cant_be_used_leaves_the_memory() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "no directory").unwrap();
    let cache = Cache::open(&config(), &file);
    cache.put(key(1), answer("one"), HOUR);
    assert!(cache.has(1).await);
    let stats = cache.stats().await;
    assert_eq!((stats.on_disk, stats.size), (false, 1));
    cache.clear().await.unwrap_or_default();
    assert!(!cache.has(1).await);
    cache.close().await;
}

#[tokio::test]
async fn a_file_in_use_leaves_the_memory_until_it_is_free() {
    let dir = TempDir::new().unwrap();
    let time = Time::new();
    let first = open(&dir, &time);
    first.put(key(1), answer("one"), HOUR);
    let second = open(&dir, &time);
    assert!(!second.stats().await.on_disk);
    second.put(key(2), answer("two"), HOUR);
    assert!(second.has(2).await);
    // Clearing the second is none of the first's business.
    second.clear().await.unwrap();
    assert!(first.has(1).await && !second.has(2).await);
    first.close().await;
    second.store.sweep_now();
    assert!(second.stats().await.on_disk && second.has(1).await);
}

#[tokio::test]
async fn a_damaged_file_is_put_aside_and_the_cache_begins_anew() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("cache.redb"), "garbage").unwrap();
    let cache = open(&dir, &Time::new());
    assert!(cache.stats().await.on_disk);
    cache.put(key(1), answer("one"), HOUR);
    cache.store.write_now();
    assert!(cache.has(1).await);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_get_what_they_put() {
    let dir = TempDir::new().unwrap();
    let time = Time::new();
    let cache = Arc::new(open(&dir, &time));
    let tasks = (0..16_u32).map(|task| {
        let cache = cache.clone();
        tokio::spawn(async move {
            for round in 0..50 {
                let number = task * 50 + round;
                cache.put(key(number), answer(&number.to_string()), HOUR);
                assert_eq!(cache.get(&key(number)).await, Some(answer(&number.to_string())));
                // Others write, sweep and read from the disk meanwhile.
                let store = cache.store.clone();
                match round % 25 {
                    7 => tokio::task::spawn_blocking(move || store.write_now()).await.unwrap(),
                    13 => tokio::task::spawn_blocking(move || store.sweep_now()).await.unwrap(),
                    _ => {}
                }
            }
        })
    });
    futures_util::future::join_all(tasks.collect::<Vec<_>>())
        .await
        .into_iter()
        .for_each(|task| task.unwrap());
    let cache = Arc::into_inner(cache).unwrap();
    cache.close().await;
    let cache = open(&dir, &time);
    for number in 0..800 {
        assert_eq!(cache.get(&key(number)).await, Some(answer(&number.to_string())));
    }
}

/// A disk that is full, or fails altogether, when the test says so.
#[derive(Clone, Default)]
struct Faulty {
    full: Arc<AtomicBool>,
    broken: Arc<AtomicBool>,
    discarded: Arc<AtomicBool>,
    entries: Arc<Mutex<std::collections::HashMap<[u8; 32], Vec<u8>>>>,
}

impl Faulty {
    fn check(&self, fault: &AtomicBool) -> Result<(), FileError> {
        if fault.load(Ordering::SeqCst) {
            Err(FileError::Failed("No space left on device".into()))
        } else {
            Ok(())
        }
    }
}

impl Engine for Faulty {
    fn open(&self, _verify: bool) -> Result<Arc<dyn AnswerFile>, FileError> {
        self.check(&self.broken)?;
        Ok(Arc::new(self.clone()))
    }

    fn discard(&self) -> Result<(), FileError> {
        self.discarded.store(true, Ordering::SeqCst);
        self.entries.lock().unwrap().clear();
        Ok(())
    }
}

impl AnswerFile for Faulty {
    fn get(&self, key: &[u8; 32]) -> Result<Option<Vec<u8>>, FileError> {
        self.check(&self.broken)?;
        Ok(self.entries.lock().unwrap().get(key).cloned())
    }

    fn write(&self, writes: &[Write]) -> Result<(), FileError> {
        self.check(&self.full)?;
        for write in writes {
            match write {
                Write::Put { key, value, .. } => {
                    self.entries.lock().unwrap().insert(*key, value.clone())
                }
                Write::Remove { key } => self.entries.lock().unwrap().remove(key),
            };
        }
        Ok(())
    }

    fn sweep(&self, _now_ms: u64) -> Result<u64, FileError> {
        self.check(&self.full).map(|()| 0)
    }

    fn clear(&self) -> Result<(), FileError> {
        self.check(&self.full).map(|()| self.entries.lock().unwrap().clear())
    }

    fn usage(&self) -> answers::Usage {
        answers::Usage { entries: self.entries.lock().unwrap().len() as u64, bytes: 0 }
    }
}

#[tokio::test]
async fn a_full_disk_costs_one_warning_and_no_answer() {
    let disk = Faulty::default();
    let cache = still(Box::new(disk.clone()), &Time::new());
    let store = &cache.store;
    disk.full.store(true, Ordering::SeqCst);
    for number in 0..10 {
        cache.put(key(number), answer("one"), HOUR);
        store.write_now();
        store.sweep_now();
        assert!(cache.has(number).await);
    }
    assert_eq!(cache.stats().await.disk_warnings, 1);
    assert!(0 < cache.stats().await.dropped);

    // Once there is room it goes on by itself, and a later failure is worth a warning of its own.
    disk.full.store(false, Ordering::SeqCst);
    store.sweep_now();
    store.sweep_now();
    cache.put(key(10), answer("ten"), HOUR);
    cache.forget_memory();
    assert!(cache.has(10).await && cache.stats().await.on_disk);
    assert_eq!(cache.stats().await.disk_warnings, 1);
    disk.full.store(true, Ordering::SeqCst);
    store.sweep_now();
    assert_eq!(cache.stats().await.disk_warnings, 2);
}

#[tokio::test]
async fn a_disk_that_cant_be_read_is_a_miss() {
    let disk = Faulty::default();
    let cache = with(&config(), Box::new(disk.clone()), &Time::new());
    cache.put(key(1), answer("one"), HOUR);
    cache.forget_memory();
    disk.broken.store(true, Ordering::SeqCst);
    assert!(!cache.has(1).await);
    assert!(!cache.stats().await.on_disk);
    cache.put(key(1), answer("one"), HOUR);
    assert!(cache.has(1).await);
}

#[tokio::test]
async fn clearing_a_disk_that_fails_leaves_nothing_on_it() {
    let disk = Faulty::default();
    let cache = with(&config(), Box::new(disk.clone()), &Time::new());
    cache.put(key(1), answer("one"), HOUR);
    cache.store.write_now();
    disk.full.store(true, Ordering::SeqCst);
    cache.clear().await.unwrap();
    assert!(disk.discarded.load(Ordering::SeqCst));
    assert!(!cache.has(1).await);
}

#[tokio::test]
async fn clearing_while_the_disk_is_off_leaves_nothing_on_it() {
    let disk = Faulty::default();
    let cache = with(&config(), Box::new(disk.clone()), &Time::new());
    cache.put(key(1), answer("one"), HOUR);
    cache.forget_memory();
    disk.broken.store(true, Ordering::SeqCst);
    assert!(!cache.has(1).await);
    cache.clear().await.unwrap();
    disk.broken.store(false, Ordering::SeqCst);
    cache.store.sweep_now();
    assert!(cache.stats().await.on_disk && !cache.has(1).await);
}

#[tokio::test]
async fn a_disk_that_doesnt_keep_up_costs_entries_and_no_memory() {
    let disk = Faulty::default();
    let cache = still(Box::new(disk.clone()), &Time::new());
    for number in 0..3_000 {
        cache.put(key(number), answer("one"), HOUR);
    }
    assert_eq!(cache.stats().await.dropped, 3_000 - 1_024);
    cache.store.write_now();
    assert_eq!(disk.entries.lock().unwrap().len(), 1_024);
    for number in 0..100 {
        cache.put(key(number), answer(&"x".repeat(1 << 20)), HOUR);
    }
    assert_eq!(cache.stats().await.dropped, 3_000 - 1_024 + 100 - 32);
}

#[tokio::test]
async fn after_the_close_answers_stay_in_memory() {
    let dir = TempDir::new().unwrap();
    let cache = open(&dir, &Time::new());
    cache.close().await;
    cache.put(key(1), answer("one"), HOUR);
    assert!(cache.has(1).await && !cache.stats().await.on_disk);
    cache.close().await;
}

#[tokio::test]
async fn the_writer_writes_without_being_asked() {
    let disk = Faulty::default();
    let cache = with(&config(), Box::new(disk.clone()), &Time::new());
    cache.put(key(1), answer("one"), HOUR);
    // However long it takes; the test's runner has a limit.
    while disk.entries.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}
