//! One call, as the picture in ARCHITECTURE.md has it: answered before? same question in flight?
//! else attempt, wait, attempt again; keep what is complete.

use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use super::assemble::{self, Assembly};
use super::cache::Cache;
use super::flight::{Effort, Flights, Landing, Recorder, Seat};
use super::key::{Key, KeyParts};
use super::retry::{self, Attempt, Deadline, Failed, Policy};
use super::{Completion, Event, Request};
use crate::config::{Limit, LlmConfig};
use crate::meter::Meter;
use crate::plugin::{CallError, Provider, ProviderCall};

/// The wrap around every provider.
pub struct Llm {
    cache: Arc<Cache>,
    flights: Flights,
    policy: Policy,
    cache_enabled: bool,
    cache_ttl: Duration,
}

/// One question and how it shall be answered.
pub struct Call {
    /// Who answers.
    pub provider: Arc<Provider>,
    /// The question.
    pub request: Request,
    /// Whether an answer of before will do, and this one may be kept.
    pub use_cache: bool,
    /// How long it may be kept, if not for the default time.
    pub cache_ttl: Option<Duration>,
    /// The caller: answers aren't shared between callers.
    pub tenant: Option<Arc<str>>,
}

/// Whether the answer is wanted whole or bit by bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// All at once.
    Whole,
    /// As it is made.
    Stream,
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheState {
    /// Out of the cache.
    Hit,
    /// From the vendor.
    Miss,
    /// From a call of the same question that was under way.
    Coalesced,
    /// From the vendor; the cache wasn't asked.
    Bypass,
}

impl CacheState {
    /// As headers and logs name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Coalesced => "coalesced",
            Self::Bypass => "bypass",
        }
    }
}

/// A call under way. Dropping it ends the call, unless others wait for the same answer.
pub(crate) struct Ticket {
    seat: Boarded,
    state: CacheState,
}

enum Boarded {
    /// The answer was in memory.
    Answered(Arc<Completion>),
    /// It's being asked for.
    Aboard(Seat),
}

impl Llm {
    /// The wrap, with nothing under way.
    pub fn new(config: &LlmConfig, cache: Arc<Cache>) -> Self {
        Self {
            cache,
            flights: Flights::default(),
            policy: Policy { max_retries: config.max_retries, delay: config.retry_delay },
            cache_enabled: config.cache.enabled,
            cache_ttl: config.cache.ttl,
        }
    }

    /// The answers kept.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Begins to answer.
    pub(crate) fn call(&self, call: Call, mode: Mode) -> Ticket {
        let deadline = Deadline::after(call.provider.definition.limits.time(Limit::Timeout));
        let upstream = Upstream {
            provider: call.provider,
            request: call.request,
            policy: self.policy,
            mode,
            deadline,
        };
        if !call.use_cache || !self.cache_enabled {
            let seat = Flights::alone(|recorder| async move { upstream.landing(&recorder).await });
            return Ticket { seat: Boarded::Aboard(seat), state: CacheState::Bypass };
        }

        let key = upstream.key(call.tenant.as_deref());
        if let Some(completion) = self.cache.get_in_memory(&key) {
            return Ticket { seat: Boarded::Answered(completion), state: CacheState::Hit };
        }
        // The rest of the look-up is part of the flight, so that of many equal questions one looks
        // and one asks.
        let cache = self.cache.clone();
        let ttl = call.cache_ttl.unwrap_or(self.cache_ttl);
        let (seat, joined) = self.flights.board(key, |recorder| async move {
            if let Some(completion) = cache.get(&key).await {
                return Landing { result: Ok(completion), cached: true, effort: Effort::default() };
            }
            let landing = upstream.landing(&recorder).await;
            if let Ok(completion) = &landing.result {
                cache.put(key, completion.clone(), ttl);
            }
            landing
        });
        if joined {
            debug!(%key, "Joined a call under way");
            self.cache.count_coalesced();
        }
        Ticket {
            seat: Boarded::Aboard(seat),
            state: if joined { CacheState::Coalesced } else { CacheState::Miss },
        }
    }
}

impl Ticket {
    /// Waits for the whole answer.
    pub(crate) async fn landed(&mut self) -> Landing {
        match &mut self.seat {
            Boarded::Answered(completion) => Landing::hit(completion.clone()),
            Boarded::Aboard(seat) => seat.landed().await,
        }
    }

    /// Waits for what is new in the answer.
    pub(crate) async fn next(&mut self) -> super::flight::Step {
        match &mut self.seat {
            Boarded::Answered(completion) => {
                super::flight::Step::Landed(Landing::hit(completion.clone()))
            }
            Boarded::Aboard(seat) => seat.next().await,
        }
    }

