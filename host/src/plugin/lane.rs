//! The slow lane: guests that compute for long take turns on fewer threads than there are, so that
//! one is always free for connections and for calls that are soon done.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places in which guests compute for long, shared by all providers. Clones are the same lane.
#[derive(Clone)]
pub(super) struct SlowLane(Arc<Semaphore>);

impl SlowLane {
    /// Makes a lane of this many places.
    pub(super) fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    /// Makes a lane that leaves one of the machine's processors free, if there are two.
    pub(super) fn of_this_machine() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new(processors.saturating_sub(1).max(1))
    }

    /// Waits for a place, in line.
    pub(super) async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        self.0.clone().acquire_owned().await.ok()
    }
}
