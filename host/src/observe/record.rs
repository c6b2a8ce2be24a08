//! The record of a request: everything that is learnt of it on its way, read once at its end, when
//! the last part of the request is dropped: after the response's body has been sent, or when the
//! client has gone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use tracing::{error, info, warn};

use super::escaped::shortened;
use super::metrics::{Ended, EndedCall, Metrics};
use crate::chat::{CacheState, CallStats, Outcome, Tries};
use crate::contract::Usage;
use crate::plugin::Provider;
use crate::sync::lock;
use crate::time::millis;

/// The target of these lines, by which operators filter them.
const TARGET: &str = "arete::request_log";

/// The record of a request. Clones are the same record.
#[derive(Clone)]
pub(crate) struct Record(Arc<Inner>);

struct Inner {
    id: Arc<str>,
    method: Method,
    path: String,
    began: Instant,
    metrics: Arc<Metrics>,
    facts: Mutex<Facts>,
}

#[derive(Default)]
struct Facts {
    route: Option<Arc<str>>,
    status: Option<StatusCode>,
    caller: Option<Arc<str>>,
    provider: Option<Arc<Provider>>,
    /// The model that was asked for.
    asked: Option<String>,
    /// The model that answered, if the vendor names it otherwise.
    answered: Option<String>,
    cache: Option<CacheState>,
    stats: CallStats,
    tries: Option<Arc<Tries>>,
    usage: Option<Usage>,
    failure: Option<Failure>,
    streaming: bool,
    /// True once the call has ended.
    done: bool,
    /// True once the response's body was sent to its end, or had none.
    sent: bool,
}

struct Failure {
    /// The problem's code.
    code: &'static str,
    text: String,
}

impl Record {
    /// Begins the record of a request that has just come. The metrics count it at its end.
    pub(crate) fn begin(
        id: impl Into<Arc<str>>,
        method: Method,
        path: &str,
        metrics: Arc<Metrics>,
    ) -> Self {
        metrics.begin();
        let inner = Inner {
            id: id.into(),
            method,
            path: shortened(path),
            began: Instant::now(),
            metrics,
            facts: Mutex::default(),
        };
        Self(Arc::new(inner))
    }

    /// Returns the request's id.
    pub(crate) fn id(&self) -> &Arc<str> {
        &self.0.id
    }

    /// Returns attempts and times of the call, once it has ended.
    pub(crate) fn call_stats(&self) -> Option<CallStats> {
        let facts = self.facts();
        facts.done.then_some(facts.stats)
    }

    /// Returns the time since the request came.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.began.elapsed()
    }

    /// Notes the route, as the table of routes writes it.
    pub(crate) fn route(&self, route: &str) {
        self.facts().route = Some(route.into());
    }

    /// Notes the caller.
    pub(crate) fn caller(&self, name: Option<Arc<str>>) {
        self.facts().caller = name;
    }

    /// Notes the provider that is asked.
    pub(crate) fn provider(&self, provider: Arc<Provider>) {
        self.facts().provider = Some(provider);
    }

    /// Notes the model that is asked for.
    pub(crate) fn model(&self, model: &str) {
        self.facts().asked = Some(shortened(model));
    }

    /// Notes where the completion comes from, as far as is known.
    pub(crate) fn cache(&self, state: CacheState) {
        self.facts().cache = Some(state);
    }

    /// Returns where the completion comes from, as headers name it.
    pub(crate) fn cache_state(&self) -> &'static str {
        self.facts().cache.unwrap_or(CacheState::Bypass).as_str()
    }

    /// Notes the end of the call.
    pub(crate) fn done(&self, outcome: &Outcome, state: CacheState) {
        let mut facts = self.facts();
        facts.cache = Some(state);
        facts.stats = outcome.stats;
        facts.tries.clone_from(&outcome.tries);
        facts.done = true;
        if let Ok(completion) = &outcome.result {
            facts.usage = Some(Usage { extra: None, ..completion.usage });
            if !completion.model.is_empty() && facts.asked.as_ref() != Some(&completion.model) {
                facts.answered = Some(shortened(&completion.model));
            }
        }
    }

    /// Notes the end of a call whose answer isn't read here.
    pub(crate) fn ended(&self, stats: CallStats, state: CacheState) {
        let mut facts = self.facts();
        facts.cache = Some(state);
        facts.stats = stats;
        facts.done = true;
    }

    /// Notes that the response is a stream: its status alone doesn't say how it went.
    pub(crate) fn streaming(&self) {
        self.facts().streaming = true;
    }

    /// Notes a failure, by its problem's code and in words for the operator.
    pub(crate) fn failed(&self, code: &'static str, text: &str) {
        self.facts().failure = Some(Failure { code, text: shortened(text) });
    }

    /// Notes the status of the response.
    pub(crate) fn status(&self, status: StatusCode) {
        self.facts().status = Some(status);
    }

    /// Notes that the whole response was sent.
    pub(crate) fn sent(&self) {
        self.facts().sent = true;
    }

    /// Locks the facts, for an assignment at a time.
    fn facts(&self) -> MutexGuard<'_, Facts> {
        lock(&self.0.facts)
    }
}

