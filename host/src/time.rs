//! Durations as whole numbers, for logs, headers and disk.

use std::time::Duration;

/// Returns a duration in whole milliseconds; one that has more than 64 bits of them is the longest.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
