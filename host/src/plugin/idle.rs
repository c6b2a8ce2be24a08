//! Instances between two calls. By default there are none: a call gets a new instance, and what a
//! caller asked is gone with it. An operator who trusts a component may let an instance answer
//! several calls in turn (`reuse`), which saves making it, at the price that whatever the guest
//! leaves in its memory is there when the next caller asks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Store;

use super::exports::Functions;
use super::state::CallState;

/// Memory that all idle instances together may keep, in pages of WebAssembly. A Rust provider has
/// some 17 of them, Python 200.
const PAGES: usize = 4096;
/// Bytes in one.
const PAGE: usize = 64 << 10;

/// An instance and how often it was called.
pub(super) struct Used {
    pub(super) store: Store<CallState>,
    pub(super) functions: Functions,
    /// Calls that it has answered.
    pub(super) calls: u64,
}

/// Room for idle instances, shared by all providers: what they keep is taken from the pool that
/// calls need.
#[derive(Clone)]
pub(super) struct Room {
    instances: Arc<Semaphore>,
    pages: Arc<Semaphore>,
}

impl Room {
    /// For so many instances.
    pub(super) fn new(instances: usize) -> Self {
        Self {
            instances: Arc::new(Semaphore::new(instances)),
            pages: Arc::new(Semaphore::new(PAGES)),
        }
    }

    /// Takes room for an instance with that much memory, if there is some.
    fn enter(&self, bytes: usize) -> Option<[OwnedSemaphorePermit; 2]> {
        let pages = u32::try_from(bytes.div_ceil(PAGE)).unwrap_or(u32::MAX);
        let instance = self.instances.clone().try_acquire_owned().ok()?;
        Some([instance, self.pages.clone().try_acquire_many_owned(pages).ok()?])
    }
}

/// One provider's idle instances.
pub(super) struct Idle {
    /// The one that waits for the shortest time is called next: its memory is likely still in the
    /// processor's caches.
    waiting: Mutex<Vec<(Used, [OwnedSemaphorePermit; 2])>>,
    /// Calls that one instance may answer.
    reuse: u64,
    room: Room,
}

impl Idle {
    pub(super) fn new(reuse: u64, room: Room) -> Self {
        Self { waiting: Mutex::default(), reuse, room }
    }

    /// An instance that has answered before and may answer again.
    pub(super) fn take(&self) -> Option<Used> {
        self.waiting().pop().map(|(used, _)| used)
    }

    /// Lets an instance wait for its next call, if it may have one, holds nothing of the last one
    /// in the host, and there is room.
    pub(super) fn put(&self, used: Used) {
        if self.reuse <= used.calls || used.store.data().holds_replies() {
            return;
        }
        if let Some(permits) = self.room.enter(used.store.data().memory()) {
            self.waiting().push((used, permits));
        }
    }

    /// Short critical sections; nothing awaits or ends an instance in one.
    fn waiting(&self) -> MutexGuard<'_, Vec<(Used, [OwnedSemaphorePermit; 2])>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
