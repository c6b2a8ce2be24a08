//! The file's state of health. No request depends on the disk: when it fails it is switched off
//! with one warning, and tried again with each sweep. It counts as well again, with a line in the
//! log, when it has held out until the next sweep; before that it may fail without another warning,
//! so that a full disk doesn't fill the log as well.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tracing::{debug, info, warn};

use super::engine::{AnswerFile, Engine, FileError};
use crate::store::answers::Usage;
use crate::sync::lock;

/// The file while it can be used, and its recovery otherwise.
pub(super) struct Health {
    engine: Box<dyn Engine>,
    state: Mutex<State>,
    warnings: AtomicU64,
}

enum State {
    Well(Arc<dyn AnswerFile>),
    /// Opened again after a failure.
    Trial(Arc<dyn AnswerFile>),
    /// Failed; completions are kept in memory only.
    Off {
        /// True if it was ours before it failed.
        ours: bool,
    },
    /// For good.
    Closed,
}

impl Health {
    pub(super) fn open(engine: Box<dyn Engine>) -> Self {
        let opened = engine.open(false);
        let disk = Self {
            engine,
            state: Mutex::new(State::Off { ours: false }),
            warnings: AtomicU64::new(0),
        };
        match opened {
            Ok(file) => *disk.lock() = State::Well(file),
            Err(error) => disk.warn(&error),
        }
        disk
    }

    /// Returns the file, while it can be used.
    pub(super) fn file(&self) -> Option<Arc<dyn AnswerFile>> {
        match &*self.lock() {
            State::Well(file) | State::Trial(file) => Some(file.clone()),
            State::Off { .. } | State::Closed => None,
        }
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        self.file().map(|file| file.usage())
    }

    /// Returns the number of warnings.
    pub(super) fn warnings(&self) -> u64 {
        self.warnings.load(Ordering::Relaxed)
    }

    /// Works with the file; returns `None` when there is none or it fails.
    pub(super) fn with<T>(
        &self,
        run: impl FnOnce(&dyn AnswerFile) -> Result<T, FileError>,
    ) -> Option<T> {
        let file = self.file()?;
        run(&*file).map_err(|error| self.switch_off(&file, &error)).ok()
    }

    /// Tries a file that had failed, and trusts one that has held out since.
    pub(super) fn recover(&self) {
        let mut state = self.lock();
        match &*state {
            State::Trial(file) => {
                *state = State::Well(file.clone());
                info!("The cache is kept on disk again");
            }
            State::Off { .. } => {
                drop(state);
                // The reason, if there still is one, is in the log already.
                let _ = self.reopen();
            }
            State::Well(_) | State::Closed => {}
        }
    }

    /// Empties the file. One that can't be used is deleted, so that its content doesn't come back.
    pub(super) fn clear(&self) -> Result<(), FileError> {
        if self.file().is_none()
            && let Err(FileError::Busy) = self.reopen()
        {
            // The entries of another process aren't ours to forget. If the file was ours, they
            // aren't forgotten yet.
            return match *self.lock() {
                State::Off { ours: false } => Ok(()),
                _ => Err(FileError::Busy),
            };
        }
        match self.with(|file| file.clear()) {
            Some(()) => Ok(()),
            None => self.engine.discard(),
        }
    }

    /// Closes the file, as soon as the last read has ended.
    pub(super) fn close(&self) {
        // Closing the file takes time, so it comes after the lock's end.
        let closed = std::mem::replace(&mut *self.lock(), State::Closed);
        drop(closed);
    }

    /// Only ever called by one thread at a time.
    fn reopen(&self) -> Result<(), FileError> {
        let opened = self
            .engine
            .open(true)
            .inspect_err(|error| debug!(%error, "The cache can't be kept on disk yet"))?;
        let mut state = self.lock();
        if matches!(*state, State::Off { .. }) {
            *state = State::Trial(opened);
        }
        Ok(())
    }

    fn switch_off(&self, failed: &Arc<dyn AnswerFile>, error: &FileError) {
        let mut state = self.lock();
        let off = match &*state {
            State::Well(file) if Arc::ptr_eq(file, failed) => {
                self.warn(error);
                State::Off { ours: true }
            }
            State::Trial(file) if Arc::ptr_eq(file, failed) => {
                debug!(%error, "The cache can't be kept on disk yet");
                State::Off { ours: true }
            }
            _ => return,
        };
        let failed = std::mem::replace(&mut *state, off);
        drop(state);
        drop(failed);
    }

    /// The only place that warns.
    fn warn(&self, error: &FileError) {
        self.warnings.fetch_add(1, Ordering::Relaxed);
        warn!(
            %error,
            "The cache can't be kept on disk; completions are kept in memory only, and the disk is tried \
             again each minute"
        );
    }

    /// Held for moments only, never over the disk.
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}
