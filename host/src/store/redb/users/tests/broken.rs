//! Tests of files and disks that aren't as they should be.

use std::io;
use std::ops::Bound as LockBound;
use std::path::PathBuf;

use ::redb::backends::FileBackend;
use ::redb::{BackendError, StorageBackend};

use super::super::tables::{META, SCHEMA, SCHEMA_KEY};
use super::*;

fn refusal(dir: &TempDir) -> OpenError {
    match RedbUsers::open(dir.path(), Timestamp::now) {
        Ok(_) => panic!("the file was opened"),
        Err(error) => error,
    }
}

fn file(dir: &TempDir) -> PathBuf {
    dir.path().join("users.redb")
}

#[tokio::test]
async fn what_a_newer_version_stored_outlives_a_change() {
    let dir = TempDir::new().unwrap();
    let users = open(&dir);
    let ada = users.create(new("ada@example.com")).await.unwrap();
    let stored = |users: &RedbUsers| {
        let record = users.file.with(|db| {
            Ok(db.begin_read()?.open_table(USERS)?.get(ada.id.as_u128())?.unwrap().value().to_vec())
        });
        serde_json::from_slice::<serde_json::Value>(&record.unwrap()).unwrap()
    };
    let mut record = stored(&users);
    record["shoeSize"] = 39.into();
    let bytes = serde_json::to_vec(&record).unwrap();
    users
        .file
        .with(|db| {
            let txn = file::begin(db)?;
            txn.open_table(USERS)?.insert(ada.id.as_u128(), &*bytes)?;
            Ok(txn.commit()?)
        })
        .unwrap();

    users.update(ada.id, renamed("Ada"), None).await.unwrap();
    assert_eq!(stored(&users)["shoeSize"], 39);
    assert_eq!(stored(&users)["name"], "Ada");
}

#[tokio::test]
async fn check_notices_tables_that_disagree() {
    let dir = TempDir::new().unwrap();
    let users = open(&dir);
    users.create(new("ada@example.com")).await.unwrap();
    users.check().await.unwrap();
    users
        .file
        .with(|db| {
            let txn = file::begin(db)?;
            txn.open_table(EMAILS)?.insert("ghost@example.com", 1)?;
            Ok(txn.commit()?)
        })
        .unwrap();
    assert!(matches!(users.check().await, Err(StoreError::Engine(_))));
    drop(users);
    assert!(refusal(&dir).to_string().contains("it has not as many emails as users"));
}

#[tokio::test]
async fn a_file_in_use_is_refused_and_then_let_go() {
    let dir = TempDir::new().unwrap();
    let users = open(&dir);
    let error = refusal(&dir);
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("users.redb is in use by another process"), "{error}");
    users.create(new("ada@example.com")).await.unwrap();
    drop(users);
    open(&dir);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let dir = TempDir::new().unwrap();
    let users = open(&dir);
    let put = |schema| {
        move |db: &::redb::Database| {
            let txn = file::begin(db)?;
            txn.open_table(META)?.insert(SCHEMA_KEY, schema)?;
            Ok(txn.commit()?)
        }
    };
    users.file.with(put(SCHEMA + 1)).unwrap();
    drop(users);
    let error = refusal(&dir).to_string();
    assert!(
        error.contains("users.redb was written by a newer version of Arete (its schema is 2"),
        "{error}"
    );
}

#[test]
fn a_database_of_something_else_is_refused() {
    let dir = TempDir::new().unwrap();
    drop(::redb::Database::create(file(&dir)).unwrap());
    let error = refusal(&dir).to_string();
    assert!(error.contains("not one of users"), "{error}");
}

