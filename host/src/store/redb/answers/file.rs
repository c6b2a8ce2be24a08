//! The file that entries are in, as bytes with a time at which they expire.
//!
//! Beside the entries is an index by expiry, so that sweeping and evicting touch only what they
//! remove. Eviction takes what is the soonest to expire: it has the least use left in it.
//!
//! Each commit reaches the disk before it returns. redb's lesser durability keeps a commit in
//! memory until the next greater one, which would lose it with the process; commits are batched and
//! off the request path, so no request waits for the disk. Commits also record which
//! pages are free, so that opening after a kill takes no walk through the file.

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::backends::FileBackend;
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    Table, TableDefinition, TableHandle, WriteTransaction,
};
use tracing::{info, warn};

use super::aside;
use super::engine::{AnswerFile, Engine, FileError, Limits, SWEEP_MAX, Write};
use super::key_index::{self, Change, KeyIndex};
use crate::store::answers::Usage;

/// By key: the time of expiry, and the bytes of the entry.
const ENTRIES: TableDefinition<[u8; 32], (u64, &[u8])> = TableDefinition::new("entries");
/// By expiry, then key: the room that the entry takes.
const EXPIRIES: TableDefinition<(u64, [u8; 32]), u64> = TableDefinition::new("expiries");
/// Numbers about the whole: [`FORMAT`] and [`BYTES`].
const TOTALS: TableDefinition<&str, u64> = TableDefinition::new("totals");

const FORMAT: &str = "format";
const BYTES: &str = "bytes";
/// The version of the tables and their meaning. To be raised when that changes; files of another
/// format are put aside.
const FORMAT_NOW: u64 = 1;

/// redb's own cache of pages. Its default is 1 GiB; completions that are requested again are in
/// our memory already.
const PAGE_CACHE_BYTES: usize = 16 << 20;
/// redb's pages. A value that doesn't fit into one gets a power of two of them.
const PAGE_BYTES: u64 = 4_096;
/// The room of an entry beside its value: its key and expiry, in both tables.
const ROW_BYTES: u64 = 128;
/// Smaller files aren't worth compacting.
const COMPACT_MIN: u64 = 64 << 20;

/// Makes a database of an open file. Replaced by tests that need a disk to fail.
type Connect = dyn Fn(File, &Builder) -> Result<Database, DatabaseError> + Send + Sync;

/// The place of the file `cache.redb`.
pub(crate) struct Redb {
    path: PathBuf,
    limits: Limits,
    connect: Box<Connect>,
}

impl Redb {
    /// Names the file in a directory, which is made on opening if there is none.
    pub(crate) fn new(dir: &Path, limits: Limits) -> Self {
        Self::on(dir, limits, |file, builder| builder.create_with_backend(FileBackend::new(file)?))
    }

    fn on(
        dir: &Path,
        limits: Limits,
        connect: impl Fn(File, &Builder) -> Result<Database, DatabaseError> + Send + Sync + 'static,
    ) -> Self {
        Self { path: dir.join("cache.redb"), limits, connect: Box::new(connect) }
    }
}

impl Engine for Redb {
    fn open(&self, verify: bool) -> Result<Arc<dyn AnswerFile>, FileError> {
        let opened = match Opened::open(self, verify) {
            Err(FileError::Damaged(problem)) => {
                let aside = aside::put(&self.path).map_err(|error| {
                    FileError::Failed(format!(
                        "it is damaged ({problem}) and can't be renamed: {error}"
                    ))
                })?;
                warn!(
                    file = %self.path.display(), kept_as = %aside.display(), problem,
                    "The cache file was damaged; it is put aside and a fresh one started"
                );
                Opened::open(self, false)?
            }
            opened => opened?,
        };
        Ok(Arc::new(opened))
    }

    fn discard(&self) -> Result<(), FileError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(FileError::Failed(error.to_string()))
            }
            _ => Ok(()),
        }
    }
}

struct Opened {
    db: Database,
    limits: Limits,
    entries: AtomicU64,
    bytes: AtomicU64,
    index: KeyIndex,
}

impl Opened {
    fn open(place: &Redb, verify: bool) -> Result<Self, FileError> {
        let Redb { path, limits, connect } = place;
        create(path).map_err(|error| FileError::Failed(error.to_string()))?;
        guarded(|| {
            let mut builder = Database::builder();
            builder.set_cache_size(PAGE_CACHE_BYTES).set_check_integrity_on_open(verify);
            let file = File::options().read(true).write(true).open(path)?;
            let mut db = connect(file, &builder)?;
            let usage = prepare(&db)?;
            compact(&mut db, path, usage)?;
            let (entries, bytes) = (usage.entries.into(), usage.bytes.into());
            Ok(Self { db, limits: *limits, entries, bytes, index: KeyIndex::default() })
        })
    }

