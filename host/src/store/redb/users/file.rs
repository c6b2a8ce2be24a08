//! The file users are in, as a whole: created once, opened with care, opened again after a failure.
//!
//! It holds what can't be had again, so nothing here replaces, empties or rolls back a file that
//! exists. A file that isn't right stops the start with a sentence that says which file and what
//! can be done.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use ::redb::backends::FileBackend;
use ::redb::{
    Builder, Database, DatabaseError, Durability, Error, ReadableDatabase, ReadableTable,
    ReadableTableMetadata, StorageError, TableError, WriteTransaction,
};
use tracing::{info, warn};
use uuid::Uuid;

use super::tables::{EMAILS, Failure, META, SCHEMA, SCHEMA_KEY, USERS};
use crate::store::users::StoreError;

const FILE_NAME: &str = "users.redb";

/// Memory for pages of the file. A page of 4 KiB holds some twenty users, so the most wanted 80,000
/// are in it; redb's own default is 1 GiB.
const CACHE_BYTES: usize = 16 << 20;

/// The reason why the users file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error(
        "{path} is in use by another process. Stop that one, or give this one a data directory of its own (DATA_DIR)."
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// Its content isn't what was written, or isn't that of a users file.
    #[error(
        "{path} is damaged: {cause}. It was left as it is. Restore a backup in its place, or move it away to start \
         without users."
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The sign of the damage.
        cause: String,
    },
    /// A newer version wrote it, in a way this one doesn't know.
    #[error(
        "{path} was written by a newer version of Arete (its schema is {found}, this version knows {SCHEMA}). Start \
         that version or a later one, or restore a backup from before the update."
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u64,
    },
    /// The operating system refused.
    #[error("can't {doing} {path}: {source}")]
    Io {
        /// The operation that failed.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// Makes a database of an open file. Replaced by tests that need a disk to fail.
type Connect = dyn Fn(File) -> Result<Database, DatabaseError> + Send + Sync;

/// Every page is verified on opening, and what doesn't verify is refused: see [`begin`].
pub(super) fn connect(file: File) -> Result<Database, DatabaseError> {
    builder().create_with_backend(FileBackend::new(file)?)
}

pub(super) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    builder
}

/// The open file.
///
/// After a failure of the disk redb refuses further work until the file is opened again, so the
/// next who needs it opens it: once there is space again, or the disk is back, so are the users,
/// without a restart.
pub(super) struct UsersFile {
    path: PathBuf,
    connect: Box<Connect>,
    /// Absent after it was closed and could not be opened again.
    db: RwLock<Option<Database>>,
    reopen: AtomicBool,
}

