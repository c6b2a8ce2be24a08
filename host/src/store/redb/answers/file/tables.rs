//! The tables of the file and their meaning: entries, an index by expiry, and numbers about the
//! whole. All of them change in one transaction.

use redb::{
    Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, Table, TableDefinition,
    TableHandle, WriteTransaction,
};

use crate::store::answers::Usage;
use crate::store::redb::answers::engine::Limits;
use crate::store::redb::answers::key_index::{self, Change};

/// By key: the time of expiry, and the bytes of the entry.
pub(super) const ENTRIES: TableDefinition<[u8; 32], (u64, &[u8])> = TableDefinition::new("entries");
/// By expiry, then key: the room that the entry takes.
const EXPIRIES: TableDefinition<(u64, [u8; 32]), u64> = TableDefinition::new("expiries");
/// Numbers about the whole: [`FORMAT`] and [`BYTES`].
const TOTALS: TableDefinition<&str, u64> = TableDefinition::new("totals");

const FORMAT: &str = "format";
const BYTES: &str = "bytes";
/// The version of the tables and their meaning. To be raised when that changes; files of another
/// format are put aside.
const FORMAT_NOW: u64 = 1;

/// redb's pages. A value that doesn't fit into one gets a power of two of them.
const PAGE_BYTES: u64 = 4_096;
/// The room of an entry beside its value: its key and expiry, in both tables.
const ROW_BYTES: u64 = 128;
/// The tables in a transaction that changes them, kept in step with each other.
pub(super) struct Tables<'txn> {
    entries: Table<'txn, [u8; 32], (u64, &'static [u8])>,
    expiries: Table<'txn, (u64, [u8; 32]), u64>,
    totals: Table<'txn, &'static str, u64>,
    bytes: u64,
    pub(super) changes: Vec<Change>,
}

impl<'txn> Tables<'txn> {
    pub(super) fn open(txn: &'txn WriteTransaction) -> Result<Self, redb::Error> {
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

    pub(super) fn insert(
        &mut self,
        key: &[u8; 32],
        expires_at: u64,
        value: &[u8],
    ) -> Result<(), redb::Error> {
        let room = room(value.len());
        self.entries.insert(key, (expires_at, value))?;
        self.expiries.insert((expires_at, *key), room)?;
        self.changes.push(Change::added(key));
        self.bytes = self.bytes.saturating_add(room);
        Ok(())
    }

    pub(super) fn remove(&mut self, key: &[u8; 32]) -> Result<(), redb::Error> {
        let removed = self.entries.remove(key)?.map(|entry| entry.value().0);
        if let Some(expires_at) = removed {
            let room = self.expiries.remove((expires_at, *key))?.map_or(0, |room| room.value());
            self.bytes = self.bytes.saturating_sub(room);
            self.changes.push(Change::removed(key));
        }
        Ok(())
    }

    pub(super) fn first_expiry(&self) -> Result<Option<u64>, redb::Error> {
        Ok(self.expiries.first()?.map(|(key, _)| key.value().0))
    }

    /// Removes the entry that is the soonest to expire.
    pub(super) fn pop(&mut self) -> Result<(), redb::Error> {
        let first = self.expiries.pop_first()?.map(|(key, room)| (key.value().1, room.value()));
        if let Some((key, room)) = first {
            self.entries.remove(key)?;
            self.changes.push(Change::removed(&key));
            self.bytes = self.bytes.saturating_sub(room);
        }
        Ok(())
    }

    pub(super) fn evict(&mut self, limits: Limits) -> Result<(), redb::Error> {
        while limits.entries < self.expiries.len()?
            || limits.bytes < self.bytes && !self.expiries.is_empty()?
        {
            self.pop()?;
        }
        Ok(())
    }

    pub(super) fn close(mut self) -> Result<Usage, redb::Error> {
        self.totals.insert(BYTES, self.bytes)?;
        Ok(Usage { entries: self.entries.len()?, bytes: self.bytes })
    }
}

/// Makes the tables in a new file. In any other, makes sure that it is one of ours, and goes
/// through the roots of its tables.
pub(super) fn prepare(db: &Database) -> Result<Usage, redb::Error> {
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

pub(super) fn begin(db: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut txn = db.begin_write()?;
    txn.set_quick_repair(true);
    Ok(txn)
}

/// The room on disk that a value takes. Small ones share pages, of which keys in random order fill
/// two thirds.
pub(super) fn room(value_bytes: usize) -> u64 {
    let bytes = (value_bytes as u64).saturating_add(ROW_BYTES);
    if bytes <= PAGE_BYTES / 2 {
        bytes + bytes / 2
    } else {
        bytes.checked_next_power_of_two().unwrap_or(u64::MAX)
    }
}

/// Returns the short keys of all entries.
pub(super) fn keys(db: &Database) -> Result<Vec<u64>, redb::Error> {
    let table = db.begin_read()?.open_table(EXPIRIES)?;
    let mut keys = Vec::new();
    for entry in table.iter()? {
        keys.push(key_index::short(&entry?.0.value().1));
    }
    Ok(keys)
}

/// Removes all entries.
pub(super) fn clear(db: &Database) -> Result<(), redb::Error> {
    let txn = begin(db)?;
    txn.delete_table(ENTRIES)?;
    txn.delete_table(EXPIRIES)?;
    txn.delete_table(TOTALS)?;
    create_tables(&txn)?;
    txn.commit()?;
    Ok(())
}
