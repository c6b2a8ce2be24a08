//! The store's state of health. Answers don't depend on the disk: when it fails it is switched off
//! with one warning, and tried again with each sweep. It counts as well again, with a line in the
//! log, when it has held out until the next sweep; before that it may fail without another warning,
//! so that a full disk doesn't fill the log as well.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::{debug, info, warn};

use crate::store::cache::{CacheEngine, CacheStore, StoreError, Usage};

/// The disk.
pub(super) struct Disk {
    engine: Box<dyn CacheEngine>,
    state: Mutex<State>,
    warnings: AtomicU64,
}

enum State {
    Well(Arc<dyn CacheStore>),
    /// Opened again after a failure.
    Trial(Arc<dyn CacheStore>),
    /// Failed; answers are kept in memory only.
    Off {
        /// Whether it was ours before it failed.
        ours: bool,
    },
    /// For good.
    Closed,
}

impl Disk {
    pub(super) fn open(engine: Box<dyn CacheEngine>) -> Self {
        let opened = engine.open(false);
        let disk = Self {
            engine,
            state: Mutex::new(State::Off { ours: false }),
            warnings: AtomicU64::new(0),
        };
        match opened {
            Ok(store) => *disk.lock() = State::Well(store),
            Err(error) => disk.warn(&error),
        }
        disk
    }

    /// The store, while it can be used.
    pub(super) fn store(&self) -> Option<Arc<dyn CacheStore>> {
        match &*self.lock() {
            State::Well(store) | State::Trial(store) => Some(store.clone()),
            State::Off { .. } | State::Closed => None,
        }
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        self.store().map(|store| store.usage())
    }

    /// How often it was warned of.
    pub(super) fn warnings(&self) -> u64 {
        self.warnings.load(Ordering::Relaxed)
    }

    /// Does something with the store; nothing comes of it when there is none or it fails.
    pub(super) fn with<T>(
        &self,
        run: impl FnOnce(&dyn CacheStore) -> Result<T, StoreError>,
    ) -> Option<T> {
        let store = self.store()?;
        run(&*store).map_err(|error| self.switch_off(&store, &error)).ok()
    }

    /// Tries a store that had failed, and trusts one that has held out since.
    pub(super) fn recover(&self) {
        let mut state = self.lock();
        match &*state {
            State::Trial(store) => {
                *state = State::Well(store.clone());
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

    /// Empties the store. When it can't be used, what it left behind is deleted, so that it doesn't
    /// come back.
    pub(super) fn clear(&self) -> Result<(), StoreError> {
        if self.store().is_none()
            && let Err(StoreError::Busy) = self.reopen()
        {
            // What another process keeps in its file isn't ours to forget. If it was ours, it isn't
            // forgotten yet.
            return match *self.lock() {
                State::Off { ours: false } => Ok(()),
                _ => Err(StoreError::Busy),
            };
        }
        match self.with(|store| store.clear()) {
            Some(()) => Ok(()),
            None => self.engine.discard(),
        }
    }

    /// Closes the store, as soon as the last read has ended.
    pub(super) fn close(&self) {
        // Closing the file takes time, so it comes after the lock's end.
        let closed = std::mem::replace(&mut *self.lock(), State::Closed);
        drop(closed);
    }

    /// Only ever called by one thread at a time.
    fn reopen(&self) -> Result<(), StoreError> {
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

    fn switch_off(&self, failed: &Arc<dyn CacheStore>, error: &StoreError) {
        let mut state = self.lock();
        let off = match &*state {
            State::Well(store) if Arc::ptr_eq(store, failed) => {
                self.warn(error);
                State::Off { ours: true }
            }
            State::Trial(store) if Arc::ptr_eq(store, failed) => {
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
    fn warn(&self, error: &StoreError) {
        self.warnings.fetch_add(1, Ordering::Relaxed);
        warn!(
            %error,
            "The cache can't be kept on disk; answers are kept in memory only, and the disk is tried each minute"
        );
    }

    /// Held for moments only, never over the disk.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
