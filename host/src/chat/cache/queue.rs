//! What is on its way to the disk: bounded in number and bytes, since a slow disk must cost entries
//! and not memory.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::entry::{self, Entry};
use crate::chat::key::Key;

/// How many entries wait at most.
const ENTRIES_MAX: usize = 1_024;
/// With this much waiting, no more is taken. One answer can be larger than this, so it bounds what
/// waits already.
const BYTES_MAX: usize = 32 << 20;
/// How many of them make a batch worth writing at once.
const BATCH: usize = 256;
/// How long the first of a batch waits for others. A commit takes some milliseconds of the disk's
/// time, whatever its size; entries are to be on disk within a second.
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
    bytes: usize,
    /// Taken, and not yet done with.
    taken: usize,
    closed: bool,
}

impl State {
    /// Whether waiting for more isn't worth it.
    fn is_batch(&self) -> bool {
        BATCH <= self.waiting.len() || BYTES_MAX <= self.bytes
    }
}

/// A change on its way.
pub(super) struct Queued {
    /// How many times the cache had been cleared when it was asked for.
    pub(super) generation: u64,
    pub(super) key: Key,
    /// The new entry; nothing: it is to be removed.
    pub(super) entry: Option<Entry>,
}

/// Why the writer wakes up.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wake {
    /// There is something to write.
    Queued,
    /// The time has come that it was to wake at.
    Due,
    /// Nothing more will come.
    Closed,
}

impl Queue {
    /// Whether there was room.
    pub(super) fn push(&self, queued: Queued) -> bool {
        let mut state = self.lock();
        if state.closed || ENTRIES_MAX <= state.waiting.len() || BYTES_MAX <= state.bytes {
            return false;
        }
        state.bytes += weight(&queued);
        state.waiting.push_back(queued);
        if state.waiting.len() == 1 || state.is_batch() {
            self.changed.notify_all();
        }
        true
    }

    /// Takes all that waits. It counts until [`Self::done`].
    pub(super) fn take(&self) -> Vec<Queued> {
        let mut state = self.lock();
        state.bytes = 0;
        state.taken = state.waiting.len();
        std::mem::take(&mut state.waiting).into()
    }

    /// What was taken is on disk, or lost.
    pub(super) fn done(&self) {
        self.lock().taken = 0;
    }

    /// How many are on their way.
    pub(super) fn len(&self) -> usize {
        let state = self.lock();
        state.waiting.len() + state.taken
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
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weight(queued: &Queued) -> usize {
    queued.entry.as_ref().map_or(0, |entry| entry::weight(&entry.completion))
}
