//! The metrics, in the form that Prometheus reads. A request is counted once, at its end, from its
//! record: the log, which is made from the same record, says the same.
//!
//! Providers, cache and process have a state and no end: they are asked when somebody reads.

mod labels;
mod names;
mod now;
mod process;
mod series;

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use self::labels::{AttemptLabels, CallLabels, GenAi, GenAiError, HttpLabels, Of, Text};
pub(crate) use self::now::Now;
use self::series::Bounded;
use crate::chat::{CacheState, CallStats, Try};
use crate::contract::Usage;
use crate::plugin::Provider;

/// A histogram for each set of labels.
type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// A count of tokens, if the vendor gave it.
type TokensOf = fn(&Usage) -> Option<u32>;

/// The metrics since the start.
pub struct Metrics {
    registry: Registry,
    requests: Family<HttpLabels, Counter>,
    request_seconds: Histograms<HttpLabels>,
    under_way: Gauge,
    calls: Bounded<CallLabels, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    overhead_seconds: Histograms<Of>,
    plugin_seconds: Histograms<Of>,
    inference_seconds: Bounded<GenAiError, Histogram>,
    first_chunk_seconds: Bounded<GenAi, Histogram>,
    tokens: [(TokensOf, Bounded<GenAi, Counter>); names::TOKENS.len()],
    other: Counter,
}

/// The facts of a request that has ended.
pub(super) struct Ended<'a> {
    /// The route, as the table of routes writes it; none for a path without one.
    pub(super) route: Option<&'a str>,
    pub(super) status: u16,
    pub(super) took: Duration,
    /// The call to a provider, if it came to one.
    pub(super) call: Option<EndedCall<'a>>,
}

/// The facts of a call that has ended.
pub(super) struct EndedCall<'a> {
    pub(super) provider: &'a Provider,
    /// The model that was asked for.
    pub(super) model: &'a str,
    /// `ok`, `cancelled` or the problem's code.
    pub(super) result: &'static str,
    /// Nothing until the pipeline was asked.
    pub(super) cache: Option<CacheState>,
    pub(super) streaming: bool,
    /// Nothing until the call ended.
    pub(super) stats: Option<CallStats>,
    /// The attempts that nobody has counted yet.
    pub(super) tries: &'a [Try],
    /// The tokens that the vendor counted.
    pub(super) usage: Option<&'a Usage>,
}

impl Default for Metrics {
    fn default() -> Self {
        let other = Counter::default();
        let tokens = || Bounded::new(Counter::default as fn() -> Counter, &other);
        let inference = names::inference as fn() -> Histogram;
        let metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(names::requests),
            under_way: Gauge::default(),
            calls: Bounded::new(Counter::default, &other),
            attempts: Family::default(),
            overhead_seconds: Family::new_with_constructor(names::own_time),
            plugin_seconds: Family::new_with_constructor(names::own_time),
            inference_seconds: Bounded::new(inference, &other),
            first_chunk_seconds: Bounded::new(inference, &other),
            tokens: [
                (|usage| usage.input_tokens, tokens()),
                (|usage| usage.output_tokens, tokens()),
                (|usage| usage.cache_read_tokens, tokens()),
                (|usage| usage.cache_write_tokens, tokens()),
                (|usage| usage.reasoning_tokens, tokens()),
            ],
            other,
        };
        metrics.registered()
    }
}

impl Metrics {
    fn registered(mut self) -> Self {
        let mut to = Registry::default();
        to.register(names::REQUESTS, "Requests that have ended", self.requests.clone());
        to.register_with_unit(
            names::REQUEST_TIME,
            "The time from a request's head to the last byte of its response",
            Unit::Seconds,
            self.request_seconds.clone(),
        );
        to.register(names::UNDER_WAY, "Requests under way", self.under_way.clone());
        to.register(names::CALLS, "Calls to providers that have ended", self.calls.family());
        to.register(names::ATTEMPTS, "Attempts at vendors that have ended", self.attempts.clone());
        to.register_with_unit(
            names::OVERHEAD,
            "The time of a call that was not spent waiting for the vendor",
            Unit::Seconds,
            self.overhead_seconds.clone(),
        );
        to.register_with_unit(
            names::PLUGIN,
            "The time of a call that its plugin computed",
            Unit::Seconds,
            self.plugin_seconds.clone(),
        );
        to.register_with_unit(
            names::INFERENCE,
            "The time of an attempt",
            Unit::Seconds,
            self.inference_seconds.family(),
        );
        to.register_with_unit(
            names::FIRST_CHUNK,
            "The time of a streamed attempt until its first content",
            Unit::Seconds,
            self.first_chunk_seconds.family(),
        );
        for ((name, help), (_, family)) in names::TOKENS.iter().zip(&self.tokens) {
            to.register(*name, *help, family.family());
        }
        let help = "Counts that went to `other` because a metric had too many series";
        to.register(names::OTHER, help, self.other.clone());
        self.registry = to;
        self
    }

