//! The room in the pool: how many instances, memories and tables there are for the calls of all
//! providers, and who may take them.
//!
//! A provider is admitted only with room of its own: its reserved calls find a place however many
//! calls of others are under way. What nobody has reserved is shared by all, and one provider takes
//! at most half of that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::config::Limit;

/// The parts of the pool that calls take: a number of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PoolParts {
    /// Instances of components, with a stack each.
    pub(super) instances: u64,
    /// Memories.
    pub(super) memories: u64,
    /// Tables.
    pub(super) tables: u64,
}

/// The room of all providers. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    total: PoolParts,
    ledger: Mutex<Ledger>,
    /// Tells those that wait for a place that one may be free.
    place_freed: Notify,
    /// Tells the loader that a reservation was given back.
    share_freed: Notify,
}

#[derive(Debug)]
struct Ledger {
    /// The parts that are reserved, whether they are taken or not.
    reserved: PoolParts,
    /// The parts that are taken beyond reservations.
    taken: PoolParts,
    /// The number of reservations that were given back.
    given_back: u64,
}

/// There is too little room for a provider's reservation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no room for it beside the other providers: its {calls} reserved calls need {needs} {of}, and {left} of \
     {total} are not reserved by others; `{key}` under [limits] in its file lowers what it needs, {setting} raises \
     what there is, and it is tried again when another provider is gone",
    key = Limit::ReservedCalls.key(),
    setting = Limit::Calls.setting()
)]
pub(super) struct NoRoom {
    calls: u64,
    of: &'static str,
    needs: u64,
    left: u64,
    total: u64,
}

/// A provider's room. Given back when the provider and all of its calls are gone.
#[derive(Debug)]
pub(super) struct Share {
    room: Room,
    /// The parts of one call.
    call: PoolParts,
    /// The calls that are reserved.
    reserved: u64,
    own: Mutex<Own>,
}

/// The places that a provider has taken.
#[derive(Debug, Default)]
struct Own {
    reserved: u64,
    shared: u64,
}

/// A place for one instance, given back when dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    share: Arc<Share>,
    is_reserved: bool,
}

impl PoolParts {
    const NONE: Self = Self { instances: 0, memories: 0, tables: 0 };

    /// Returns each part, with its name.
    fn each(&self) -> [(&'static str, u64); 3] {
        let Self { instances, memories, tables } = *self;
        [("instances", instances), ("memories", memories), ("tables", tables)]
    }

    /// Combines each part with the same one of others.
    fn with(&self, other: &Self, combine: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            instances: combine(self.instances, other.instances),
            memories: combine(self.memories, other.memories),
            tables: combine(self.tables, other.tables),
        }
    }

    fn times(&self, factor: u64) -> Self {
        self.with(&Self::NONE, |part, _| part.saturating_mul(factor))
    }

    fn plus(&self, other: &Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    fn minus(&self, other: &Self) -> Self {
        self.with(other, u64::saturating_sub)
    }

    fn fits_in(&self, other: &Self) -> bool {
        self.each().iter().zip(other.each()).all(|((_, part), (_, other))| *part <= other)
    }
}

impl Room {
    /// Makes the room of a pool with these parts.
    pub(super) fn new(total: PoolParts) -> Self {
        Self(Arc::new(Shared {
            total,
            ledger: Mutex::new(Ledger {
                reserved: PoolParts::NONE,
                taken: PoolParts::NONE,
                given_back: 0,
            }),
            place_freed: Notify::new(),
            share_freed: Notify::new(),
        }))
    }

    /// Reserves room for so many calls of a provider, each of which takes these parts.
    ///
    /// # Errors
    /// The part of which too little is left.
    pub(super) fn reserve(&self, call: PoolParts, calls: u64) -> Result<Arc<Share>, NoRoom> {
        let needs = call.times(calls);
        let mut ledger = self.ledger();
        // What others have taken beyond their reservations is theirs until they give it back.
        let left = self.0.total.minus(&ledger.reserved).minus(&ledger.taken);
        let parts = needs.each().into_iter().zip(left.each()).zip(self.0.total.each());
        for (((of, needs), (_, left)), (_, total)) in parts {
            if left < needs {
                return Err(NoRoom { calls, of, needs, left, total });
            }
        }
        ledger.reserved = ledger.reserved.plus(&needs);
        drop(ledger);
        let (room, own) = (self.clone(), Mutex::default());
        Ok(Arc::new(Share { room, call, reserved: calls, own }))
    }

    /// Returns the number of reservations that were given back.
    pub(super) fn given_back(&self) -> u64 {
        self.ledger().given_back
    }

    /// Waits until a reservation is given back. One that was given back since the last time is told
    /// at once.
    pub(super) async fn share_freed(&self) {
        self.0.share_freed.notified().await;
    }

    /// Short critical sections; nothing awaits in one.
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Returns the number of its reserved calls.
    pub(super) fn reserved(&self) -> u64 {
        self.reserved
    }

