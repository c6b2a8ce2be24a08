//! Decides whether a failed attempt is followed by another, and when.
//!
//! Sits inside the cache, so a hit costs no attempt, and outside the plugin, so each attempt gets a fresh instance and a
//! failed guest leaves nothing behind. Pure: the clock and the dice are the caller's.

use std::time::Duration;

use super::{ErrorKind, ProviderError};
use crate::plugin::CallError;

/// The longest wait of our own choosing.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// The longest wait that a vendor may ask of us; past it the caller is told instead.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// How often and how patiently.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// Attempts after the first.
    pub(crate) max_retries: u32,
    /// The wait before the first retry; doubled for each one after.
    pub(crate) delay: Duration,
}

impl Policy {
    /// How long to wait before the next attempt, after `attempts` of them failed, the last one with `error`; nothing if
    /// there shall be none. `dice` is from 0 to 1.
    pub(crate) fn wait(&self, attempts: u32, error: &CallError, dice: f64) -> Option<Duration> {
        if self.max_retries < attempts || !may_pass(error) {
            return None;
        }
        match retry_after(error) {
            Some(asked) if RETRY_AFTER_MAX < asked => None,
            Some(asked) => Some(asked),
            None => Some(self.backoff(attempts, dice)),
        }
    }

    /// Half of the doubled delay, and of the other half as much as the dice say, so that callers who failed together
    /// don't come back together.
    fn backoff(&self, attempts: u32, dice: f64) -> Duration {
        let doubled = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        let full = self.delay.saturating_mul(doubled).min(BACKOFF_MAX);
        full / 2 + (full / 2).mul_f64(dice.clamp(0.0, 1.0))
    }
}

/// What the vendor asked for, if anything.
fn retry_after(error: &CallError) -> Option<Duration> {
    let CallError::Provider(error) = error else { return None };
    error.retry_after_ms.filter(|ms| *ms != 0).map(|ms| Duration::from_millis(ms.into()))
}

/// Whether the same request may succeed a little later. No wildcards: a new failure stops compiling until somebody
/// decides.
fn may_pass(error: &CallError) -> bool {
    match error {
        CallError::Provider(error) => vendor_may_recover(error),
        // A guest that crashed or broke a limit does so again; a full house is told to the caller at once; the rest
        // doesn't change by waiting.
        CallError::Trapped { .. }
        | CallError::Exceeded { .. }
        | CallError::Invalid { .. }
        | CallError::Unconfigured(_)
        | CallError::Busy { .. }
        | CallError::Deadline
        | CallError::Host(_) => false,
    }
}

fn vendor_may_recover(error: &ProviderError) -> bool {
    match error.kind {
        ErrorKind::RateLimited
        | ErrorKind::Overloaded
        | ErrorKind::VendorFailed
        | ErrorKind::Timeout
        | ErrorKind::Connection
        | ErrorKind::Interrupted => true,
        // An answer that makes no sense was made and paid for; the next one costs again and will hardly differ.
        ErrorKind::BadResponse
        | ErrorKind::InvalidRequest
        | ErrorKind::Unsupported
        | ErrorKind::Credentials
        | ErrorKind::Billing
        | ErrorKind::NotFound
        | ErrorKind::TooLarge
        | ErrorKind::Denied
        | ErrorKind::Unconfigured
        | ErrorKind::Other(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { max_retries: 3, delay: Duration::from_millis(1_000) };

    fn failed(kind: ErrorKind, retry_after_ms: Option<u32>) -> CallError {
        CallError::from(ProviderError {
            kind,
            message: String::new(),
            status: None,
            code: None,
            field: None,
            request_id: None,
            retry_after_ms,
            extra: None,
        })
    }

    fn overloaded() -> CallError {
        failed(ErrorKind::Overloaded, None)
    }

    #[test]
    fn the_wait_doubles_between_half_and_whole() {
        for (attempts, whole) in [(1, 1_000), (2, 2_000), (3, 4_000)] {
            let whole = Duration::from_millis(whole);
            assert_eq!(POLICY.wait(attempts, &overloaded(), 0.0), Some(whole / 2));
            assert_eq!(POLICY.wait(attempts, &overloaded(), 1.0), Some(whole));
        }
    }

    #[test]
    fn retries_are_counted_after_the_first_attempt() {
        assert!(POLICY.wait(3, &overloaded(), 0.5).is_some());
        assert_eq!(POLICY.wait(4, &overloaded(), 0.5), None);
        let none = Policy { max_retries: 0, ..POLICY };
        assert_eq!(none.wait(1, &overloaded(), 0.5), None);
    }

    #[test]
    fn no_wait_of_ours_is_longer_than_its_cap() {
        let patient = Policy { max_retries: u32::MAX, ..POLICY };
        assert_eq!(patient.wait(1_000_000, &overloaded(), 1.0), Some(BACKOFF_MAX));
    }

    #[test]
    fn the_vendors_wish_wins_up_to_a_minute_and_ends_the_matter_above() {
        let asked = |ms| POLICY.wait(1, &failed(ErrorKind::RateLimited, Some(ms)), 0.5);
        assert_eq!(asked(2_000), Some(Duration::from_secs(2)));
        assert_eq!(asked(60_000), Some(Duration::from_secs(60)));
        assert_eq!(asked(60_001), None);
        assert_eq!(asked(0), Some(Duration::from_millis(750)));
    }

    #[test]
    fn what_waiting_cannot_mend_is_not_tried_again() {
        for kind in [
            ErrorKind::InvalidRequest,
            ErrorKind::Unsupported,
            ErrorKind::Credentials,
            ErrorKind::Billing,
            ErrorKind::NotFound,
            ErrorKind::TooLarge,
            ErrorKind::BadResponse,
            ErrorKind::Denied,
            ErrorKind::Unconfigured,
            ErrorKind::Other("x".into()),
        ] {
            assert_eq!(POLICY.wait(1, &failed(kind.clone(), None), 0.5), None, "{kind:?}");
        }
        let trapped = CallError::Trapped { plugin: "p".into(), trap: "t".into(), stderr: String::new() };
        assert_eq!(POLICY.wait(1, &trapped, 0.5), None);
    }
}
