//! Descriptors for connections to vendors: how many there are, and who may take them.
//!
//! Each provider has some to itself, as far as they suffice. The others are shared: one provider
//! may hold at most three times as many of them as it leaves to all. So one that opens connections
//! without end, or whose vendor never answers, takes none that another needs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::config::MULTIPLE_OF_REST;
use crate::sync::lock;

/// The descriptors that a provider has to itself, if half of all suffices for that.
const OWN: u64 = 8;

/// The descriptors for all vendors. Clones are the same descriptors.
#[derive(Clone)]
pub(crate) struct Descriptors(Arc<Shared>);

struct Shared {
    total: u64,
    ledger: Mutex<Ledger>,
    freed: Notify,
}

#[derive(Default)]
struct Ledger {
    /// The descriptors that each provider holds.
    held: BTreeMap<u64, u64>,
    sum: u64,
    next: u64,
}

/// One provider's descriptors.
pub(super) struct OwnDescriptors {
    all: Descriptors,
    number: u64,
}

/// A descriptor for one connection, given back when dropped.
pub(super) struct Descriptor {
    of: Arc<OwnDescriptors>,
}

/// There was no descriptor for a connection while it waited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no connection can be opened: this provider has {held} of the {total} that all providers may have; the system's \
     limit of open files (`ulimit -n`) raises that number"
)]
pub(super) struct NoDescriptor {
    held: u64,
    total: u64,
}

impl Descriptors {
    /// Makes so many.
    pub(crate) fn new(total: u64) -> Self {
        Self(Arc::new(Shared { total, ledger: Mutex::default(), freed: Notify::new() }))
    }

    /// Opens the account of one more provider, which holds none yet.
    pub(super) fn of_one_provider(&self) -> Arc<OwnDescriptors> {
        let mut ledger = lock(&self.0.ledger);
        let number = ledger.next;
        ledger.next += 1;
        ledger.held.insert(number, 0);
        drop(ledger);
        Arc::new(OwnDescriptors { all: self.clone(), number })
    }
}

impl Ledger {
    /// Returns true if a provider that holds so many may have one more.
    fn admits(&self, held: u64, total: u64) -> bool {
        let Some(left) = total.checked_sub(self.sum.saturating_add(1)) else { return false };
        let providers = self.held.len() as u64;
        let own = OWN.min(total / 2 / providers.max(1));
        if held < own {
            return true;
        }
        let kept: u64 = self.held.values().map(|held| own.saturating_sub(*held)).sum();
        let shared = left.saturating_sub(kept);
        // Where there are fewer than providers, the first who asks has one.
        kept <= left && held < shared.saturating_mul(MULTIPLE_OF_REST).max(1)
    }
}

impl OwnDescriptors {
    /// Returns the connections that are kept for each of so many origins while they aren't used. A
    /// quarter of what the provider may hold at most is idle, so that it finds one for an
    /// origin that it hasn't asked yet.
    pub(super) fn idle_per_origin(&self, origins: usize) -> usize {
        let most = self.all.0.total / (MULTIPLE_OF_REST + 1) * MULTIPLE_OF_REST / 4;
        usize::try_from(most).unwrap_or(usize::MAX).checked_div(origins).unwrap_or(0).max(1)
    }

    fn try_take(self: &Arc<Self>) -> Option<Descriptor> {
        let mut ledger = lock(&self.all.0.ledger);
        let held = ledger.held.get(&self.number).copied().unwrap_or(0);
        if !ledger.admits(held, self.all.0.total) {
            return None;
        }
        ledger.held.insert(self.number, held + 1);
        ledger.sum += 1;
        Some(Descriptor { of: self.clone() })
    }

    /// Waits for a descriptor. Whoever stops waiting learns the reason from
    /// [`lacking`](Self::lacking).
    pub(super) async fn take(self: &Arc<Self>) -> Descriptor {
        loop {
            let mut freed = std::pin::pin!(self.all.0.freed.notified());
            // Before the look, so that none is given back between the two unseen.
            freed.as_mut().enable();
            if let Some(descriptor) = self.try_take() {
                return descriptor;
            }
            freed.await;
        }
    }

