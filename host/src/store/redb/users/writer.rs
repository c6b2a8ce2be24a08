//! The one thread that writes users: takes all that is waiting, commits it at once, then answers.
//!
//! A durable commit costs the disk milliseconds however much is in it, so writes that arrive during
//! one share the next. They stay independent: each is judged on what the ones before it left, and a
//! refused one changes nothing. Nobody is answered, not even with a refusal, before the commit,
//! because a refusal may rest on a write it is committed with.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use ::redb::{Database, ReadableTable, Table, WriteTransaction};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tracing::error;
use uuid::{ContextV7, Uuid};

use super::file::{OpenError, UsersFile, begin};
use super::tables::{EMAILS, Failure, Record, USERS};
use crate::store::users::{NewUser, StoreError, User, UserChanges, email_key, email_keys};

/// Writes that may wait. They hold 2 KB each at most; a disk that is this far behind needs quiet.
const WAITING_MAX: usize = 4096;

/// Writes in one commit. More would save little, as each carries a small share of its cost by then,
/// and would keep the first of them waiting for the last.
const BATCH_MAX: usize = 256;

/// A change, as it waits.
pub(super) enum Write {
    /// Add a user.
    Create(NewUser),
    /// Change a user, if it has the expected version.
    Update { id: Uuid, changes: UserChanges, expected: Option<u64> },
    /// Remove a user, if it has the expected version.
    Delete { id: Uuid, expected: Option<u64> },
}

/// The way to the thread. Dropping it waits until all that was queued is done.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(
        file: Arc<UsersFile>,
        clock: impl Fn() -> Timestamp + Send + 'static,
    ) -> Result<Writer, OpenError> {
        let minting = Minting { clock: Box::new(clock), ids: ContextV7::new() };
        if let Some(last) = file.last_id()? {
            minting.start_after(last);
        }
        let (queue, jobs) = mpsc::channel(WAITING_MAX);
        let path = file.path().to_owned();
        let thread = thread::Builder::new()
            .name("users-writer".to_owned())
            .spawn(move || run(jobs, &file, &minting))
            .map_err(|source| OpenError::Io {
                doing: "start the thread that writes",
                path,
                source,
            })?;
        Ok(Writer { queue: Some(queue), thread: Some(thread) })
    }

    /// Answers when the change is on disk: the user as it is now or, if it was removed, as it was.
    ///
    /// If the caller leaves before, the change may or may not happen.
    pub(super) async fn write(&self, write: Write) -> Result<User, StoreError> {
        let stopped = || StoreError::Engine("the thread that writes users has stopped".to_owned());
        let (answer, answered) = oneshot::channel();
        match self.queue.as_ref().ok_or_else(stopped)?.try_send(Job { write, answer }) {
            Ok(()) => answered.await.map_err(|_| stopped())?,
            Err(mpsc::error::TrySendError::Full(_)) => Err(StoreError::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(stopped()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // The thread catches panics in the work; one outside of it has nobody left to tell.
            let _ = thread.join();
        }
    }
}

struct Job {
    write: Write,
    answer: oneshot::Sender<Result<User, StoreError>>,
}

fn run(mut jobs: mpsc::Receiver<Job>, file: &UsersFile, minting: &Minting) {
    let mut batch = Vec::new();
    while jobs.blocking_recv_many(&mut batch, BATCH_MAX) != 0 {
        // Nobody learns of these, so leaving them undone is the least surprise.
        batch.retain(|job| !job.answer.is_closed());
        if batch.is_empty() {
            continue;
        }
        let work = AssertUnwindSafe(|| file.with(|db| commit(db, &batch, minting)));
        let outcome = catch_unwind(work)
            .unwrap_or_else(|_| Err(StoreError::Engine("writing users panicked".to_owned())));
        match outcome {
            Ok(answers) => {
                for (job, answer) in batch.drain(..).zip(answers) {
                    // A caller who has left needs no answer.
                    let _ = job.answer.send(answer);
                }
            }
            Err(error) => {
                error!(%error, writes = batch.len(), "Users could not be written");
                // redb takes no more writes after a failed commit until the file is opened again.
                file.reopen_before_use();
                for job in batch.drain(..) {
                    let _ = job.answer.send(Err(error.clone()));
                }
            }
        }
    }
}

fn commit(
    db: &Database,
    batch: &[Job],
    minting: &Minting,
) -> Result<Vec<Result<User, StoreError>>, Failure> {
    let txn = begin(db)?;
    let mut answers = Vec::with_capacity(batch.len());
    let mut changed = false;
    {
        let mut tables = Tables::open(&txn, minting)?;
        for job in batch {
            match tables.apply(&job.write) {
                Ok(user) => answers.push(Ok(user)),
                Err(Failure::Answer(error)) => answers.push(Err(error)),
                Err(failure @ Failure::Engine(_)) => return Err(failure),
            }
        }
        changed |= tables.changed;
    }
    if changed {
        txn.commit()?
    } else {
        txn.abort()?
    }
    Ok(answers)
}

struct Tables<'txn> {
    users: Table<'txn, u128, &'static [u8]>,
    emails: Table<'txn, &'static str, u128>,
    minting: &'txn Minting,
    changed: bool,
}