    /// Counts a request that begins.
    pub(super) fn begin(&self) {
        self.under_way.inc();
    }

    /// Counts a request that ends.
    pub(super) fn end(&self, ended: &Ended<'_>) {
        self.under_way.dec();
        let route = Text::from(ended.route.unwrap_or("none"));
        let labels = HttpLabels { route, status: ended.status };
        self.requests.get_or_create(&labels).inc();
        self.request_seconds.get_or_create(&labels).observe(ended.took.as_secs_f64());
        if let Some(call) = &ended.call {
            self.end_call(call, ended.took);
        }
    }

    fn end_call(&self, call: &EndedCall<'_>, took: Duration) {
        let of = Of { provider: Text::from(call.provider.id()) };
        // A name that no vendor has answered to is a caller's own, of which there is no end.
        let listed = call.provider.info.models.iter().any(|listed| listed == call.model);
        let known = listed || call.result == "ok";
        let model = Text::from(if known { call.model } else { labels::OTHER });
        let labels = CallLabels {
            provider: of.provider.clone(),
            model: model.clone(),
            result: call.result,
            cache: call.cache.map_or("none", CacheState::as_str),
            stream: call.streaming,
        };
        self.calls.of(labels, |calls| {
            calls.inc();
        });
        if let Some(stats) = call.stats {
            let overhead = took.saturating_sub(stats.vendor);
            self.overhead_seconds.get_or_create(&of).observe(overhead.as_secs_f64());
            if 0 < stats.attempts {
                let computed = stats.plugin.as_secs_f64();
                self.plugin_seconds.get_or_create(&of).observe(computed);
            }
        }
        if call.tries.is_empty() {
            return;
        }
        let vendor = Text::from(call.provider.info.vendor.as_str());
        let gen_ai = GenAi::chat(vendor, model);
        for (index, attempt) in call.tries.iter().enumerate() {
            self.end_attempt(&of, &gen_ai, attempt, index);
        }
        for (field, family) in &self.tokens {
            if let Some(count) = call.usage.and_then(field) {
                family.of(gen_ai.clone(), |tokens| {
                    tokens.inc_by(count.into());
                });
            }
        }
    }

    fn end_attempt(&self, of: &Of, gen_ai: &GenAi, attempt: &Try, index: usize) {
        let labels = AttemptLabels {
            provider: of.provider.clone(),
            why: if index == 0 { "first" } else { "retry" },
            result: attempt.failure.unwrap_or("ok"),
        };
        self.attempts.get_or_create(&labels).inc();
        let labels = GenAiError::new(gen_ai.clone(), attempt.failure);
        self.inference_seconds.of(labels, |seconds| seconds.observe(attempt.took.as_secs_f64()));
        if let Some(first) = attempt.first_content {
            let first = first.as_secs_f64();
            self.first_chunk_seconds.of(gen_ai.clone(), |seconds| seconds.observe(first));
        }
    }

    /// Writes all metrics and what is so now.
    ///
    /// # Errors
    /// None that a string can have.
    pub(crate) fn write(&self, now: &Now, form: Form) -> Result<String, fmt::Error> {
        let now = now.registry();
        let mut out = String::with_capacity(16 << 10);
        match form {
            Form::OpenMetrics => {
                text::encode_registry(&mut out, &self.registry)?;
                text::encode_registry(&mut out, &now)?;
                text::encode_eof(&mut out)?;
            }
            Form::Text => {
                prometheus_text::encode(&mut out, &self.registry)?;
                prometheus_text::encode(&mut out, &now)?;
            }
        }
        Ok(out)
    }
}

/// The form in which metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The text format 0.0.4 of Prometheus.
    Text,
}

impl Form {
    /// Returns the form that a reader asks for by its `accept` header.
    pub(crate) fn of(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Text }
    }

    /// Returns the media type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => prometheus_text::CONTENT_TYPE,
        }
    }
}

#[cfg(test)]
mod tests;
