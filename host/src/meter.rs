//! The times of a call. Each is counted when something ends, however it ends: also when it is
//! dropped in the middle, as a call is whose deadline has passed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The times of one call, over all its attempts. Clones are the same call.
#[derive(Clone, Default)]
pub(crate) struct Meter(Arc<Times>);

/// In microseconds.
#[derive(Default)]
struct Times {
    vendor: AtomicU64,
    instances: AtomicU64,
}

impl Meter {
    /// Runs while the vendor is waited for.
    pub(crate) fn waiting(&self) -> Stopwatch {
        Stopwatch { meter: self.clone(), counts: |times| &times.vendor, began: Instant::now() }
    }

    /// Runs while an instance lives.
    pub(crate) fn living(&self) -> Stopwatch {
        Stopwatch { meter: self.clone(), counts: |times| &times.instances, began: Instant::now() }
    }

    /// Time spent waiting for the vendor.
    pub(crate) fn vendor(&self) -> Duration {
        Duration::from_micros(self.0.vendor.load(Ordering::Relaxed))
    }

    /// Time spent otherwise while an instance lived.
    pub(crate) fn plugin(&self) -> Duration {
        Duration::from_micros(self.0.instances.load(Ordering::Relaxed))
            .saturating_sub(self.vendor())
    }
}

/// Counts its own life.
pub(crate) struct Stopwatch {
    meter: Meter,
    counts: fn(&Times) -> &AtomicU64,
    began: Instant,
}

impl Drop for Stopwatch {
    fn drop(&mut self) {
        let lived = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        (self.counts)(&self.meter.0).fetch_add(lived, Ordering::Relaxed);
    }
}