impl<'txn> Tables<'txn> {
    fn open(txn: &'txn WriteTransaction, minting: &'txn Minting) -> Result<Tables<'txn>, Failure> {
        let (users, emails) = (txn.open_table(USERS)?, txn.open_table(EMAILS)?);
        Ok(Tables { users, emails, minting, changed: false })
    }

    /// Every check comes before the first change, so what is refused has left no trace.
    fn apply(&mut self, write: &Write) -> Result<User, Failure> {
        match write {
            Write::Create(new) => self.create(new),
            Write::Update { id, changes, expected } => self.update(*id, changes, *expected),
            Write::Delete { id, expected } => self.delete(*id, *expected),
        }
    }

    fn create(&mut self, new: &NewUser) -> Result<User, Failure> {
        let key = email_key(new.email.as_str());
        self.check_free(new.email.as_str(), None)?;
        let now = self.minting.now();
        let id = self.minting.id(now);
        let record = Record {
            email: new.email.as_str().to_owned(),
            name: new.name.as_str().to_owned(),
            role: new.role,
            created_at: now,
            updated_at: now,
            version: 1,
            unknown: Default::default(),
        };
        let user = self.put(id, record)?;
        self.emails.insert(&*key, id.as_u128())?;
        Ok(user)
    }

    fn update(
        &mut self,
        id: Uuid,
        changes: &UserChanges,
        expected: Option<u64>,
    ) -> Result<User, Failure> {
        let mut record = self.find(id, expected)?;
        let email = changes.email.as_ref().map_or(record.email.as_str(), |email| email.as_str());
        let name = changes.name.as_ref().map_or(record.name.as_str(), |name| name.as_str());
        let role = changes.role.unwrap_or(record.role);
        if (email, name, role) == (record.email.as_str(), record.name.as_str(), record.role) {
            return Ok(record.into_user(id));
        }

        let (old_key, new_key) = (email_key(&record.email), email_key(email));
        if old_key != new_key {
            self.check_free(email, Some(id))?;
        }
        (record.email, record.name, record.role) = (email.to_owned(), name.to_owned(), role);
        record.updated_at = self.minting.now().max(record.updated_at);
        record.version += 1;
        let user = self.put(id, record)?;
        if old_key != new_key {
            self.emails.remove(&*old_key)?;
            self.emails.insert(&*new_key, id.as_u128())?;
        }
        Ok(user)
    }

    fn delete(&mut self, id: Uuid, expected: Option<u64>) -> Result<User, Failure> {
        let record = self.find(id, expected)?;
        self.changed = true;
        self.emails.remove(&*email_key(&record.email))?;
        self.users.remove(id.as_u128())?;
        Ok(record.into_user(id))
    }

    /// Checks that no other user has this email, in whatever form it was stored.
    fn check_free(&self, email: &str, but: Option<Uuid>) -> Result<(), Failure> {
        for key in email_keys(email) {
            let owner = self.emails.get(&*key)?.map(|id| Uuid::from_u128(id.value()));
            if owner.is_some() && owner != but {
                return Err(StoreError::EmailTaken.into());
            }
        }
        Ok(())
    }

    fn find(&self, id: Uuid, expected: Option<u64>) -> Result<Record, Failure> {
        let bytes = self.users.get(id.as_u128())?.ok_or(StoreError::NotFound(id))?;
        let record = Record::decode(id, bytes.value())?;
        if expected.is_some_and(|expected| expected != record.version) {
            return Err(StoreError::Stale { current: record.version }.into());
        }
        Ok(record)
    }

    fn put(&mut self, id: Uuid, record: Record) -> Result<User, Failure> {
        let bytes = record.encode()?;
        self.changed = true;
        self.users.insert(id.as_u128(), &*bytes)?;
        Ok(record.into_user(id))
    }
}

/// The source of times and ids. Owned by the one thread, so ids are committed in the order they
/// are made, and a page once read never gains a user.
struct Minting {
    clock: Box<dyn Fn() -> Timestamp + Send>,
    ids: ContextV7,
}

impl Minting {
    /// The time as it is kept: whole milliseconds, which is what is shown.
    fn now(&self) -> Timestamp {
        let now = (self.clock)();
        // Cutting digits off leaves it in range.
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// An id above all before it, even if the clock was set back.
    fn id(&self, now: Timestamp) -> Uuid {
        self.id_at_millis(u64::try_from(now.as_millisecond()).unwrap_or(0))
    }

    /// Has the ids go on where an earlier process stopped, whatever the clock says today.
    fn start_after(&self, last: Uuid) {
        // The upper 48 bits of a UUIDv7 are its time in milliseconds.
        let millis = u64::try_from(last.as_u128() >> 80).unwrap_or(0);
        self.id_at_millis(millis + 1);
    }

    fn id_at_millis(&self, millis: u64) -> Uuid {
        let nanos = (millis % 1000) as u32 * 1_000_000;
        Uuid::new_v7(uuid::Timestamp::from_unix(&self.ids, millis / 1000, nanos))
    }
}
