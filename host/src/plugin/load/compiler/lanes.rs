//! The order in which components are compiled: each gets a short turn soon; the few that need
//! longer go on in a lane of their own.
//!
//! A component that takes a minute so never keeps one that takes a tenth of a second, however many
//! such components there are. One that outlasts its turn while the long lane is full is ended and
//! begins anew there, later: it holds neither a place nor memory while it waits.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The length of a turn in the short lane. The bundled components need a tenth of a second each.
const TURN: Duration = Duration::from_secs(3);
/// The most components in the short lane: each keeps several cores busy by itself.
const SHORT_PLACES_MAX: usize = 4;
/// Components in the long lane.
const LONG_PLACES: usize = 2;

/// A lane to be compiled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plugin) enum Lane {
    /// The lane with turns, where each component begins.
    Short,
    /// The lane for components that need longer.
    Long,
}

/// The lanes. Clones are the same.
#[derive(Debug, Clone)]
pub(in crate::plugin) struct Lanes {
    short: Arc<Semaphore>,
    long: Arc<Semaphore>,
    /// A permit is a component that is compiled, in whichever lane: there is memory for so many.
    all: Arc<Semaphore>,
}

/// A component's place in a lane, given back when dropped.
pub(in crate::plugin) struct Place {
    lane: Lane,
    lanes: Lanes,
    _permit: Option<OwnedSemaphorePermit>,
    _memory: Option<OwnedSemaphorePermit>,
}

impl Lanes {
    /// Returns empty lanes, for so many components at once.
    pub(in crate::plugin) fn new(at_once: usize) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let at_once = at_once.max(1);
        // One place is always left for the short lane, unless there is only one.
        let long = LONG_PLACES.min(at_once - 1).max(1);
        Self {
            short: Arc::new(Semaphore::new(cores.clamp(2, SHORT_PLACES_MAX))),
            long: Arc::new(Semaphore::new(long)),
            all: Arc::new(Semaphore::new(at_once)),
        }
    }

    /// Waits for a place.
    pub(in crate::plugin) async fn enter(&self, lane: Lane) -> Place {
        let places = match lane {
            Lane::Short => &self.short,
            Lane::Long => &self.long,
        };
        // Fails only when the semaphore is closed, which nothing does.
        let permit = places.clone().acquire_owned().await.ok();
        let memory = self.all.clone().acquire_owned().await.ok();
        Place { lane, lanes: self.clone(), _permit: permit, _memory: memory }
    }
}

impl Place {
    /// Returns the time after which the place is another's, if there is one.
    pub(super) fn turn(&self) -> Option<Duration> {
        (self.lane == Lane::Short).then_some(TURN)
    }

    /// Changes to the long lane, unless it is full.
    pub(super) fn change_lanes(&mut self) -> bool {
        let Ok(permit) = self.lanes.long.clone().try_acquire_owned() else { return false };
        (self.lane, self._permit) = (Lane::Long, Some(permit));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_place_in_the_short_lane_is_free_again_when_its_component_needs_longer() {
        let lanes = Lanes::new(usize::from(u8::MAX));
        let all = lanes.short.available_permits();
        let mut places = Vec::new();
        for _ in 0..all {
            places.push(lanes.enter(Lane::Short).await);
        }
        assert_eq!(lanes.short.available_permits(), 0);
        let changed = places.iter_mut().filter_map(|place| place.change_lanes().then_some(()));
        assert_eq!(changed.count(), all.min(LONG_PLACES));
        assert_eq!(lanes.short.available_permits(), all.min(LONG_PLACES));
        assert_eq!(places.iter().filter(|place| place.turn().is_none()).count(), LONG_PLACES);
        drop(places);
        assert_eq!(lanes.short.available_permits(), all);
        assert_eq!(lanes.long.available_permits(), LONG_PLACES);
    }

    #[tokio::test]
    async fn there_are_never_more_compilers_than_there_is_memory_for() {
        for (at_once, long) in [(1, 1), (2, 1), (3, 2), (6, 2)] {
            let lanes = Lanes::new(at_once);
            assert_eq!(lanes.long.available_permits(), long);
            let _long = lanes.enter(Lane::Long).await;
            assert_eq!(lanes.all.available_permits(), at_once - 1);
        }
    }
}