    /// Returns the reason why there was none.
    pub(super) fn lacking(&self) -> NoDescriptor {
        let held = lock(&self.all.0.ledger).held.get(&self.number).copied().unwrap_or(0);
        NoDescriptor { held, total: self.all.0.total }
    }
}

impl Drop for OwnDescriptors {
    fn drop(&mut self) {
        // It holds none: each has a share in this.
        lock(&self.all.0.ledger).held.remove(&self.number);
        self.all.0.freed.notify_waiters();
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        let all = &self.of.all.0;
        let mut ledger = lock(&all.ledger);
        ledger.sum -= 1;
        if let Some(held) = ledger.held.get_mut(&self.of.number) {
            *held -= 1;
        }
        drop(ledger);
        all.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;

    fn all_of(own: &Arc<OwnDescriptors>) -> Vec<Descriptor> {
        std::iter::from_fn(|| own.try_take()).collect()
    }

    #[test]
    fn however_many_take_all_they_can_each_finds_its_own() {
        for (total, providers) in [(96, 6), (96, 1), (11_712, 100), (10, 3), (6, 3)] {
            let all = Descriptors::new(total);
            let owns: Vec<_> = (0..providers).map(|_| all.of_one_provider()).collect();
            let (modest, greedy) = owns.split_last().unwrap();
            let taken: Vec<_> = greedy.iter().map(all_of).collect();
            let own = OWN.min(total / 2 / providers);
            assert!(own <= all_of(modest).len() as u64, "{total} for {providers}");
            drop(taken);
            assert_eq!(lock(&all.0.ledger).sum, 0);
        }
    }

    #[test]
    fn one_alone_has_three_quarters_and_what_it_keeps_idle_is_a_quarter_of_that() {
        let all = Descriptors::new(400);
        let own = all.of_one_provider();
        assert_eq!(all_of(&own).len(), 300);
        assert_eq!((own.idle_per_origin(1), own.idle_per_origin(3)), (75, 25));
        assert_eq!((own.idle_per_origin(0), own.idle_per_origin(1_000)), (1, 1));
    }

    #[test]
    fn where_there_is_one_it_is_had_by_the_first_who_asks() {
        let all = Descriptors::new(1);
        let (first, second) = (all.of_one_provider(), all.of_one_provider());
        let taken = first.try_take().unwrap();
        assert!(second.try_take().is_none());
        let says = second.lacking().to_string();
        assert!(says.contains("this provider has 0 of the 1"), "{says}");
        drop(taken);
        assert!(second.try_take().is_some());
        assert!(Descriptors::new(0).of_one_provider().try_take().is_none());
    }

    #[tokio::test]
    async fn one_that_is_given_back_goes_to_one_that_waits() {
        let all = Descriptors::new(8);
        let own = all.of_one_provider();
        let mut taken = all_of(&own);
        let mut waits = Box::pin(own.take());
        assert!(waits.as_mut().now_or_never().is_none());
        drop(taken.pop());
        assert!(waits.as_mut().now_or_never().is_some());
    }

    proptest! {
        #[test]
        fn there_are_never_more_than_all_and_all_come_back(
            total in 0u64..200,
            steps in prop::collection::vec((0usize..4, any::<bool>()), 1..300),
        ) {
            let all = Descriptors::new(total);
            let owns = [(); 4].map(|()| all.of_one_provider());
            let mut taken: [Vec<Descriptor>; 4] = Default::default();
            for (who, gives_back) in steps {
                if gives_back {
                    taken[who].pop();
                } else {
                    taken[who].extend(owns[who].try_take());
                }
                let sum = taken.iter().map(|taken| taken.len() as u64).sum::<u64>();
                prop_assert!(sum <= total);
                prop_assert_eq!(lock(&all.0.ledger).sum, sum);
            }
            drop((taken, owns));
            let ledger = lock(&all.0.ledger);
            prop_assert_eq!((ledger.sum, ledger.held.len()), (0, 0));
        }
    }
}