    /// Where the answer comes from, as far as is known: certain once it has landed.
    pub(crate) fn state(&self, landing: Option<&Landing>) -> CacheState {
        if landing.is_some_and(|landing| landing.cached) { CacheState::Hit } else { self.state }
    }
}

impl Landing {
    fn hit(completion: Arc<Completion>) -> Self {
        Self { result: Ok(completion), cached: true, effort: Effort::default() }
    }
}

/// All that a flight needs to ask the vendor.
struct Upstream {
    provider: Arc<Provider>,
    request: Request,
    policy: Policy,
    mode: Mode,
    deadline: Deadline,
}

impl Upstream {
    fn key(&self, tenant: Option<&str>) -> Key {
        let provider = &self.provider;
        let parts = KeyParts {
            provider: provider.id(),
            digest: &provider.digest,
            config_digest: &provider.config_digest,
            tenant,
        };
        Key::new(&parts, &self.request)
    }

    /// Attempts until an answer comes, or no further attempt is worth it, or the deadline passes.
    async fn landing(&self, recorder: &Recorder) -> Landing {
        let (meter, mut attempts) = (Meter::default(), 0);
        let call = Attempts { upstream: self, recorder, meter: &meter, attempts: &mut attempts };
        let result = retry::run(self.policy, self.deadline, call).await.map(Arc::new);
        let effort = Effort { attempts, upstream: meter.upstream(), plugin: meter.plugin() };
        Landing { result, cached: false, effort }
    }

    /// One attempt, in an instance that it has to itself.
    async fn attempt(&self, recorder: &Recorder, meter: &Meter) -> Result<Completion, Failed> {
        let mut instance = self.provider.begin_call(meter).await.map_err(Failed::unheard)?;
        let completion = match self.mode {
            Mode::Whole => self.whole(&mut instance).await.map_err(Failed::unheard)?,
            Mode::Stream => self.stream(&mut instance, recorder).await?,
        };
        instance.release().await;
        Ok(completion)
    }

    /// The whole answer, if it isn't larger than the vendor's may be: a guest can make one up.
    async fn whole(&self, instance: &mut ProviderCall) -> Result<Completion, CallError> {
        let completion = instance.complete(&self.request).await?;
        if self.provider.definition.limits.size(Limit::ResponseBytes) < assemble::bytes(&completion)
        {
            return Err(instance.exceeded(Limit::ResponseBytes));
        }
        Ok(completion)
    }

    /// Puts a streamed answer together while telling it on.
    async fn stream(
        &self,
        instance: &mut ProviderCall,
        recorder: &Recorder,
    ) -> Result<Completion, Failed> {
        instance.open_stream(&self.request).await.map_err(Failed::unheard)?;
        let mut assembly = Assembly::default();
        // Events that aren't content yet are held back until content comes: an answer that fails
        // right after its start, as an overloaded vendor's does, can then still be tried
        // again.
        let mut held = Vec::new();
        let mut heard = false;
        loop {
            let deltas = instance.next().await.map_err(|error| Failed { error, heard })?;
            if deltas.is_empty() {
                let problem = "its stream ended before the answer did".to_owned();
                return Err(Failed { error: instance.invalid(problem), heard });
            }
            let mut finished = false;
            for delta in deltas {
                assembly
                    .add(&delta.event)
                    .map_err(|problem| Failed { error: instance.invalid(problem), heard })?;
                finished |= matches!(delta.event, Event::Finish(_));
                heard |= is_content(&delta.event);
                held.push(delta.event);
            }
            if self.provider.definition.limits.size(Limit::ResponseBytes) < assembly.bytes() {
                return Err(Failed { error: instance.exceeded(Limit::ResponseBytes), heard });
            }
            if finished {
                // What is still held goes with the end, so that a whole that isn't right is never
                // half told.
                let whole = assembly
                    .finish()
                    .map_err(|problem| Failed { error: instance.invalid(problem), heard })?;
                recorder.publish(held);
                return Ok(whole);
            }
            if heard {
                recorder.publish(std::mem::take(&mut held));
            }
        }
    }
}

/// The attempts of one flight.
struct Attempts<'a> {
    upstream: &'a Upstream,
    recorder: &'a Recorder,
    meter: &'a Meter,
    attempts: &'a mut u32,
}

impl Attempt for Attempts<'_> {
    type Answer = Completion;

    fn provider(&self) -> &str {
        self.upstream.provider.id()
    }

    async fn attempt(&mut self, number: u32) -> Result<Completion, Failed> {
        *self.attempts = number;
        self.upstream.attempt(self.recorder, self.meter).await
    }
}

/// Whether a caller sees anything of this event before the answer's end.
fn is_content(event: &Event) -> bool {
    match event {
        Event::Text(_) | Event::Thinking(_) | Event::ToolUse(_) | Event::Part(_) => true,
        Event::Start(_) | Event::Usage(_) | Event::Finish(_) | Event::Other(_) => false,
    }
}
