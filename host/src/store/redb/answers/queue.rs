//! The entries on their way to the disk: bounded in number and bytes, since a slow disk must cost
//! entries and not memory.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::store::answers::{Entry, EntryKey, Generation, Usage};
use crate::sync::lock;

/// The largest number of entries that wait.
const ENTRIES_MAX: usize = 1_024;
/// The bytes of waiting entries at which no more is taken. One completion can be larger than this,
/// so it bounds those that wait already.
const BYTES_MAX: usize = 32 << 20;
/// The number of entries that make a batch worth writing at once.
const BATCH: usize = 256;
/// The time for which the first of a batch waits for others. A commit takes some milliseconds of
/// the disk's time, whatever its size; entries are to be on disk within a second.
const GATHER: Duration = Duration::from_millis(200);

/// The queue.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Queued>,
    /// The entries among them.
    entries: usize,
    bytes: usize,
    /// Taken, and not yet done with.
    taken: Usage,
    /// The content of the disk when it was last changed.
    on_disk: Usage,
    closed: bool,
}

impl State {
    /// Returns true if waiting for more isn't worth it.
    fn is_batch(&self) -> bool {
        BATCH <= self.waiting.len() || BYTES_MAX <= self.bytes
    }
}

/// A change on its way.
pub(super) struct Queued {
    /// The generation that the change was made for.
    pub(super) generation: Generation,
    pub(super) key: EntryKey,
    /// The new entry, or `None` to remove the one there is.
    pub(super) entry: Option<Entry>,
}

/// The reason for which the writer wakes up.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wake {
    /// There is something to write.
    Queued,
    /// The time that it was to wake at has come.
    Due,
    /// Nothing more will come.
    Closed,
}

impl Queue {
    /// Adds a change; returns false if there is no room.
    pub(super) fn push(&self, queued: Queued) -> bool {
        let mut state = self.lock();
        if state.closed || ENTRIES_MAX <= state.waiting.len() || BYTES_MAX <= state.bytes {
            return false;
        }
        state.bytes += weight(&queued);
        state.entries += usize::from(queued.entry.is_some());
        state.waiting.push_back(queued);
        if state.waiting.len() == 1 || state.is_batch() {
            self.changed.notify_all();
        }
        true
    }

    /// Takes all changes that wait. They count until [`Self::done`].
    pub(super) fn take(&self) -> Vec<Queued> {
        let mut state = self.lock();
        let (entries, bytes) = (state.entries as u64, state.bytes as u64);
        state.taken = Usage { entries, bytes };
        (state.entries, state.bytes) = (0, 0);
        std::mem::take(&mut state.waiting).into()
    }

    /// Notes that the changes taken are on disk, or lost, and what the disk holds now.
    pub(super) fn done(&self, on_disk: Usage) {
        let mut state = self.lock();
        (state.taken, state.on_disk) = (Usage::default(), on_disk);
    }

    /// Notes what the disk holds, where nothing was taken.
    pub(super) fn note_disk(&self, on_disk: Usage) {
        self.lock().on_disk = on_disk;
    }

    /// Returns the entries on disk and on their way there, each counted once: an entry counts with
    /// its bytes in memory until it is written.
    pub(super) fn usage(&self) -> Usage {
        let State { entries, bytes, taken, on_disk, .. } = &*self.lock();
        Usage {
            entries: on_disk.entries + taken.entries + *entries as u64,
            bytes: on_disk.bytes + taken.bytes + *bytes as u64,
        }
    }

    /// Takes no more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Sleeps until a batch has gathered, until `due`, or until there will be nothing more.
    pub(super) fn wait(&self, due: Instant) -> Wake {
        let mut state = self.sleep(self.lock(), due, |state| !state.waiting.is_empty());
        if !state.waiting.is_empty() && !state.closed {
            state = self.sleep(state, Instant::now() + GATHER, State::is_batch);
        }
        if state.closed {
            Wake::Closed
        } else if due <= Instant::now() {
            Wake::Due
        } else {
            Wake::Queued
        }
    }

    fn sleep<'a>(
        &self,
        state: MutexGuard<'a, State>,
        until: Instant,
        enough: impl Fn(&State) -> bool,
    ) -> MutexGuard<'a, State> {
        let time = until.saturating_duration_since(Instant::now());
        let waited =
            self.changed.wait_timeout_while(state, time, |state| !state.closed && !enough(state));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Held for moments only, never over the disk.
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn weight(queued: &Queued) -> usize {
    queued.entry.as_ref().map_or(0, |entry| entry.weight())
}
