//! The patience of the waiting functions.

use std::time::Duration;

/// The time after which the waiting functions panic. Far more than a loaded machine needs, so that
/// it never decides whether a correct test passes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