#[test]
fn a_missing_directory_is_said() {
    let dir = TempDir::new().unwrap();
    let error =
        RedbUsers::open(&dir.path().join("nowhere"), Timestamp::now).err().unwrap().to_string();
    assert!(
        error.starts_with("can't create ") && error.contains("nowhere/users.redb: "),
        "{error}"
    );
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_left_as_it_is() {
    let dir = TempDir::new().unwrap();
    let users = open(&dir);
    for n in 0..50 {
        users.create(new(&format!("user{n}@example.com"))).await.unwrap();
    }
    drop(users);
    let good = fs::read(file(&dir)).unwrap();
    let damaged = [
        ("empty", Vec::new()),
        ("short", b"redb".to_vec()),
        ("garbage", vec![0x5A; good.len()]),
        ("zeroes", vec![0; good.len()]),
        ("its head only", good[..320].to_vec()),
        ("half of it", good[..good.len() / 2].to_vec()),
        ("its last page lost", good[..good.len() - 4096].to_vec()),
        ("its first page lost", [vec![0; 4096], good[4096..].to_vec()].concat()),
    ];
    for (what, bytes) in damaged {
        fs::write(file(&dir), &bytes).unwrap();
        let error = refusal(&dir);
        assert!(matches!(error, OpenError::Damaged { .. }), "{what}: {error}");
        let said = error.to_string();
        assert!(
            said.contains("users.redb is damaged") && said.contains("Restore a backup"),
            "{said}"
        );
        assert!(fs::read(file(&dir)).unwrap() == bytes, "{what}: the file was changed");
    }
    fs::write(file(&dir), &good).unwrap();
    assert_eq!(all(&open(&dir), 200).await.len(), 50, "put right, it opens");
}

#[tokio::test]
async fn a_flipped_bit_never_loses_a_user_in_silence() {
    let dir = TempDir::new().unwrap();
    let users = open(&dir);
    for n in 0..30 {
        users.create(new(&format!("user{n}@example.com"))).await.unwrap();
    }
    let before = all(&users, 200).await;
    // As kill -9 leaves it: copied while open, between commits.
    let running = fs::read(file(&dir)).unwrap();
    drop(users);
    let closed = fs::read(file(&dir)).unwrap();

    for good in [running, closed] {
        // Every byte of the header, then one in each 997. Left out is bit 0 of byte 9, which says
        // which of two complete commits is the newest: flipped, it looks like a commit cut
        // short by a crash, which is the one before it.
        for at in (0..320).chain((320..good.len()).step_by(997)) {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(file(&dir), &bytes).unwrap();
            match RedbUsers::open(dir.path(), Timestamp::now) {
                Ok(users) => assert_eq!(all(&users, 200).await, before, "byte {at}"),
                Err(OpenError::Damaged { .. }) => {}
                Err(error) => panic!("byte {at}: {error}"),
            }
        }
    }
}

/// A disk that refuses writes while told to.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    full: Arc<AtomicBool>,
}

impl Disk {
    fn refuse(&self) -> Result<(), BackendError> {
        if self.full.load(Ordering::SeqCst) {
            Err(io::Error::from(io::ErrorKind::StorageFull).into())
        } else {
            Ok(())
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.refuse()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.refuse()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.refuse()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(
        &self,
        start: LockBound<u64>,
        end: LockBound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: LockBound<u64>, end: LockBound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_every_writer_and_is_forgotten_once_there_is_space() {
    let dir = TempDir::new().unwrap();
    let full = Arc::new(AtomicBool::new(false));
    let connect = {
        let full = full.clone();
        move |file| {
            file::builder()
                .create_with_backend(Disk { file: FileBackend::new(file)?, full: full.clone() })
        }
    };
    let users =
        RedbUsers::start(UsersFile::open(dir.path(), connect).unwrap(), Timestamp::now).unwrap();
    let users = Arc::new(users);
    let ada = users.create(new("ada@example.com")).await.unwrap();

    full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let tasks = (0..20).map(|n| {
            let users = users.clone();
            tokio::spawn(async move { users.create(new(&format!("user{n}@example.com"))).await })
        });
        for task in Vec::from_iter(tasks) {
            let error = task.await.unwrap().unwrap_err();
            assert!(
                matches!(&error, StoreError::Engine(said) if said.contains("users.redb")),
                "{error}"
            );
        }
    }

    full.store(false, Ordering::SeqCst);
    assert_eq!(users.get(ada.id).await.unwrap(), ada, "reads are back first");
    let bob = users.create(new("bob@example.com")).await.expect("so are writes, without a restart");
    users.check().await.unwrap();
    assert_eq!(all(&users, 200).await, [ada, bob]);
}
