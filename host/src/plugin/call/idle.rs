//! Instances between two calls. By default there are none: a call gets a new instance, and what a
//! caller asked is gone with it. An operator who trusts a component may let an instance answer
//! several calls in turn (`reuse`), which saves making it, at the price that whatever the guest
//! leaves in its memory is there when the next caller asks.

use std::sync::{Mutex, MutexGuard, PoisonError};

use wasmtime::Store;

use super::exports::Functions;
use super::idle_budget::{IdleBudget, IdlePermit};
use super::state::CallState;
use crate::plugin::room::Ticket;

/// An instance that can answer calls, one after the other.
pub(super) struct PooledInstance {
    /// Its memory, and the state of the call that it answers.
    pub(super) store: Store<CallState>,
    /// Its exports.
    pub(super) functions: Functions,
    /// The number of calls that it has answered.
    pub(super) calls: u64,
    /// Its place in the pool. Dropped after the store, which it is for.
    pub(super) _ticket: Ticket,
}

/// One provider's idle instances.
pub(super) struct Idle {
    /// The one that waits for the shortest time is called next: its memory is likely still in the
    /// processor's caches.
    waiting: Mutex<Vec<(PooledInstance, IdlePermit)>>,
    /// Calls that one instance may answer.
    reuse: u64,
    budget: IdleBudget,
}

impl Idle {
    pub(super) fn new(reuse: u64, budget: IdleBudget) -> Self {
        Self { waiting: Mutex::default(), reuse, budget }
    }

    /// Takes an instance that has answered before and may answer again.
    pub(super) fn take(&self) -> Option<PooledInstance> {
        self.waiting().pop().map(|(used, _)| used)
    }

    /// Lets an instance wait for its next call, if it may have one, holds nothing of the last one
    /// in the host, and there is room.
    pub(super) fn put(&self, used: PooledInstance) {
        if self.reuse <= used.calls || used.store.data().holds_replies() {
            return;
        }
        if let Some(permits) = self.budget.take(used.store.data().memory()) {
            self.waiting().push((used, permits));
        }
    }

    /// Short critical sections; nothing awaits or ends an instance in one.
    fn waiting(&self) -> MutexGuard<'_, Vec<(PooledInstance, IdlePermit)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
