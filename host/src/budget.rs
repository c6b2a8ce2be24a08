//! A budget that several parties share: of bytes, or of places.
//!
//! A party may hold at most three times what is left for all. One that is alone can so have three
//! quarters of the budget, two that take all they can have three sevenths each. However much some
//! take, there is always something left for one that has little.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::MULTIPLE_OF_REST;

/// A shared budget. Clones are the same budget.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    total: u64,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    sum: u64,
    by_party: HashMap<Arc<str>, u64>,
}

/// A party's share of a budget, given back when dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Budget,
    party: Arc<str>,
    held: u64,
}

impl Budget {
    /// Makes a budget of this size.
    pub(crate) fn new(total: u64) -> Self {
        Self(Arc::new(Shared { total, held: Mutex::default() }))
    }

    /// Returns its size.
    pub(crate) fn total(&self) -> u64 {
        self.0.total
    }

    /// Opens a charge, which holds nothing yet.
    pub(crate) fn open(&self, party: &Arc<str>) -> Charge {
        Charge { budget: self.clone(), party: party.clone(), held: 0 }
    }

    fn locked<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        change(&mut self.0.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns true if a party may have so much more now. The first of all is never refused to it.
    fn admits(&self, held: &Held, party: &str, more: u64) -> bool {
        let Some(left) = self.0.total.checked_sub(held.sum.saturating_add(more)) else {
            return false;
        };
        let own = held.by_party.get(party).copied().unwrap_or(0).saturating_add(more);
        own <= left.saturating_mul(MULTIPLE_OF_REST).max(1)
    }
}

impl Charge {
    /// Takes so much more, if the party may have it now.
    #[must_use]
    pub(crate) fn grow(&mut self, more: u64) -> bool {
        let taken = self.budget.locked(|held| {
            let admitted = self.budget.admits(held, &self.party, more);
            if admitted && more != 0 {
                held.sum += more;
                *held.by_party.entry(self.party.clone()).or_default() += more;
            }
            admitted
        });
        if taken {
            self.held += more;
        }
        taken
    }

    /// Returns the budget.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Returns true if the party may have so much more now.
    pub(crate) fn can_grow(&self, more: u64) -> bool {
        self.budget.locked(|held| self.budget.admits(held, &self.party, more))
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.held == 0 {
            return;
        }
        self.budget.locked(|held| {
            held.sum -= self.held;
            if let Some(own) = held.by_party.get_mut(&self.party) {
                *own -= self.held;
                if *own == 0 {
                    held.by_party.remove(&self.party);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn party(name: &str) -> Arc<str> {
        Arc::from(name)
    }

    #[test]
    fn one_alone_has_three_quarters_and_the_next_still_something() {
        let budget = Budget::new(100);
        let mut greedy = budget.open(&party("greedy"));
        while greedy.grow(1) {}
        assert_eq!(greedy.held, 75);
        assert!(!greedy.can_grow(1));
        let mut modest = budget.open(&party("modest"));
        assert!(modest.can_grow(18) && modest.grow(18));
        assert!(!modest.grow(1));
        drop(greedy);
        assert!(modest.grow(50));
    }

    #[test]
    fn a_budget_of_one_place_has_one_place() {
        let budget = Budget::new(1);
        let (mut first, mut second) = (budget.open(&party("a")), budget.open(&party("b")));
        assert!(first.grow(1));
        assert!(!second.grow(1));
        drop(first);
        assert!(second.grow(1));
    }

    proptest! {
        #[test]
        fn the_sum_stays_within_the_budget_and_comes_back(
            total in 1u64..1_000,
            steps in prop::collection::vec((0usize..4, 0u64..400, any::<bool>()), 1..60),
        ) {
            let budget = Budget::new(total);
            let names = ["a", "b", "c", "d"].map(party);
            let mut charges: [Vec<Charge>; 4] = Default::default();
            for (who, more, gives_back) in steps {
                if gives_back {
                    charges[who].pop();
                    continue;
                }
                let mut charge = budget.open(&names[who]);
                let could = charge.can_grow(more);
                prop_assert_eq!(charge.grow(more), could);
                charges[who].push(charge);
                let held: u64 = charges.iter().flatten().map(|charge| charge.held).sum();
                prop_assert!(held <= total);
                prop_assert_eq!(budget.locked(|held| held.sum), held);
            }
            drop(charges);
            prop_assert_eq!(budget.locked(|held| (held.sum, held.by_party.len())), (0, 0));
        }
    }
}
