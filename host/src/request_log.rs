//! The one log line of each request, written when the last part of it is dropped: after the
//! response's body has been sent, or when the client has gone, whichever way that came about.

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{Method, StatusCode};
use tracing::{error, info, warn};

use crate::chat::{CacheState, CallStats, Outcome};
use crate::error::Problem;
use crate::plugin::Provider;
use crate::routes::Caller;

/// The target of these lines.
pub(crate) const TARGET: &str = module_path!();

/// What is known of a request so far. Clones are the same request.
#[derive(Clone)]
pub(crate) struct RequestLog(Arc<Line>);

struct Line {
    id: Arc<str>,
    method: Method,
    path: String,
    began: Instant,
    facts: Mutex<Facts>,
}

#[derive(Default)]
struct Facts {
    route: Option<Cow<'static, str>>,
    status: Option<StatusCode>,
    caller: Option<Arc<str>>,
    provider: Option<Arc<Provider>>,
    model: Option<String>,
    cache: Option<CacheState>,
    stats: CallStats,
    input_tokens: Option<u32>,
    output_tokens: Option<u32>,
    failure: Option<String>,
    streaming: bool,
    /// A streamed answer came to its end.
    landed: bool,
    /// The response's body was sent to its end, or had none.
    sent: bool,
}

impl RequestLog {
    /// A request that has just come.
    pub(crate) fn begin(id: impl Into<Arc<str>>, method: Method, path: &str) -> Self {
        let line = Line {
            id: id.into(),
            method,
            path: path.to_owned(),
            began: Instant::now(),
            facts: Mutex::default(),
        };
        Self(Arc::new(line))
    }

    /// The request's id.
    pub(crate) fn id(&self) -> &Arc<str> {
        &self.0.id
    }

    /// How long it has taken so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.began.elapsed()
    }

    pub(crate) fn route(&self, route: impl Into<Cow<'static, str>>) {
        self.facts().route = Some(route.into());
    }

    pub(crate) fn caller(&self, caller: &Caller) {
        self.facts().caller.clone_from(&caller.name);
    }

    pub(crate) fn provider(&self, provider: Arc<Provider>) {
        self.facts().provider = Some(provider);
    }

    pub(crate) fn model(&self, model: &str) {
        self.facts().model = Some(model.to_owned());
    }

    pub(crate) fn cache(&self, state: CacheState) {
        self.facts().cache = Some(state);
    }

    pub(crate) fn cache_state(&self) -> &'static str {
        self.facts().cache.unwrap_or(CacheState::Bypass).as_str()
    }

    /// The call has ended.
    pub(crate) fn done(&self, outcome: &Outcome, state: CacheState) {
        let mut facts = self.facts();
        facts.cache = Some(state);
        facts.stats = outcome.stats;
        facts.landed = true;
        if let Ok(completion) = &outcome.result {
            facts.input_tokens = completion.usage.input_tokens;
            facts.output_tokens = completion.usage.output_tokens;
            if !completion.model.is_empty() && facts.model.as_ref() != Some(&completion.model) {
                facts.model = Some(completion.model.clone());
            }
        }
    }

    /// The answer is a stream: the status alone doesn't say how it went.
    pub(crate) fn streaming(&self) {
        self.facts().streaming = true;
    }

    /// What went wrong, for the operator.
    pub(crate) fn failed(&self, problem: &Problem) {
        self.facts().failure = Some(problem.log_text().to_owned());
    }

    pub(crate) fn status(&self, status: StatusCode) {
        self.facts().status = Some(status);
    }

    /// The whole response is on its way.
    pub(crate) fn sent(&self) {
        self.facts().sent = true;
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        // Held for an assignment at a time.
        self.0.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestLog {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let log = parts.extensions.get::<Self>().cloned();
        Ok(log.unwrap_or_else(|| Self::begin("", parts.method.clone(), parts.uri.path())))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let facts = std::mem::take(self.facts.get_mut().unwrap_or_else(PoisonError::into_inner));
        let complete = facts.sent && (facts.landed || !facts.streaming);
        let outcome = match (&facts.failure, facts.status) {
            (Some(_), _) => "failed",
            (None, Some(_)) if complete => "ok",
            _ => "cancelled",
        };
        // The status that nginx made common for a client that left before its answer.
        let status = facts.status.map_or(499, |status| status.as_u16());
        let provider = facts.provider.as_deref();
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        macro_rules! line {
            ($level:ident, $message:expr) => {
                $level!(
                    request_id = %self.id,
                    method = %self.method,
                    path = %facts.route.as_deref().unwrap_or(&self.path),
                    status,
                    outcome,
                    caller = facts.caller.as_deref(),
                    provider = provider.map(|provider| &**provider.id()),
                    plugin = provider.map(|provider| provider.info.version.as_str()),
                    model = facts.model,
                    cache = facts.cache.map(CacheState::as_str),
                    attempts = provider.is_some().then_some(facts.stats.attempts),
                    input_tokens = facts.input_tokens,
                    output_tokens = facts.output_tokens,
                    total_ms = ms(self.began.elapsed()),
                    upstream_ms = provider.is_some().then_some(ms(facts.stats.vendor)),
                    plugin_ms = provider.is_some().then_some(ms(facts.stats.plugin)),
                    error = facts.failure,
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