    /// Changes the file in one transaction.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Tables<'_>) -> Result<T, redb::Error>,
    ) -> Result<T, FileError> {
        guarded(|| {
            let txn = begin(&self.db)?;
            let mut tables = Tables::open(&txn)?;
            let value = change(&mut tables)?;
            let changes = std::mem::take(&mut tables.changes);
            let usage = tables.close()?;
            txn.commit()?;
            self.index.change(&changes);
            self.entries.store(usage.entries, Ordering::Relaxed);
            self.bytes.store(usage.bytes, Ordering::Relaxed);
            Ok(value)
        })
    }
}

impl AnswerFile for Opened {
    fn get(&self, key: &[u8; 32]) -> Result<Option<Vec<u8>>, FileError> {
        guarded(|| {
            let table = self.db.begin_read()?.open_table(ENTRIES)?;
            Ok(table.get_owned(key)?.map(|entry| entry.value().1.to_vec()))
        })
    }

    fn may_contain(&self, key: &[u8; 32]) -> bool {
        self.index.may_contain(key)
    }

    fn load_index(&self) -> Result<(), FileError> {
        if self.index.is_loaded() {
            return Ok(());
        }
        guarded(|| {
            let table = self.db.begin_read()?.open_table(EXPIRIES)?;
            let mut keys = Vec::new();
            for entry in table.iter()? {
                keys.push(key_index::short(&entry?.0.value().1));
            }
            self.index.load(keys.into_iter());
            Ok(())
        })
    }

    fn write(&self, writes: &[Write]) -> Result<(), FileError> {
        self.change(|tables| {
            for write in writes {
                match write {
                    Write::Remove { key } => tables.remove(key)?,
                    Write::Put { key, expires_at, value } => {
                        tables.remove(key)?;
                        // One that is too large for the whole would only drive out all others.
                        if room(value.len()) <= self.limits.bytes {
                            tables.insert(key, *expires_at, value)?;
                        }
                    }
                }
            }
            tables.evict(self.limits)
        })
    }

    fn sweep(&self, now_ms: u64) -> Result<u64, FileError> {
        self.change(|tables| {
            let mut removed = 0;
            while removed < SWEEP_MAX
                && tables.first_expiry()?.is_some_and(|expires_at| expires_at <= now_ms)
            {
                tables.pop()?;
                removed += 1;
            }
            Ok(removed)
        })
    }

    fn clear(&self) -> Result<(), FileError> {
        guarded(|| {
            let txn = begin(&self.db)?;
            txn.delete_table(ENTRIES)?;
            txn.delete_table(EXPIRIES)?;
            txn.delete_table(TOTALS)?;
            create_tables(&txn)?;
            txn.commit()?;
            self.entries.store(0, Ordering::Relaxed);
            self.bytes.store(0, Ordering::Relaxed);
            self.index.load(std::iter::empty());
            Ok(())
        })
    }

    fn usage(&self) -> Usage {
        Usage {
            entries: self.entries.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

/// The tables in a transaction that changes them, kept in step with each other.
struct Tables<'txn> {
    entries: Table<'txn, [u8; 32], (u64, &'static [u8])>,
    expiries: Table<'txn, (u64, [u8; 32]), u64>,
    totals: Table<'txn, &'static str, u64>,
    bytes: u64,
    changes: Vec<Change>,
}

impl<'txn> Tables<'txn> {
    fn open(txn: &'txn WriteTransaction) -> Result<Self, redb::Error> {
        let totals = txn.open_table(TOTALS)?;
        let bytes = totals.get(BYTES)?.map_or(0, |bytes| bytes.value());
        Ok(Self {
            entries: txn.open_table(ENTRIES)?,
            expiries: txn.open_table(EXPIRIES)?,
            totals,
            bytes,
            changes: Vec::new(),
        })
    }

    fn insert(&mut self, key: &[u8; 32], expires_at: u64, value: &[u8]) -> Result<(), redb::Error> {
        let room = room(value.len());
        self.entries.insert(key, (expires_at, value))?;
        self.expiries.insert((expires_at, *key), room)?;
        self.changes.push(Change::added(key));
        self.bytes = self.bytes.saturating_add(room);
        Ok(())
    }

    fn remove(&mut self, key: &[u8; 32]) -> Result<(), redb::Error> {
        let removed = self.entries.remove(key)?.map(|entry| entry.value().0);
        if let Some(expires_at) = removed {
            let room = self.expiries.remove((expires_at, *key))?.map_or(0, |room| room.value());
            self.bytes = self.bytes.saturating_sub(room);
            self.changes.push(Change::removed(key));
        }
        Ok(())
    }

