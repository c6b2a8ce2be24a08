//! The file, used as it should be and as it shouldn't.

use std::fs;
use std::path::Path;

use redb::{Database, TableDefinition};
use tempfile::TempDir;

use super::*;

const LIMITS: Limits = Limits { entries: 1_000, bytes: 1 << 30 };

fn key(number: u32) -> [u8; 32] {
    let mut key = [7; 32];
    key[..4].copy_from_slice(&number.to_be_bytes());
    key
}

fn put(number: u32, expires_at: u64, bytes: usize) -> Write {
    Write::Put { key: key(number), expires_at, value: vec![number as u8; bytes] }
}

fn open(dir: &Path) -> Arc<dyn AnswerFile> {
    Redb::new(dir, LIMITS).open(false).unwrap()
}

fn has(store: &dyn AnswerFile, number: u32) -> bool {
    store.get(&key(number)).unwrap().is_some()
}

fn set_aside(dir: &Path) -> usize {
    aside::all(&dir.join("cache.redb")).unwrap().len()
}

/// Fills a file, lets it be spoiled, and sees that a fresh one takes its place.
fn spoil(spoil: impl FnOnce(&Path)) {
    let dir = TempDir::new().unwrap();
    open(dir.path()).write(&(0..500).map(|n| put(n, 9, 1_000)).collect::<Vec<_>>()).unwrap();
    spoil(&dir.path().join("cache.redb"));
    let store = open(dir.path());
    assert!(!has(&*store, 1));
    assert_eq!(store.usage(), Usage::default());
    assert_eq!(set_aside(dir.path()), 1);
    store.write(&[put(1, 9, 10)]).unwrap();
    drop(store);
    assert!(has(&*open(dir.path()), 1));
    assert_eq!(set_aside(dir.path()), 1);
}

#[test]
fn entries_are_there_after_a_reopen() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    store.write(&[put(1, 9, 10), put(2, 9, 100_000)]).unwrap();
    let usage = store.usage();
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.get(&key(1)).unwrap().unwrap(), [1; 10]);
    assert_eq!(store.get(&key(2)).unwrap().unwrap(), vec![2; 100_000]);
    assert_eq!(store.get(&key(3)).unwrap(), None);
    assert_eq!(store.usage(), usage);
    assert_eq!(set_aside(dir.path()), 0);
}

#[test]
fn a_second_write_takes_the_place_of_the_first() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    store.write(&[put(1, 5, 100)]).unwrap();
    let usage = store.usage();
    store.write(&[put(1, 9, 100)]).unwrap();
    assert_eq!(store.usage(), usage);
    assert_eq!(store.sweep(5).unwrap(), 0);
    assert_eq!(store.sweep(9).unwrap(), 1);
    assert_eq!(store.usage(), Usage::default());
}

#[test]
fn removing_is_for_good_and_harmless_twice() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    store
        .write(&[put(1, 9, 10), Write::Remove { key: key(1) }, Write::Remove { key: key(1) }])
        .unwrap();
    assert!(!has(&*store, 1));
    assert_eq!(store.usage(), Usage::default());
}

#[test]
fn a_sweep_takes_what_has_expired_and_nothing_else() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    store.write(&[put(1, 10, 10), put(2, 20, 10), put(3, 30, 10)]).unwrap();
    assert_eq!(store.sweep(20).unwrap(), 2);
    assert!(has(&*store, 3));
    assert_eq!(store.usage().entries, 1);
}

#[test]
fn beyond_the_entries_the_soonest_to_expire_go() {
    let dir = TempDir::new().unwrap();
    let store = Redb::new(dir.path(), Limits { entries: 3, ..LIMITS }).open(false).unwrap();
    store
        .write(&[put(1, 50, 10), put(2, 10, 10), put(3, 30, 10), put(4, 20, 10), put(5, 40, 10)])
        .unwrap();
    assert_eq!(
        [1, 2, 3, 4, 5].map(|number| has(&*store, number)),
        [true, false, true, false, true]
    );
    assert_eq!(store.usage().entries, 3);
}

#[test]
fn bytes_are_bounded_in_the_books_and_on_the_disk() {
    let dir = TempDir::new().unwrap();
    let limits = Limits { bytes: 4 << 20, ..LIMITS };
    let store = Redb::new(dir.path(), limits).open(false).unwrap();
    for round in 0..200 {
        let sizes = [100, 3_000, 5_000, 20_000, 70_000];
        let writes = sizes.iter().zip(0..).map(|(size, n)| put(round * 5 + n, round.into(), *size));
        store.write(&writes.collect::<Vec<_>>()).unwrap();
        assert!(store.usage().bytes <= limits.bytes);
    }
    assert!(has(&*store, 999) && !has(&*store, 4));
    drop(store);
    let file_bytes = fs::metadata(dir.path().join("cache.redb")).unwrap().len();
    assert!(file_bytes <= 3 * limits.bytes, "{file_bytes}");
}

#[test]
fn an_entry_too_large_for_the_whole_drives_out_no_other() {
    let dir = TempDir::new().unwrap();
    let store = Redb::new(dir.path(), Limits { bytes: 10_000, ..LIMITS }).open(false).unwrap();
    store.write(&[put(1, 1, 100)]).unwrap();
    store.write(&[put(2, 9, 10_000)]).unwrap();
    assert!(has(&*store, 1) && !has(&*store, 2));
}

#[test]
fn clearing_is_for_good() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    store.write(&[put(1, 9, 10)]).unwrap();
    store.clear().unwrap();
    assert!(!has(&*store, 1));
    store.write(&[put(2, 9, 10)]).unwrap();
    drop(store);
    let store = open(dir.path());
    assert!(!has(&*store, 1) && has(&*store, 2));
    assert_eq!(store.usage().entries, 1);
}

