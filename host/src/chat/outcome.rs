//! The end of a call, and the news of it on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::contract::{Completion, Event};
use crate::plugin::CallError;

/// The end of a call.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// The completion, or why there is none.
    pub(crate) result: Result<Arc<Completion>, CallError>,
    /// True if it came out of the cache.
    pub(crate) cached: bool,
    /// Attempts and times that it took.
    pub(crate) stats: CallStats,
    /// The attempts one by one; none for a completion out of the cache.
    pub(crate) tries: Option<Arc<Tries>>,
}

impl Outcome {
    /// Returns the outcome of a call whose completion was in the cache.
    pub(crate) fn hit(completion: Arc<Completion>) -> Self {
        Self { result: Ok(completion), cached: true, stats: CallStats::default(), tries: None }
    }
}

/// The attempts of a call. Callers that share it share them, and one of them counts them.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    each: Box<[Try]>,
    counted: AtomicBool,
}

/// An attempt that has ended.
#[derive(Debug, Clone)]
pub(crate) struct Try {
    /// The time that it took.
    pub(crate) took: Duration,
    /// The time until its first content, of one that streams.
    pub(crate) first_content: Option<Duration>,
    /// The kind of failure, if it failed.
    pub(crate) failure: Option<&'static str>,
}

impl Tries {
    /// Takes the attempts of a call, in order.
    pub(super) fn new(each: Vec<Try>) -> Self {
        Self { each: each.into(), counted: AtomicBool::new(false) }
    }

    /// Returns the attempts to whoever asks first, and none to those who ask later.
    pub(crate) fn uncounted(&self) -> &[Try] {
        if self.counted.swap(true, Ordering::Relaxed) { &[] } else { &self.each }
    }
}

/// Attempts and times of a call.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CallStats {
    /// The number of attempts; 0 for a completion out of the cache.
    pub(crate) attempts: u32,
    /// The time spent waiting for the vendor, over all attempts.
    pub(crate) vendor: Duration,
    /// The time spent in the plugin, over all attempts.
    pub(crate) plugin: Duration,
}

/// The next news of a call under way.
#[derive(Debug)]
pub(crate) enum Progress {
    /// More of the completion.
    Events(Vec<Arc<Event>>),
    /// The end.
    Done(Outcome),
}

/// The source of a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheState {
    /// Out of the cache.
    Hit,
    /// From the vendor.
    Miss,
    /// From a call of an equal request that was under way.
    Coalesced,
    /// From the vendor; the cache wasn't asked.
    Bypass,
}

impl CacheState {
    /// Returns the name that headers and logs use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Coalesced => "coalesced",
            Self::Bypass => "bypass",
        }
    }
}
