//! Users in one redb file: its tables, and reads and writes that don't block async threads.
//!
//! redb blocks and has one writer. Reads run on tokio's blocking threads, a few at a time; writes
//! go to a thread of their own (`writer`), which commits all that is waiting at once. Failures of
//! the file as a whole are in `file`.
//!
//! A record is JSON, so that a field can be added without rewriting the file. Fields this version
//! doesn't know are kept when a record is rewritten: after a step back to an older version nothing
//! a newer one stored is lost. Whatever an older version would misread raises `SCHEMA`.

mod file;
mod tables;
#[cfg(test)]
mod tests;
mod writer;

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use ::redb::{ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::Semaphore;
use uuid::Uuid;

pub use self::file::OpenError;
use self::file::UsersFile;
use self::tables::{EMAILS, Failure, Record, USERS};
use self::writer::{Write, Writer};
use crate::store::users::{
    Cursor, ListQuery, NewUser, Page, StoreError, User, UserChanges, UserStore, email_key,
    email_keys,
};

/// Reads that run at once. Each takes microseconds on a cached page and a blocking thread while it
/// lasts; that pool has other users.
const READS_RUNNING_MAX: usize = 16;

/// Reads that run or wait. What comes on top is answered with [`StoreError::Busy`].
const READS_WAITING_MAX: usize = 4096;

/// Users in `users.redb`. The thread that writes ends, and the file closes, when this is dropped:
/// dropping waits for what is queued.
pub struct RedbUsers {
    file: Arc<UsersFile>,
    writer: Writer,
    waiting: Semaphore,
    running: Arc<Semaphore>,
}

impl RedbUsers {
    /// Opens `users.redb` in `data_dir`, or creates it if there is none. Checks the whole file, so
    /// it blocks: call it while starting.
    ///
    /// `clock` says what time it is; `Timestamp::now` unless a test wants otherwise.
    pub fn open(
        data_dir: &Path,
        clock: impl Fn() -> Timestamp + Send + 'static,
    ) -> Result<RedbUsers, OpenError> {
        RedbUsers::start(UsersFile::open(data_dir, file::connect)?, clock)
    }

    /// Checks that the tables agree: each user is found by its email and each email leads to a user
    /// who has it.
    ///
    /// Reads everything. Opening compares the counts only, since checksums already tell damage from
    /// what was written.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.read(check).await
    }

    fn start(
        file: UsersFile,
        clock: impl Fn() -> Timestamp + Send + 'static,
    ) -> Result<RedbUsers, OpenError> {
        let file = Arc::new(file);
        let writer = Writer::start(file.clone(), clock)?;
        Ok(RedbUsers {
            file,
            writer,
            waiting: Semaphore::new(READS_WAITING_MAX),
            running: Arc::new(Semaphore::new(READS_RUNNING_MAX)),
        })
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let _place = self.waiting.try_acquire().map_err(|_| StoreError::Busy)?;
        // Held by the work, not by its caller, who may leave while it runs.
        let permit = self.running.clone().acquire_owned().await;
        let file = self.file.clone();
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            file.with(|db| work(&db.begin_read()?))
        });
        task.await.unwrap_or_else(|error| {
            Err(StoreError::Engine(format!("reading users ended early: {error}")))
        })
    }
}

impl UserStore for RedbUsers {
    fn create(&self, new: NewUser) -> BoxFuture<'_, Result<User, StoreError>> {
        Box::pin(self.writer.write(Write::Create(new)))
    }

    fn get(&self, id: Uuid) -> BoxFuture<'_, Result<User, StoreError>> {
        Box::pin(self.read(move |txn| {
            let record =
                txn.open_table(USERS)?.get(id.as_u128())?.ok_or(StoreError::NotFound(id))?;
            Ok(Record::decode(id, record.value())?.into_user(id))
        }))
    }

    fn list(&self, query: ListQuery) -> BoxFuture<'_, Result<Page, StoreError>> {
        Box::pin(self.read(move |txn| match &query.email {
            Some(email) => find(txn, &email_keys(email), query.cursor),
            None => page(txn, query.cursor, query.limit.get()),
        }))
    }

    fn update(
        &self,
        id: Uuid,
        changes: UserChanges,
        expected: Option<u64>,
    ) -> BoxFuture<'_, Result<User, StoreError>> {
        Box::pin(self.writer.write(Write::Update { id, changes, expected }))
    }

    fn delete(&self, id: Uuid, expected: Option<u64>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.writer.write(Write::Delete { id, expected }).await.map(drop) })
    }
}

fn page(txn: &ReadTransaction, cursor: Option<Cursor>, limit: usize) -> Result<Page, Failure> {
    let users = txn.open_table(USERS)?;
    let start = cursor.map_or(Bound::Unbounded, |cursor| Bound::Excluded(cursor.id().as_u128()));
    let mut rest = users.range::<u128>((start, Bound::Unbounded))?;
    let mut data = Vec::new();
    for entry in rest.by_ref().take(limit) {
        let (id, record) = entry?;
        let id = Uuid::from_u128(id.value());
        data.push(Record::decode(id, record.value())?.into_user(id));
    }
    let more = rest.next().transpose()?.is_some();
    let next_cursor = data.last().filter(|_| more).map(|last| Cursor::after(last.id));
    Ok(Page { data, next_cursor })
}

/// The user an email leads to, as a page; an empty one if that user is before the cursor. There is
/// one, but where two were stored in two forms of an email, before it had one.
fn find(txn: &ReadTransaction, keys: &[String], cursor: Option<Cursor>) -> Result<Page, Failure> {
    let (users, emails) = (txn.open_table(USERS)?, txn.open_table(EMAILS)?);
    let mut data: Vec<User> = Vec::new();
    for key in keys {
        if let Some(id) = emails.get(&**key)?.map(|id| Uuid::from_u128(id.value()))
            && cursor.is_none_or(|cursor| cursor.id() < id)
        {
            let record = users.get(id.as_u128())?.ok_or_else(|| disagree(key))?;
            data.push(Record::decode(id, record.value())?.into_user(id));
        }
    }
    data.sort_by_key(|user| user.id);
    Ok(Page { data, next_cursor: None })
}

fn check(txn: &ReadTransaction) -> Result<(), Failure> {
    let (users, emails) = (txn.open_table(USERS)?, txn.open_table(EMAILS)?);
    for entry in users.iter()? {
        let (id, record) = entry?;
        let key = email_key(&Record::decode(Uuid::from_u128(id.value()), record.value())?.email);
        if emails.get(&*key)?.map(|owner| owner.value()) != Some(id.value()) {
            return Err(disagree(&key).into());
        }
    }
    // Each user has an email of its own in the table; with as many of one as of the other, none is
    // left over.
    if users.len()? != emails.len()? {
        Err(disagree("one that no user has").into())
    } else {
        Ok(())
    }
}

fn disagree(key: &str) -> StoreError {
    StoreError::Engine(format!(
        "the tables of users and of emails disagree about an email ({} bytes long)",
        key.len()
    ))
}