#[test]
fn garbage_is_put_aside() {
    spoil(|path| fs::write(path, vec![b'x'; 10_000]).unwrap());
}

#[test]
fn half_a_file_is_put_aside() {
    spoil(|path| {
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    });
}

#[test]
fn a_file_with_a_spoiled_head_is_put_aside() {
    spoil(|path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[16..512].fill(0xff);
        fs::write(path, bytes).unwrap();
    });
}

#[test]
fn a_database_of_something_else_is_put_aside() {
    spoil(|path| {
        fs::remove_file(path).unwrap();
        let db = Database::create(path).unwrap();
        let txn = db.begin_write().unwrap();
        txn.open_table(TableDefinition::<u64, &str>::new("users"))
            .unwrap()
            .insert(1, "somebody")
            .unwrap();
        txn.commit().unwrap();
    });
}

#[test]
fn a_database_with_other_types_in_its_tables_is_put_aside() {
    spoil(|path| {
        fs::remove_file(path).unwrap();
        let db = Database::create(path).unwrap();
        let txn = db.begin_write().unwrap();
        txn.open_table(TableDefinition::<&str, u64>::new("totals"))
            .unwrap()
            .insert("format", 1)
            .unwrap();
        txn.open_table(TableDefinition::<u64, u64>::new("entries")).unwrap().insert(1, 1).unwrap();
        txn.commit().unwrap();
    });
}

#[test]
fn spoiled_pages_are_an_error_or_a_miss_and_never_a_panic() {
    let dir = TempDir::new().unwrap();
    open(dir.path()).write(&(0..500).map(|n| put(n, 9, 1_000)).collect::<Vec<_>>()).unwrap();
    let path = dir.path().join("cache.redb");
    let mut bytes = fs::read(&path).unwrap();
    bytes[4_096..].iter_mut().step_by(97).for_each(|byte| *byte ^= 0x55);
    fs::write(&path, bytes).unwrap();
    let engine = Redb::new(dir.path(), LIMITS);
    let store = engine.open(false).unwrap();
    for number in 0..500 {
        let _ = store.get(&key(number));
    }
    drop(store);
    // A verifying open finds out.
    let store = engine.open(true).unwrap();
    assert_eq!(store.usage(), Usage::default());
    assert_eq!(set_aside(dir.path()), 1);
}

#[test]
fn only_the_latest_damaged_file_is_kept() {
    let dir = TempDir::new().unwrap();
    for second in 1..9 {
        fs::write(dir.path().join(format!("cache.redb.damaged-{second}")), "x").unwrap();
    }
    fs::write(dir.path().join("cache.redb"), "garbage").unwrap();
    open(dir.path());
    assert_eq!(set_aside(dir.path()), 1);
}

#[test]
fn a_file_in_use_stays_where_it_is() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    store.write(&[put(1, 9, 10)]).unwrap();
    assert!(matches!(Redb::new(dir.path(), LIMITS).open(false), Err(FileError::Busy)));
    assert!(has(&*store, 1));
    assert_eq!(set_aside(dir.path()), 0);
}

#[test]
fn a_large_file_with_little_in_it_is_compacted() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    for round in 0..10 {
        store
            .write(
                &(0..10)
                    .map(|n| put(round * 10 + n, (round * 10 + n).into(), 1 << 20))
                    .collect::<Vec<_>>(),
            )
            .unwrap();
    }
    store.sweep(90).unwrap();
    drop(store);
    let size = || fs::metadata(dir.path().join("cache.redb")).unwrap().len();
    let before = size();
    assert!(64 << 20 <= before, "{before}");
    let store = open(dir.path());
    assert!(has(&*store, 99) && !has(&*store, 90));
    assert!(size() < before / 2, "{} of {before}", size());
}

#[cfg(unix)]
#[test]
fn the_file_is_for_nobody_else_to_read() {
    use std::os::unix::fs::PermissionsExt;

    let dir = TempDir::new().unwrap();
    open(dir.path());
    assert_eq!(
        fs::metadata(dir.path().join("cache.redb")).unwrap().permissions().mode() & 0o077,
        0
    );
}

#[test]
fn what_may_be_there_is_known_once_learned_and_kept_in_step() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    store.write(&(0..10).map(|n| put(n, u64::from(n), 10)).collect::<Vec<_>>()).unwrap();
    assert!(store.may_contain(&key(99)), "nothing is known yet");

    let known = |store: &dyn AnswerFile| {
        (0..2_000).filter(|n| store.may_contain(&key(*n))).collect::<Vec<_>>()
    };
    store.load_index().unwrap();
    assert_eq!(known(&*store), (0..10).collect::<Vec<_>>());
    store.write(&[put(20, 99, 10), put(5, 99, 10), Write::Remove { key: key(0) }]).unwrap();
    store.sweep(3).unwrap();
    assert_eq!(known(&*store), [4, 5, 6, 7, 8, 9, 20]);
    // More than there may be: the soonest to expire make room.
    store.write(&(1_000..2_000).map(|n| put(n, 100, 10)).collect::<Vec<_>>()).unwrap();
    assert_eq!(known(&*store).len(), 1_000);
    assert!(known(&*store).iter().all(|n| has(&*store, *n)));

    drop(store);
    let store = open(dir.path());
    store.load_index().unwrap();
    assert_eq!(known(&*store).len(), 1_000);
    store.clear().unwrap();
    assert!(known(&*store).is_empty());
}
