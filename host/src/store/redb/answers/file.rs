//! The file that entries are in, as bytes with a time at which they expire.
//!
//! Beside the entries is an index by expiry, so that sweeping and evicting touch only what they
//! remove. Eviction takes what is the soonest to expire: it has the least use left in it.
//!
//! Each commit reaches the disk before it returns. redb's lesser durability keeps a commit in
//! memory until the next greater one, which would lose it with the process; commits are batched and
//! off the request path, so no request waits for the disk. Commits also record which
//! pages are free, so that opening after a kill takes no walk through the file.

mod tables;

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError, ReadableDatabase};
use tracing::{info, warn};

use self::tables::{ENTRIES, Tables};
use super::aside;
use super::engine::{AnswerFile, Engine, FileError, Limits, SWEEP_MAX, Write};
use super::key_index::KeyIndex;
use crate::store::answers::Usage;

/// redb's own cache of pages. Its default is 1 GiB; completions that are requested again are in
/// our memory already.
const PAGE_CACHE_BYTES: usize = 16 << 20;
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
            let usage = tables::prepare(&db)?;
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
            let txn = tables::begin(&self.db)?;
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
            self.index.load(tables::keys(&self.db)?.into_iter());
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
                        if tables::room(value.len()) <= self.limits.bytes {
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
            tables::clear(&self.db)?;
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
