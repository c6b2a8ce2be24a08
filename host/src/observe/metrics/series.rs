//! Families of metrics whose labels callers can choose: they have an end.

use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};

/// The most series of a family. More are counted as `other`.
pub(super) const SERIES_MAX: usize = 2_000;

/// Labels that a caller can choose in part.
pub(super) trait Open {
    /// Returns them with `other` where a caller chooses.
    fn other(self) -> Self;
}

/// A family with an end.
pub(super) struct Bounded<L, M, C = fn() -> M> {
    family: Family<L, M, C>,
    series: AtomicUsize,
    /// Counts what went to `other`.
    other: Counter,
}

impl<L, M, C> Bounded<L, M, C>
where
    L: Open + Clone + Hash + Eq,
    C: MetricConstructor<M> + Clone,
{
    pub(super) fn new(constructor: C, other: &Counter) -> Self {
        let family = Family::new_with_constructor(constructor);
        Self { family, series: AtomicUsize::new(0), other: other.clone() }
    }

    /// Returns the family, to be registered.
    pub(super) fn family(&self) -> Family<L, M, C> {
        self.family.clone()
    }

    /// Changes the metric of these labels, or that of `other` once there are too many.
    pub(super) fn of(&self, labels: L, change: impl FnOnce(&M)) {
        if let Some(metric) = self.family.get(&labels) {
            return change(&metric);
        }
        // Two that come at once with the same labels count twice: the end comes a little earlier.
        if SERIES_MAX <= self.series.fetch_add(1, Ordering::Relaxed) {
            self.series.fetch_sub(1, Ordering::Relaxed);
            self.other.inc();
            return change(&self.family.get_or_create(&labels.other()));
        }
        change(&self.family.get_or_create(&labels));
    }
}
