//! A disk whose power fails, for the tests of both stores: what was written and not synced is lost
//! then, all of it or any part, whatever its order was.

use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex};

use ::redb::backends::FileBackend;
use ::redb::{BackendError, Builder, Database, DatabaseError, StorageBackend};
use fastrand::Rng;

use crate::sync::lock;

/// The bytes that a disk writes at once: of more, a part may be there after a failure.
const SECTOR_BYTES: usize = 512;

/// The power of one file's disk. Clones are of the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Power(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The content that no failure takes; none before the file is opened.
    synced: Option<Vec<u8>>,
    unsynced: Vec<Change>,
    /// The changes and syncs that are left before the power fails; none if it doesn't.
    left: Option<u64>,
    failed: bool,
}

#[derive(Debug)]
enum Change {
    Write { offset: usize, data: Vec<u8> },
    Length(usize),
}

impl Power {
    /// Has the power fail after so many changes and syncs.
    pub(super) fn fail_after(&self, operations: u64) {
        lock(&self.0).left = Some(operations);
    }

    /// Makes a database of an open file that is on this disk.
    pub(super) fn connect(&self, file: File, builder: &Builder) -> Result<Database, DatabaseError> {
        self.step().map_err(::redb::StorageError::Io)?;
        let mut content = Vec::new();
        (&file).read_to_end(&mut content).map_err(::redb::StorageError::Io)?;
        lock(&self.0).synced.get_or_insert(content);
        builder.create_with_backend(Disk { file: FileBackend::new(file)?, power: self.clone() })
    }

    /// Lets the power fail, if it hasn't yet, and come back: the file is what is left of it.
    pub(super) fn restore(&self, path: &Path, random: &mut Rng) {
        let mut state = lock(&self.0);
        let State { synced, unsynced, .. } = std::mem::take(&mut *state);
        if !path.exists() {
            return;
        }
        let mut content = synced.unwrap_or_default();
        let kept = *random.choice(&[0, 10, 50, 90, 100]).unwrap();
        let mut keeps = || random.u32(0..100) < kept;
        for change in unsynced {
            match change {
                Change::Length(length) if keeps() => content.resize(length, 0),
                Change::Length(_) => {}
                Change::Write { offset, data } => {
                    write_some(&mut content, offset, &data, &mut keeps)
                }
            }
        }
        fs::write(path, content).unwrap();
    }

    /// Counts a change or a sync, the last of which fails.
    fn step(&self) -> io::Result<()> {
        let mut state = lock(&self.0);
        state.failed |= state.left == Some(0);
        state.left = state.left.map(|left| left.saturating_sub(1));
        drop(state);
        self.check()
    }

    fn check(&self) -> io::Result<()> {
        if lock(&self.0).failed { Err(io::Error::other("the power has failed")) } else { Ok(()) }
    }
}

/// Writes the sectors that are kept. What lies beyond the file's length is lost with it.
fn write_some(content: &mut [u8], offset: usize, data: &[u8], mut keeps: impl FnMut() -> bool) {
    let (mut offset, mut data) = (offset, data);
    while !data.is_empty() {
        let (sector, rest) = data.split_at((SECTOR_BYTES - offset % SECTOR_BYTES).min(data.len()));
        if keeps()
            && let Some(place) = content.get_mut(offset..offset + sector.len())
        {
            place.copy_from_slice(sector);
        }
        (offset, data) = (offset + sector.len(), rest);
    }
}

/// One opened file on a disk that may lose its power.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    power: Power,
}

impl Disk {
    fn change(&self, change: Change) -> io::Result<()> {
        let mut state = lock(&self.power.0);
        if !state.failed {
            state.unsynced.push(change);
        }
        drop(state);
        self.power.step()
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.power.check()?;
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.power.check()?;
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Change::Length(len as usize))?;
        self.file.set_len(len)
    }

    /// Doesn't sync the real file: it outlives nothing here.
    fn sync_data(&self) -> io::Result<()> {
        self.power.step()?;
        let mut state = lock(&self.power.0);
        let State { synced, unsynced, .. } = &mut *state;
        let content = synced.get_or_insert_default();
        for change in unsynced.drain(..) {
            match change {
                Change::Length(length) => content.resize(length, 0),
                Change::Write { offset, data } => write_some(content, offset, &data, || true),
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Change::Write { offset: offset as usize, data: data.to_vec() })?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
}
