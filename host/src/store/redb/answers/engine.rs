//! The file as the writer sees it: entries as bytes. The seam at which tests put a disk that is
//! full or broken in the place of the real one.

use std::sync::Arc;

use crate::store::answers::Usage;

/// Opens a file, again after it failed. Tests put a disk that fails in its place.
pub(crate) trait Engine: Send + Sync {
    /// Opens the file. One that turns out to be damaged is put aside, and a fresh one is opened in
    /// its place.
    ///
    /// With `verify` every byte is read: after a failure the content isn't trusted.
    ///
    /// # Errors
    /// The reason why there can be none now; perhaps later.
    fn open(&self, verify: bool) -> Result<Arc<dyn AnswerFile>, FileError>;

    /// Deletes the content of a file that can't be opened, or can't be cleared.
    ///
    /// # Errors
    /// The reason why it is still there.
    fn discard(&self) -> Result<(), FileError>;
}

/// Keeps entries as bytes, within its bounds. Everything here blocks, except where it says
/// otherwise. Dropping it closes it. After an error it is of no more use.
pub(crate) trait AnswerFile: Send + Sync {
    /// Returns the entry, expired or not.
    ///
    /// # Errors
    /// The file can't be read.
    fn get(&self, key: &[u8; 32]) -> Result<Option<Vec<u8>>, FileError>;

    /// Returns false if the entry is certainly absent. Doesn't block.
    fn may_contain(&self, _key: &[u8; 32]) -> bool {
        true
    }

    /// Loads the index of keys for [`Self::may_contain`]. Not to be called during a change.
    ///
    /// # Errors
    /// The file can't be read.
    fn load_index(&self) -> Result<(), FileError> {
        Ok(())
    }

    /// Makes all changes or, on an error, none. On return they are on disk. Where bounds would be
    /// passed, the entries that are the soonest to expire make room.
    ///
    /// # Errors
    /// The file can't be written.
    fn write(&self, writes: &[Write]) -> Result<(), FileError>;

    /// Removes expired entries, [`SWEEP_MAX`] at most, so that writes needn't wait long, and
    /// returns their number.
    ///
    /// # Errors
    /// The file can't be written.
    fn sweep(&self, now_ms: u64) -> Result<u64, FileError>;

    /// Removes everything. On return nothing of it can come back.
    ///
    /// # Errors
    /// The file can't be written, and may still hold entries.
    fn clear(&self) -> Result<(), FileError>;

    /// Returns the space that entries take. Doesn't block.
    fn usage(&self) -> Usage;
}

/// The largest number of entries that one sweep removes.
pub(crate) const SWEEP_MAX: u64 = 4_096;

/// A change of one entry.
#[derive(Debug)]
pub(crate) enum Write {
    /// Adds an entry, or replaces the one of this key.
    Put {
        /// The entry's key.
        key: [u8; 32],
        /// The time at which it expires, in milliseconds since 1970.
        expires_at: u64,
        /// The entry's bytes.
        value: Vec<u8>,
    },
    /// Removes an entry.
    Remove {
        /// The entry's key.
        key: [u8; 32],
    },
}

/// The bounds of the file.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest number of entries.
    pub entries: u64,
    /// The largest number of bytes, as [`Usage::bytes`] counts them.
    pub bytes: u64,
}

/// The reason why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Another process has it open.
    #[error("it is in use by another process")]
    Busy,
    /// The content isn't what was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// The disk is full or broken, or permission is missing.
    #[error("{0}")]
    Failed(String),
}