impl UsersFile {
    pub(super) fn open(
        data_dir: &Path,
        connect: impl Fn(File) -> Result<Database, DatabaseError> + Send + Sync + 'static,
    ) -> Result<UsersFile, OpenError> {
        let path = data_dir.join(FILE_NAME);
        let found = path.try_exists().map_err(|source| OpenError::Io {
            doing: "look for",
            path: path.clone(),
            source,
        })?;
        let db = if found { open(&path, &connect)? } else { create(&path, &connect)? };
        Ok(UsersFile {
            path,
            connect: Box::new(connect),
            db: RwLock::new(Some(db)),
            reopen: AtomicBool::new(false),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The id of the user created last.
    pub(super) fn last_id(&self) -> Result<Option<Uuid>, OpenError> {
        let last = self.with(|db| {
            let users = db.begin_read()?.open_table(USERS)?;
            Ok(users.last()?.map(|(id, _)| Uuid::from_u128(id.value())))
        });
        last.map_err(|error| OpenError::Io {
            doing: "read",
            path: self.path.clone(),
            source: io::Error::other(error),
        })
    }

    /// Works with the database. Blocks.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let db = self.ready()?;
        let Some(db) = db.as_ref() else {
            return Err(StoreError::Engine(format!(
                "{} is closed after a failure",
                self.path.display()
            )));
        };
        work(db).map_err(|failure| match failure {
            Failure::Answer(error) => error,
            Failure::Engine(error) => {
                // Damage is met again after opening; anything else may be gone by then.
                if !matches!(*error, Error::Corrupted(_)) {
                    self.reopen_before_use();
                }
                StoreError::Engine(format!("{} failed: {error}", self.path.display()))
            }
        })
    }

    /// Has the file opened again before anyone works with it.
    pub(super) fn reopen_before_use(&self) {
        self.reopen.store(true, Ordering::Release);
    }

    /// The database, opened again first if it has to be.
    fn ready(&self) -> Result<RwLockReadGuard<'_, Option<Database>>, StoreError> {
        if self.reopen.load(Ordering::Acquire) {
            let mut db = self.db.write().unwrap_or_else(PoisonError::into_inner);
            // Whoever had the lock before may have done it.
            if self.reopen.load(Ordering::Acquire) {
                // Closed first: the file lets one database in.
                *db = None;
                *db = Some(
                    open(&self.path, &*self.connect)
                        .map_err(|error| StoreError::Engine(error.to_string()))?,
                );
                self.reopen.store(false, Ordering::Release);
                warn!(path = %self.path.display(), "Opened the users file again after a failure");
            }
        }
        Ok(self.db.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Begins a transaction whose commit is on disk when it returns.
///
/// In two phases: the state that a commit replaces stays the valid one until the new one is wholly
/// on disk. After that, a state that doesn't verify is damage, not a commit cut short, so redb
/// reports it and never falls back to the state before, which would silently take back an
/// acknowledged write.
pub(super) fn begin(db: &Database) -> Result<WriteTransaction, Failure> {
    let mut txn = db.begin_write()?;
    txn.set_durability(Durability::Immediate)?;
    txn.set_two_phase_commit(true);
    Ok(txn)
}

/// Opens a file that exists. What is wrong with it is said, not mended.
fn open(path: &Path, connect: &Connect) -> Result<Database, OpenError> {
    let io = |source| OpenError::Io { doing: "open", path: path.to_owned(), source };
    let damaged = |cause: String| OpenError::Damaged { path: path.to_owned(), cause };

    let file = OpenOptions::new().read(true).write(true).open(path).map_err(io)?;
    // redb would make an empty file a new database. But no users file is ever empty, not even for a
    // moment: it gets its name once it is complete. So whatever was in this one is lost, and
    // starting without users would hide that.
    if file.metadata().map_err(io)?.len() == 0 {
        return Err(damaged("it is empty, which a users file never is".to_owned()));
    }
    // redb promises an error for most damage, not for all of it.
    let db = catch_unwind(AssertUnwindSafe(|| connect(file)))
        .unwrap_or_else(|_| {
            Err(StorageError::Corrupted("the database engine could not read it".to_owned()).into())
        })
        .map_err(|error| refusal(path, error))?;
    match schema(&db) {
        Ok(Some(SCHEMA)) => Ok(db),
        Ok(Some(found)) if SCHEMA < found => Err(OpenError::Newer { path: path.to_owned(), found }),
        Ok(_) => Err(damaged("it is a database, but not one of users".to_owned())),
        Err(Failure::Answer(error)) => Err(damaged(error.to_string())),
        Err(Failure::Engine(error)) => Err(damaged(error.to_string())),
    }
}

/// Says what redb's error means for whoever starts the server.
fn refusal(path: &Path, error: DatabaseError) -> OpenError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            OpenError::Locked { path }
        }
        // How redb reports a file that is not its own, and one that ends too early.
        DatabaseError::Storage(StorageError::Io(source))
            if !matches!(source.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
        {
            OpenError::Io { doing: "open", path, source }
        }
        error => OpenError::Damaged { path, cause: error.to_string() },
    }
}

/// The schema of a database, or `None` if it isn't one of users.
fn schema(db: &Database) -> Result<Option<u64>, Failure> {
    let txn = db.begin_read()?;
    let meta = match txn.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::Storage(error)) => return Err(error.into()),
        Err(_) => return Ok(None),
    };
    let found = meta.get(SCHEMA_KEY)?.map(|schema| schema.value());
    // The tables of a newer schema may be any.
    if found == Some(SCHEMA) && txn.open_table(USERS)?.len()? != txn.open_table(EMAILS)?.len()? {
        return Err(StoreError::Engine("it has not as many emails as users".to_owned()).into());
    }
    Ok(found)
}

/// Creates the file under a name of its own and gives it its real one when all of it is on disk: a
/// process that dies here leaves no users file, rather than half of one that nobody could tell from
/// a damaged one.
fn create(path: &Path, connect: &Connect) -> Result<Database, OpenError> {
    let io = |source| OpenError::Io { doing: "create", path: path.to_owned(), source };
    let fresh = path.with_file_name(format!("{FILE_NAME}.new-{}", Uuid::new_v4().simple()));

    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    // Who the users are is nobody else's business on this machine.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&fresh).map_err(io)?;

    let created =
        initialise(file, connect).map_err(|error| io(io::Error::other(error.to_string())));
    let named = created.and_then(|db| name(&fresh, path).map(|()| db).map_err(io));
    let _ = fs::remove_file(&fresh);
    match named {
        // Another process was quicker. Its file is the one.
        Err(OpenError::Io { source, .. }) if source.kind() == ErrorKind::AlreadyExists => {
            open(path, connect)
        }
        Err(error) => Err(error),
        Ok(db) => {
            sync_names(path).map_err(io)?;
            info!(path = %path.display(), "Created an empty users file");
            Ok(db)
        }
    }
}

fn initialise(file: File, connect: &Connect) -> Result<Database, Error> {
    let db = connect(file)?;
    let create_tables = || -> Result<(), Failure> {
        let txn = begin(&db)?;
        txn.open_table(USERS)?;
        txn.open_table(EMAILS)?;
        txn.open_table(META)?.insert(SCHEMA_KEY, SCHEMA)?;
        Ok(txn.commit()?)
    };
    match create_tables() {
        Ok(()) => Ok(db),
        Err(Failure::Engine(error)) => Err(*error),
        Err(Failure::Answer(error)) => Err(io::Error::other(error).into()),
    }
}

/// Gives a file its real name, unless there is a file of that name.
fn name(fresh: &Path, path: &Path) -> io::Result<()> {
    // A rename would replace the file of another process that starts at the same time; a link
    // doesn't.
    match fs::hard_link(fresh, path) {
        // The file system has no links, so two first starts at the same moment aren't told apart.
        Err(error)
            if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) =>
        {
            fs::rename(fresh, path)
        }
        linked => linked,
    }
}

/// Puts a directory's names on disk: a file is only as durable as its name.
fn sync_names(path: &Path) -> io::Result<()> {
    match path.parent() {
        // Elsewhere a directory can't be opened as a file, and its names are kept without that.
        _ if cfg!(not(unix)) => Ok(()),
        Some(dir) if dir != "" => File::open(dir)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}