impl Facts {
    /// Returns what is counted of the call, if the request came to one.
    fn ended_call(&self, outcome: &'static str) -> Option<EndedCall<'_>> {
        Some(EndedCall {
            provider: self.provider.as_deref()?,
            model: self.asked.as_deref()?,
            result: self.failure.as_ref().map_or(outcome, |failure| failure.code),
            cache: self.cache,
            streaming: self.streaming,
            stats: self.done.then_some(self.stats),
            tries: self.tries.as_deref().map_or(&[], Tries::uncounted),
            usage: self.usage.as_ref(),
        })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let facts = std::mem::take(self.facts.get_mut().unwrap_or_else(PoisonError::into_inner));
        let complete = facts.sent && (facts.done || !facts.streaming);
        let outcome = match (&facts.failure, facts.status) {
            (Some(_), _) => "failed",
            (None, Some(_)) if complete => "ok",
            _ => "cancelled",
        };
        // The status that nginx made common for a client that left before its answer.
        let status = facts.status.map_or(499, |status| status.as_u16());
        let provider = facts.provider.as_deref();
        let took = self.began.elapsed();
        self.metrics.end(&Ended {
            route: facts.route.as_deref(),
            status,
            took,
            call: facts.ended_call(outcome),
        });
        macro_rules! line {
            ($level:ident, $message:expr) => {
                $level!(
                    target: TARGET,
                    request_id = %self.id,
                    method = %self.method,
                    path = %facts.route.as_deref().unwrap_or(&self.path),
                    status,
                    outcome,
                    caller = facts.caller.as_deref(),
                    provider = provider.map(|provider| &**provider.id()),
                    plugin = provider.map(|provider| provider.info.version.as_str()),
                    model = facts.answered.as_ref().or(facts.asked.as_ref()),
                    cache = facts.cache.map(CacheState::as_str),
                    attempts = provider.is_some().then_some(facts.stats.attempts),
                    input_tokens = facts.usage.as_ref().and_then(|usage| usage.input_tokens),
                    output_tokens = facts.usage.as_ref().and_then(|usage| usage.output_tokens),
                    total_ms = millis(took),
                    upstream_ms = provider.is_some().then_some(millis(facts.stats.vendor)),
                    plugin_ms = provider.is_some().then_some(millis(facts.stats.plugin)),
                    error = facts.failure.as_ref().map(|failure| failure.text.as_str()),
                    $message
                )
            };
        }
        if status >= 500 {
            line!(error, "Request failed");
        } else if outcome == "ok" {
            line!(info, "Request");
        } else if outcome == "cancelled" {
            line!(info, "Request cancelled by the client");
        } else {
            line!(warn, "Request failed");
        }
    }
}