    fn first_expiry(&self) -> Result<Option<u64>, redb::Error> {
        Ok(self.expiries.first()?.map(|(key, _)| key.value().0))
    }

    /// Removes the entry that is the soonest to expire.
    fn pop(&mut self) -> Result<(), redb::Error> {
        let first = self.expiries.pop_first()?.map(|(key, room)| (key.value().1, room.value()));
        if let Some((key, room)) = first {
            self.entries.remove(key)?;
            self.changes.push(Change::removed(&key));
            self.bytes = self.bytes.saturating_sub(room);
        }
        Ok(())
    }

    fn evict(&mut self, limits: Limits) -> Result<(), redb::Error> {
        while limits.entries < self.expiries.len()?
            || limits.bytes < self.bytes && !self.expiries.is_empty()?
        {
            self.pop()?;
        }
        Ok(())
    }

    fn close(mut self) -> Result<Usage, redb::Error> {
        self.totals.insert(BYTES, self.bytes)?;
        Ok(Usage { entries: self.entries.len()?, bytes: self.bytes })
    }
}

/// Makes the directory and an empty file that only this user can read: completions are private.
fn create(path: &Path) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let mut options = fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Makes the tables in a new file. In any other, makes sure that it is one of ours, and goes
/// through the roots of its tables.
fn prepare(db: &Database) -> Result<Usage, redb::Error> {
    let txn = begin(db)?;
    let names: Vec<String> = txn.list_tables()?.map(|table| table.name().to_owned()).collect();
    if names.is_empty() && txn.list_multimap_tables()?.next().is_none() {
        create_tables(&txn)?;
        txn.commit()?;
        return Ok(Usage::default());
    }
    if !names.iter().any(|name| name == TOTALS.name()) {
        return Err(redb::Error::Corrupted("it is a database of something else".into()));
    }
    let format = txn.open_table(TOTALS)?.get(FORMAT)?.map(|format| format.value());
    if format != Some(FORMAT_NOW) {
        return Err(redb::Error::Corrupted("it was written by another version".into()));
    }
    let usage = {
        let tables = Tables::open(&txn)?;
        let usage = Usage { entries: tables.entries.len()?, bytes: tables.bytes };
        if tables.expiries.len()? != usage.entries {
            return Err(redb::Error::Corrupted("its index doesn't fit its entries".into()));
        }
        usage
    };
    txn.abort()?;
    Ok(usage)
}

fn create_tables(txn: &WriteTransaction) -> Result<(), redb::Error> {
    txn.open_table(ENTRIES)?;
    txn.open_table(EXPIRIES)?;
    txn.open_table(TOTALS)?.insert(FORMAT, FORMAT_NOW)?;
    Ok(())
}

/// Gives disk back when little of a large file is in use: redb fills free pages again, but seldom
/// shortens its file.
fn compact(db: &mut Database, path: &Path, usage: Usage) -> Result<(), redb::Error> {
    let bytes_before = fs::metadata(path)?.len();
    if COMPACT_MIN <= bytes_before && usage.bytes < bytes_before / 4 {
        db.compact()?;
        info!(
            bytes_before,
            bytes_after = fs::metadata(path)?.len(),
            "The cache file was compacted"
        );
    }
    Ok(())
}

fn begin(db: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut txn = db.begin_write()?;
    txn.set_quick_repair(true);
    Ok(txn)
}

/// The room on disk that a value takes. Small ones share pages, of which keys in random order fill
/// two thirds.
fn room(value_bytes: usize) -> u64 {
    let bytes = (value_bytes as u64).saturating_add(ROW_BYTES);
    if bytes <= PAGE_BYTES / 2 {
        bytes + bytes / 2
    } else {
        bytes.checked_next_power_of_two().unwrap_or(u64::MAX)
    }
}

/// Runs something of redb's. On a file that was damaged by others, redb may panic; that is no
/// reason for ours to die.
fn guarded<T>(run: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, FileError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(explain(error)),
        Err(_) => Err(FileError::Damaged("redb gave up on it".into())),
    }
}

fn explain(error: redb::Error) -> FileError {
    use io::ErrorKind::{InvalidData, UnexpectedEof};
    match error {
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => FileError::Busy,
        redb::Error::Io(error) if !matches!(error.kind(), InvalidData | UnexpectedEof) => {
            FileError::Failed(error.to_string())
        }
        redb::Error::Io(_)
        | redb::Error::Corrupted(_)
        | redb::Error::UpgradeRequired(_)
        | redb::Error::RepairAborted
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TableIsNotMultimap(_)
        | redb::Error::TableDoesNotExist(_) => FileError::Damaged(error.to_string()),
        _ => FileError::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod power_failures;
#[cfg(test)]
mod tests;
