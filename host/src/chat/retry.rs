//! Decides whether a failed attempt is followed by another, and when.
//!
//! Sits inside the cache, so a hit costs no attempt, and outside the plugin, so each attempt gets a
//! fresh instance and a failed guest leaves nothing behind.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::info;

use crate::contract::{ErrorKind, ProviderError};
use crate::plugin::CallError;
use crate::time::millis;

/// The longest wait of our own choosing.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// The longest wait that a vendor may ask of us; past it the caller is told instead.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// The number of retries, and the waits before them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// Attempts after the first.
    pub(crate) max_retries: u32,
    /// The wait before the first retry; doubled for each one after.
    pub(crate) delay: Duration,
}

/// The moment at which a call is given up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    /// The time that the call may take, for the error.
    allowed: Duration,
}

impl Deadline {
    /// Counted from now.
    pub(crate) fn after(allowed: Duration) -> Self {
        Self { at: Instant::now() + allowed, allowed }
    }

    /// Returns the moment.
    pub(crate) fn at(&self) -> Instant {
        self.at
    }

    /// Waits for something as long as the call may take.
    pub(crate) async fn hold<F: Future>(&self, work: F) -> Result<F::Output, CallError> {
        let late = |_| CallError::Deadline { allowed: self.allowed };
        timeout_at(self.at, work).await.map_err(late)
    }
}

/// An attempt that failed.
#[derive(Debug)]
pub(crate) struct AttemptError {
    /// The failure.
    pub(crate) error: CallError,
    /// True if content has been published: then there is no other attempt, because a caller who
    /// has content can't take another completion in its place.
    pub(crate) content_sent: bool,
}

impl AttemptError {
    /// Returns a failure before any content.
    pub(crate) fn unheard(error: CallError) -> Self {
        Self { error, content_sent: false }
    }
}

/// A call that can be attempted. (A trait, because futures of async closures aren't known to be
/// `Send`.)
pub(crate) trait Attempt {
    /// The result of a successful attempt.
    type Completion;

    /// Returns the provider's name, for the log.
    fn provider(&self) -> &str;

    /// Tries, for the `number`th time, from 1.
    fn attempt(
        &mut self,
        number: u32,
    ) -> impl Future<Output = Result<Self::Completion, AttemptError>> + Send;
}

/// Attempts until one succeeds, or another isn't worth it, or the deadline passes.
pub(crate) async fn run<A: Attempt>(
    policy: Policy,
    deadline: Deadline,
    call: &mut A,
) -> Result<A::Completion, CallError> {
    let attempts = async {
        for number in 1.. {
            let error = match call.attempt(number).await {
                Ok(completion) => return Ok(completion),
                Err(AttemptError { error, content_sent: true }) => return Err(error),
                Err(AttemptError { error, content_sent: false }) => error,
            };
            let Some(wait) = policy.wait(number, &error, fastrand::f64()) else {
                return Err(error);
            };
            if deadline.at.saturating_duration_since(Instant::now()) <= wait {
                // The caller learns more from this failure than from the deadline's.
                return Err(error);
            }
            let delay_ms = millis(wait);
            info!(
                provider = call.provider(),
                attempt = number,
                kind = error.kind(),
                delay_ms,
                "Attempt failed; trying again"
            );
            sleep(wait).await;
        }
        Err(CallError::Host("ran out of numbers for attempts".into()))
    };
    deadline.hold(attempts).await?
}

impl Policy {
    /// Returns the wait before the next attempt, after `attempts` of them failed, the last one with
    /// `error`; nothing if there shall be none. `dice` is from 0 to 1.
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

    /// Half of the doubled delay, and of the other half as much as the dice say, so that callers
    /// who failed together don't come back together.
    fn backoff(&self, attempts: u32, dice: f64) -> Duration {
        let doubled = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        let full = self.delay.saturating_mul(doubled).min(BACKOFF_MAX);
        full / 2 + (full / 2).mul_f64(dice.clamp(0.0, 1.0))
    }
}

/// Returns the wait that the vendor asked for, if any.
fn retry_after(error: &CallError) -> Option<Duration> {
    let CallError::Provider(error) = error else { return None };
    error.retry_after_ms.filter(|ms| *ms != 0).map(|ms| Duration::from_millis(ms.into()))
}

/// Returns true if the same request may succeed a little later. No wildcards: a new failure stops
/// compiling until somebody decides.
fn may_pass(error: &CallError) -> bool {
    match error {
        CallError::Provider(error) => match advice(error) {
            Some(advice) => advice && came_from_vendor(&error.kind),
            None => vendor_may_recover(error),
        },
        // A guest that crashed or broke a limit does so again; a full house is told to the caller
        // at once; the rest doesn't change by waiting.
        CallError::Trapped { .. }
        | CallError::Exceeded { .. }
        | CallError::Invalid { .. }
        | CallError::Unconfigured(_)
        | CallError::Busy { .. }
        | CallError::Deadline { .. }
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
        // An answer that makes no sense was made and paid for; the next one costs again and will
        // hardly differ.
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

/// The part of a failure's `extra` that the host reads.
#[derive(Deserialize)]
struct Extra<'a> {
    /// The vendor's header of this name, as the contract has it.
    #[serde(rename = "x-should-retry", borrow)]
    should_retry: Option<&'a RawValue>,
}

/// Returns the vendor's own advice whether to try again, if it gave some.
fn advice(error: &ProviderError) -> Option<bool> {
    let extra: Extra<'_> = serde_json::from_str(error.extra.as_deref()?).ok()?;
    match extra.should_retry?.get().trim_matches('"').trim() {
        word if word.eq_ignore_ascii_case("true") => Some(true),
        word if word.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Returns true if this kind of failure can be a vendor's: none can advise on what never reached
/// it.
fn came_from_vendor(kind: &ErrorKind) -> bool {
    match kind {
        ErrorKind::Denied | ErrorKind::Unconfigured => false,
        ErrorKind::InvalidRequest
        | ErrorKind::Unsupported
        | ErrorKind::Credentials
        | ErrorKind::Billing
        | ErrorKind::NotFound
        | ErrorKind::TooLarge
        | ErrorKind::RateLimited
        | ErrorKind::Overloaded
        | ErrorKind::VendorFailed
        | ErrorKind::Timeout
        | ErrorKind::Connection
        | ErrorKind::Interrupted
        | ErrorKind::BadResponse
        | ErrorKind::Other(_) => true,
    }
}

#[cfg(test)]
mod tests;
