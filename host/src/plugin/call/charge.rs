//! The account of a guest's computing time.
//!
//! Everything that runs for a guest runs while its future is polled: its own code, the host
//! functions that it calls, and the copying of what passes between the two. So the account is kept
//! there, in the processor time of the thread that polls. No host function can be linked past it,
//! and waiting costs nothing, because a future that waits isn't polled.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::turns;

/// The account of one call. Clones are the same account.
#[derive(Clone)]
pub(super) struct Account(Arc<Shared>);

struct Shared {
    /// The allowance, in nanoseconds.
    allowed: u64,
    /// The time that is charged, in nanoseconds.
    charged: AtomicU64,
    /// The reading of the thread's clock up to which time is charged, in nanoseconds.
    mark: AtomicU64,
}

impl Account {
    /// Opens an account with this allowance.
    pub(super) fn new(allowed: Duration) -> Self {
        Self(Arc::new(Shared {
            allowed: nanoseconds(allowed),
            charged: AtomicU64::new(0),
            mark: AtomicU64::new(0),
        }))
    }

    /// Begins anew, for another call of the same instance.
    pub(super) fn renew(&self) {
        self.0.charged.store(0, Ordering::Relaxed);
    }

    /// Runs a guest and charges the processor time that it takes, whether it ends or is dropped.
    ///
    /// A guest that is called again and again, each time for less than a tick, is never stopped by
    /// one; so others get their turn between its calls.
    pub(super) async fn run<F: Future>(&self, guest: F) -> F::Output {
        turns::end_if_over().await;
        let mut guest = pin!(guest);
        std::future::poll_fn(|context| {
            self.0.mark.store(thread_time(), Ordering::Relaxed);
            let polled = guest.as_mut().poll(context);
            self.charge();
            polled
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
    use crate::turns::Turns;

    #[tokio::test]
    async fn waiting_costs_nothing_and_computing_is_charged_without_a_tick() {
        let account = Account::new(Duration::from_millis(20));
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
        let account = Account::new(Duration::from_secs(10));
        let short = || {
            account.run(async {
                let began = thread_time();
                while thread_time() - began < 3_000_000 {}
            })
        };
        let mut turns = 0;
        let mut calls = pin!(Turns::new(1).with(async {
            for _ in 0..40 {
                short().await;
            }
        }));
        while futures_util::poll!(calls.as_mut()).is_pending() {
            turns += 1;
        }
        // Each call is longer than a turn, so the next one begins another.
        assert!((30..=40).contains(&turns), "{turns}");
    }
}
