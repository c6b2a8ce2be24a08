//! The budget for idle instances, shared by all providers: what they keep is taken from the pool
//! that calls need.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::plugin::bounds::PAGE_BYTES;

/// Memory that all idle instances together may keep, in pages of WebAssembly. A Rust provider has
/// some 17 of them, Python 200.
const PAGES: usize = 4096;

/// The budget of idle instances. Clones are the same budget.
#[derive(Clone)]
pub(in crate::plugin) struct IdleBudget {
    instances: Arc<Semaphore>,
    pages: Arc<Semaphore>,
}

/// One idle instance's share of the budget, given back when dropped.
pub(super) struct IdlePermit {
    _instance: OwnedSemaphorePermit,
    _pages: OwnedSemaphorePermit,
}

impl IdleBudget {
    /// Makes a budget for this many instances.
    pub(in crate::plugin) fn new(instances: usize) -> Self {
        Self {
            instances: Arc::new(Semaphore::new(instances)),
            pages: Arc::new(Semaphore::new(PAGES)),
        }
    }

    /// Takes the share of an instance with this many bytes of memory, if that much is left.
    pub(super) fn take(&self, bytes: usize) -> Option<IdlePermit> {
        let pages = u32::try_from(bytes.div_ceil(PAGE_BYTES as usize)).unwrap_or(u32::MAX);
        let instance = self.instances.clone().try_acquire_owned().ok()?;
        let pages = self.pages.clone().try_acquire_many_owned(pages).ok()?;
        Some(IdlePermit { _instance: instance, _pages: pages })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_comes_back_when_it_is_dropped() {
        let budget = IdleBudget::new(2);
        let first = budget.take(1).unwrap();
        let _second = budget.take(PAGE_BYTES as usize).unwrap();
        assert!(budget.take(1).is_none(), "two instances are all");
        drop(first);
        assert!(budget.take(1).is_some());
    }

    #[test]
    fn memory_is_bounded_over_all_instances() {
        let budget = IdleBudget::new(100);
        let half = PAGES / 2 * PAGE_BYTES as usize;
        let _all = [budget.take(half).unwrap(), budget.take(half).unwrap()];
        assert!(budget.take(1).is_none());
        assert!(budget.take(usize::MAX).is_none());
    }
}