    /// Takes a place, if there is one: a reserved one, or one that all share.
    pub(super) fn try_take(self: &Arc<Self>) -> Option<Ticket> {
        let mut own = self.own();
        let is_reserved = own.reserved < self.reserved;
        if is_reserved {
            own.reserved += 1;
        } else {
            let mut ledger = self.room.ledger();
            let shared = self.room.0.total.minus(&ledger.reserved);
            let half = shared.with(&PoolParts::NONE, |part, _| part / 2);
            let taken = ledger.taken.plus(&self.call);
            if !taken.fits_in(&shared) || !self.call.times(own.shared + 1).fits_in(&half) {
                return None;
            }
            ledger.taken = taken;
            own.shared += 1;
        }
        drop(own);
        Some(Ticket { share: self.clone(), is_reserved })
    }

    /// Waits for a place.
    pub(super) async fn take(self: &Arc<Self>) -> Ticket {
        loop {
            let mut freed = std::pin::pin!(self.room.0.place_freed.notified());
            // Before the look, so that no place is given back between the two unseen.
            freed.as_mut().enable();
            if let Some(ticket) = self.try_take() {
                return ticket;
            }
            freed.await;
        }
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let needs = self.call.times(self.reserved);
        let mut ledger = self.room.ledger();
        ledger.reserved = ledger.reserved.minus(&needs);
        ledger.given_back += 1;
        drop(ledger);
        self.room.0.place_freed.notify_waiters();
        self.room.0.share_freed.notify_one();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let share = &self.share;
        let mut own = share.own();
        if self.is_reserved {
            own.reserved -= 1;
        } else {
            own.shared -= 1;
            let mut ledger = share.room.ledger();
            ledger.taken = ledger.taken.minus(&share.call);
        }
        drop(own);
        share.room.0.place_freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const ORDINARY: PoolParts = PoolParts { instances: 1, memories: 1, tables: 1 };
    const HEAVY: PoolParts = PoolParts { instances: 1, memories: 32, tables: 1 };

    fn room() -> Room {
        Room::new(PoolParts { instances: 100, memories: 200, tables: 400 })
    }

    fn take_all(share: &Arc<Share>) -> Vec<Ticket> {
        std::iter::from_fn(|| share.try_take()).collect()
    }

    #[test]
    fn reserved_places_are_free_whatever_others_take() {
        let room = room();
        let shares: Vec<_> = (0..3).map(|_| room.reserve(ORDINARY, 16).unwrap()).collect();
        let first = take_all(&shares[0]);
        // Of the 52 that are shared, half.
        assert_eq!(first.len(), 16 + 26);
        let second = take_all(&shares[1]);
        assert_eq!(second.len(), 16 + 26);
        assert_eq!(take_all(&shares[2]).len(), 16);
        drop(first);
        assert_eq!(take_all(&shares[2]).len(), 16 + 26);
    }

    #[test]
    fn one_that_needs_much_of_a_part_takes_half_of_what_is_shared_of_it() {
        let room = room();
        let heavy = room.reserve(HEAVY, 2).unwrap();
        let ordinary = room.reserve(ORDINARY, 16).unwrap();
        // 120 memories are shared: one call of 32 is within their half, two aren't.
        let taken = take_all(&heavy);
        assert_eq!(taken.len(), 2 + 1);
        assert_eq!(take_all(&ordinary).len(), 16 + 41);
    }

    #[test]
    fn a_reservation_that_does_not_fit_names_the_part_and_fits_when_another_is_gone() {
        let room = room();
        let first = room.reserve(HEAVY, 5).unwrap();
        let refused = room.reserve(HEAVY, 2).unwrap_err();
        let told = refused.to_string();
        for part in ["its 2 reserved calls need 64 memories, and 40 of 200", "`reserved-calls`"] {
            assert!(told.contains(part), "{told}");
        }
        let under_way = first.try_take().unwrap();
        assert!(room.share_freed().now_or_never().is_none());
        drop(first);
        assert!(room.reserve(HEAVY, 2).is_err(), "a call of it is still under way");
        drop(under_way);
        assert!(room.share_freed().now_or_never().is_some());
        assert!(room.reserve(HEAVY, 2).is_ok());
    }

    #[test]
    fn what_is_taken_beyond_reservations_is_not_reserved_for_another() {
        let room = Room::new(PoolParts { instances: 20, memories: 20, tables: 20 });
        let first = room.reserve(ORDINARY, 4).unwrap();
        let under_way = take_all(&first);
        assert_eq!(under_way.len(), 4 + 8);
        assert_eq!(room.reserve(ORDINARY, 9).unwrap_err().left, 8);
        let second = room.reserve(ORDINARY, 8).unwrap();
        assert_eq!(take_all(&second).len(), 8);
    }

    #[tokio::test]
    async fn who_waits_gets_the_next_place() {
        let room = Room::new(PoolParts { instances: 2, memories: 2, tables: 2 });
        let first = room.reserve(ORDINARY, 1).unwrap();
        let second = room.reserve(ORDINARY, 1).unwrap();
        let taken = second.take().await;
        let (mut waits, _other) = (std::pin::pin!(second.take()), first.take().await);
        assert!(futures_util::poll!(waits.as_mut()).is_pending());
        drop(taken);
        assert!(futures_util::poll!(waits.as_mut()).is_ready());
    }
}
