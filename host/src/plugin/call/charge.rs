//! The account of a guest's computing time.
//!
//! Everything that runs for a guest runs while its future is polled: its own code, the host
//! functions that it calls, and the copying of what passes between the two. So the account is kept
//! there, in the processor time of the thread that polls. No host function can be linked past it,
//! and waiting costs nothing, because a future that waits isn't polled.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use crate::plugin::bounds::TICK;
use crate::plugin::lane::SlowLane;

/// The computing time after which a guest that is called again and again lets others have the
/// thread: so long may each of them keep a connection waiting.
const TURN: Duration = Duration::from_millis(1);

/// The account of one call. Clones are the same account.
#[derive(Clone)]
pub(super) struct Account(Arc<Shared>);

struct Shared {
    /// The allowance, in nanoseconds.
    allowed: u64,
    /// The time that is charged, in nanoseconds.
    charged: AtomicU64,
    /// The part of it after which others had their turn, in nanoseconds.
    yielded: AtomicU64,
    /// The reading of the thread's clock up to which time is charged, in nanoseconds.
    mark: AtomicU64,
    lane: SlowLane,
    /// The place in the slow lane that the guest holds while it computes there.
    place: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Account {
    /// Opens an account with this allowance.
    pub(super) fn new(allowed: Duration, lane: SlowLane) -> Self {
        Self(Arc::new(Shared {
            allowed: nanoseconds(allowed),
            charged: AtomicU64::new(0),
            yielded: AtomicU64::new(0),
            mark: AtomicU64::new(0),
            lane,
            place: Mutex::default(),
        }))
    }

    /// Begins anew, for another call of the same instance.
    pub(super) fn renew(&self) {
        self.0.charged.store(0, Ordering::Relaxed);
        self.0.yielded.store(0, Ordering::Relaxed);
    }

    /// Runs a guest and charges the processor time that it takes, whether it ends or is dropped.
    ///
    /// A guest that is called again and again, each time for less than a tick, is never stopped by
    /// one; so others get their turn between its calls.
    pub(super) async fn run<F: Future>(&self, guest: F) -> F::Output {
        if nanoseconds(TURN) <= self.since_turn() {
            self.clone().take_turns().await;
        }
        let mut guest = pin!(guest);
        std::future::poll_fn(|context| {
            self.0.mark.store(thread_time(), Ordering::Relaxed);
            let polled = guest.as_mut().poll(context);
            self.charge();
            // A guest that waits for something takes no place from those that compute. One that
            // waits for its place hasn't got it yet.
            self.leave_lane();
            match polled {
                Poll::Ready(done) => Poll::Ready(done),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Charges the time since the last charge within the same poll.
    pub(super) fn charge(&self) {
        let now = thread_time();
        let since = self.0.mark.swap(now, Ordering::Relaxed);
        self.0.charged.fetch_add(now.saturating_sub(since), Ordering::Relaxed);
    }

    /// Returns true if the guest has used all that it may.
    pub(super) fn is_spent(&self) -> bool {
        self.0.allowed <= self.0.charged.load(Ordering::Relaxed)
    }

    /// Lets other requests have the thread before the guest goes on. A guest that has computed for
    /// longer than a tick then waits for a place in the slow lane.
    pub(super) async fn take_turns(self) {
        self.leave_lane();
        self.0.yielded.store(self.0.charged.load(Ordering::Relaxed), Ordering::Relaxed);
        tokio::task::yield_now().await;
        if nanoseconds(TICK) < self.0.charged.load(Ordering::Relaxed) {
            let place = self.0.lane.enter().await;
            *self.0.place.lock().unwrap_or_else(PoisonError::into_inner) = place;
        }
    }

    /// Returns the time that is charged since others had their turn, in nanoseconds.
    fn since_turn(&self) -> u64 {
        let charged = self.0.charged.load(Ordering::Relaxed);
        charged.saturating_sub(self.0.yielded.load(Ordering::Relaxed))
    }

    fn leave_lane(&self) {
        drop(self.0.place.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Returns the processor time of this thread, in nanoseconds.
#[cfg(unix)]
fn thread_time() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let (seconds, rest) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or(0).saturating_mul(1_000_000_000).saturating_add(rest.unwrap_or(0))
}

/// Returns the time since the first reading, in nanoseconds: elsewhere, the time that the system
/// gives to others while a guest computes is charged too.
#[cfg(not(unix))]
fn thread_time() -> u64 {
    static START: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    nanoseconds(START.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(allowed: Duration) -> Account {
        Account::new(allowed, SlowLane::new(1))
    }

    #[tokio::test]
    async fn waiting_costs_nothing_and_computing_is_charged_without_a_tick() {
        let account = account(Duration::from_millis(20));
        account.run(tokio::time::sleep(Duration::from_millis(50))).await;
        assert!(!account.is_spent());
        // One step without a tick in it, as a host function is.
        account
            .run(async {
                let began = thread_time();
                while thread_time() - began < 30_000_000 {}
            })
            .await;
        assert!(account.is_spent());
        account.renew();
        assert!(!account.is_spent());
    }

    #[tokio::test]
    async fn many_short_calls_give_others_their_turn_like_one_long_call() {
        let account = account(Duration::from_secs(10));
        let short = || {
            account.run(async {
                let began = thread_time();
                while thread_time() - began < 3_000_000 {}
            })
        };
        let mut turns = 0;
        for _ in 0..40 {
            let mut call = pin!(short());
            while futures_util::poll!(call.as_mut()).is_pending() {
                turns += 1;
            }
        }
        // At least 120 ms of computing.
        assert!((5..=40).contains(&turns), "{turns}");
    }

    #[tokio::test]
    async fn a_guest_that_waits_holds_no_place_in_the_slow_lane() {
        let lane = SlowLane::new(1);
        let long = Account::new(Duration::from_secs(1), lane.clone());
        long.0.charged.store(nanoseconds(TICK) * 2, Ordering::Relaxed);
        let waits = async {
            long.clone().take_turns().await;
            std::future::pending::<()>().await;
        };
        let mut waits = pin!(long.run(waits));
        for _ in 0..3 {
            assert!(futures_util::poll!(waits.as_mut()).is_pending());
        }
        assert!(futures_util::poll!(pin!(lane.enter())).is_ready());
    }
}
