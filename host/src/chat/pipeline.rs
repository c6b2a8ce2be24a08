//! The pipeline of a chat call: the stages in order, one line each.
//!
//! | Stage | Question | File |
//! |---|---|---|
//! | memory | answered before? | `cache.rs` |
//! | share | an equal request under way? | `share.rs` |
//! | disk | answered before a restart? | `cache.rs` |
//! | attempts | the vendor's completion, tried again while that may help | `attempts.rs`, `retry.rs` |
//! | keep | a complete, successful completion | `cache.rs` |
//!
//! The cache is outside the attempts, so a hit costs none; attempts are outside the plugin, so each
//! gets a fresh instance and a failed guest leaves nothing behind.

use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use super::attempts::{Mode, VendorCall};
use super::cache::Cache;
use super::call::Call;
use super::forward::{self, ForwardCall, ForwardFailure, Forwarded};
use super::key::Key;
use super::other_calls::{self, OtherCall};
use super::outcome::{CacheState, CallStats, Outcome, Progress};
use super::retry::Policy;
use super::share::{Publisher, SharedCalls, Subscriber};
use crate::config::LlmConfig;
use crate::contract::{Completion, FinishReason};
use crate::plugin::{CallError, Provider};

/// The stages around every provider.
pub struct Pipeline {
    cache: Arc<Cache>,
    shared: SharedCalls,
    policy: Policy,
    cache_enabled: bool,
    cache_ttl: Duration,
}

impl Pipeline {
    /// Makes the pipeline, with no call under way.
    pub fn new(config: &LlmConfig, cache: Arc<Cache>) -> Self {
        Self {
            cache,
            shared: SharedCalls::default(),
            policy: Policy { max_retries: config.max_retries, delay: config.retry_delay },
            cache_enabled: config.cache.enabled,
            cache_ttl: config.cache.ttl,
        }
    }

    /// Returns the kept completions.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Begins a call. Nothing is asked of a vendor until the pending call is waited for.
    pub(crate) fn begin(&self, call: Call, mode: Mode) -> PendingCall {
        let cacheable = self.cache_enabled && call.use_cache;
        let ttl = call.cache_ttl.unwrap_or(self.cache_ttl);
        let vendor = VendorCall::new(call, self.policy, mode);
        if !cacheable {
            return PendingCall::unshared(vendor);
        }
        let key = vendor.key();
        self.recall(&key).unwrap_or_else(|| self.join_or_lead(key, ttl, vendor))
    }

    /// Forwards a call to a vendor that speaks the caller's dialect. Such a call is neither kept nor
    /// shared; only its attempts are a stage of it.
    ///
    /// # Errors
    /// The last attempt's failure, with the vendor's own words if it refused.
    pub(crate) async fn forward(&self, call: ForwardCall) -> Result<Forwarded, ForwardFailure> {
        forward::run(call, self.policy).await
    }

    /// Asks a provider something that isn't a chat. Such an answer is neither kept nor shared.
    #[allow(dead_code, reason = "only tests ask so far: the doors forward")]
    pub(crate) async fn ask<C: OtherCall + Send>(
        &self,
        provider: Arc<Provider>,
        caller: Option<Arc<str>>,
        question: C,
    ) -> (Result<C::Answer, CallError>, CallStats) {
        other_calls::run(provider, caller, question, self.policy).await
    }

    /// Forwards a call that changes what the vendor keeps, which makes one attempt: another could do
    /// the same twice.
    ///
    /// # Errors
    /// The attempt's failure, with the vendor's own words if it refused.
    pub(crate) async fn forward_once(
        &self,
        call: ForwardCall,
    ) -> Result<Forwarded, ForwardFailure> {
        forward::run(call, Policy { max_retries: 0, ..self.policy }).await
    }

    /// Stage *memory*: finds a kept completion without waiting.
    fn recall(&self, key: &Key) -> Option<PendingCall> {
        self.cache.get_in_memory(key).map(PendingCall::hit)
    }

