//! Gates: places where a reply waits for the test. They are why no test has to sleep.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::patience::PATIENCE;

/// A place where a reply waits until the test opens it. Clones are the same gate; once open it
/// stays open.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<Passage>>);

#[derive(Debug, Default)]
struct Passage {
    open: bool,
    reached: usize,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::default()))
    }

    /// Lets all replies through, those that wait and those still to come.
    pub fn open(&self) {
        self.0.send_modify(|passage| passage.open = true);
    }

    /// Waits until a reply has come this far: all that it had to send before the gate is then in
    /// the hands of the operating system.
    ///
    /// # Panics
    ///
    /// When none does for a long time.
    pub async fn reached(&self) {
        self.reached_by(1).await;
    }

    /// Waits until this many replies have come this far.
    ///
    /// # Panics
    ///
    /// When they don't for a long time.
    pub async fn reached_by(&self, replies: usize) {
        if !self.reached_within(replies, PATIENCE).await {
            let reached = self.0.borrow().reached;
            panic!("waited {PATIENCE:?} for {replies} replies to reach a gate, but {reached} did");
        }
    }

    /// The same for programs, which don't panic: says whether they did in this time.
    pub async fn reached_within(&self, replies: usize, patience: Duration) -> bool {
        let mut passage = self.0.subscribe();
        let arrival = passage.wait_for(|passage| passage.reached >= replies);
        tokio::time::timeout(patience, arrival).await.is_ok()
    }

    /// Passes the gate as a reply does.
    pub(crate) async fn pass(&self) {
        self.0.send_modify(|passage| passage.reached += 1);
        // An error would mean that the sender is gone, and `self` holds it.
        let _ = self.0.subscribe().wait_for(|passage| passage.open).await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