    /// Stage *share*: follows an equal call under way, or leads one that others may follow.
    fn join_or_lead(&self, key: Key, ttl: Duration, vendor: VendorCall) -> PendingCall {
        let cache = self.cache.clone();
        let lead = |publisher| async move { lead(&cache, key, ttl, &vendor, &publisher).await };
        let (subscriber, joined) = self.shared.join_or_start(key, lead);
        if joined {
            debug!(%key, "Joined a call under way");
            self.cache.count_coalesced();
        }
        let state = if joined { CacheState::Coalesced } else { CacheState::Miss };
        PendingCall { source: Source::Call(subscriber), state }
    }
}

/// The stages that only the leader of a shared call passes, so that of many equal requests one
/// looks on the disk and one asks the vendor.
async fn lead(
    cache: &Cache,
    key: Key,
    ttl: Duration,
    vendor: &VendorCall,
    publisher: &Publisher,
) -> Outcome {
    if let Some(completion) = cache.get(&key).await {
        return Outcome::hit(completion);
    }
    let outcome = vendor.run(publisher).await;
    keep(cache, key, ttl, &outcome);
    outcome
}

/// Stage *keep*: keeps a completion that is complete and a success.
fn keep(cache: &Cache, key: Key, ttl: Duration, outcome: &Outcome) {
    if let Ok(completion) = &outcome.result
        && may_be_kept(&completion.finish_reason)
    {
        cache.put(key, completion.clone(), ttl);
    }
}

/// Returns true if a completion that ended for this reason is what a later caller of the same
/// request wants. No wildcards: a new reason stops compiling until somebody decides.
fn may_be_kept(reason: &FinishReason) -> bool {
    match reason {
        FinishReason::EndTurn | FinishReason::StopSequence | FinishReason::ToolUse => true,
        // As long as the caller allowed: the limit is part of the key, and `maxTokens: 1` is a way
        // to ask for one word.
        FinishReason::MaxTokens => true,
        // Refused this time, and filters change their minds.
        FinishReason::Refusal
        // The rest is still to come.
        | FinishReason::PauseTurn
        // Shorter than the caller allowed.
        | FinishReason::ContextWindowExceeded
        // Not known to be a success.
        | FinishReason::Other(_) => false,
    }
}

/// A call under way. Dropping it ends the call, unless others wait for the same completion.
pub(crate) struct PendingCall {
    source: Source,
    state: CacheState,
}

enum Source {
    /// The completion was in memory.
    Memory(Arc<Completion>),
    /// The completion is being made.
    Call(Subscriber),
}

impl PendingCall {
    fn hit(completion: Arc<Completion>) -> Self {
        Self { source: Source::Memory(completion), state: CacheState::Hit }
    }

    fn unshared(vendor: VendorCall) -> Self {
        let run = |publisher| async move { vendor.run(&publisher).await };
        Self { source: Source::Call(Subscriber::alone(run)), state: CacheState::Bypass }
    }

    /// Waits for the end.
    pub(crate) async fn outcome(&mut self) -> Outcome {
        let outcome = match &mut self.source {
            Source::Memory(completion) => Outcome::hit(completion.clone()),
            Source::Call(subscriber) => subscriber.outcome().await,
        };
        self.learn(&outcome);
        outcome
    }

    /// Waits for more of the completion, or the end.
    pub(crate) async fn progress(&mut self) -> Progress {
        let progress = match &mut self.source {
            Source::Memory(completion) => Progress::Done(Outcome::hit(completion.clone())),
            Source::Call(subscriber) => subscriber.progress().await,
        };
        if let Progress::Done(outcome) = &progress {
            self.learn(outcome);
        }
        progress
    }

    /// Returns where the completion comes from, as far as is known: certain at the end.
    pub(crate) fn cache_state(&self) -> CacheState {
        self.state
    }

    fn learn(&mut self, outcome: &Outcome) {
        if outcome.cached {
            self.state = CacheState::Hit;
        }
    }
}
