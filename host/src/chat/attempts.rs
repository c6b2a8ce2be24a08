//! The attempts of one call at one provider: each in an instance of its own, the completion whole
//! or event by event.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::assemble::Assembly;
use super::call::Call;
use super::key::{Key, KeyParts};
use super::mend::{self, MendedEvents};
use super::outcome::{CallStats, Outcome, Tries, Try};
use super::retry::{self, Attempt, AttemptError, Deadline, Policy};
use super::share::Publisher;
use crate::config::Limit;
use crate::contract::{Completion, ErrorKind, Event, ProviderError, Request, WishList, size};
use crate::meter::Meter;
use crate::plugin::{CallContext, CallError, Provider, ProviderCall};

/// The way in which a caller takes the completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// All at once.
    Whole,
    /// Event by event, as it is made.
    Stream,
}

/// A call that asks the vendor, attempt by attempt.
pub(super) struct VendorCall {
    provider: Arc<Provider>,
    request: Request,
    policy: Policy,
    mode: Mode,
    deadline: Deadline,
    context: CallContext,
}

impl VendorCall {
    /// Makes the call; its deadline counts from now.
    pub(super) fn new(call: Call, policy: Policy, mode: Mode) -> Self {
        let Call { provider, request, wishes, dialect, tenant, .. } = call;
        let deadline = Deadline::after(provider.definition.limits.timeout());
        let context = CallContext {
            id: fastrand::u128(1..),
            attempt: 0,
            deadline: Some(deadline.at()),
            caller: tenant,
            dialect,
            wishes: Arc::new(wishes),
        };
        Self { provider, request, policy, mode, deadline, context }
    }

    /// Returns the key of the completion for this caller.
    pub(super) fn key(&self) -> Key {
        let provider = &self.provider;
        let parts = KeyParts {
            provider: provider.id(),
            digest: &provider.digest,
            config_digest: &provider.config_digest,
            tenant: self.context.caller.as_deref(),
        };
        Key::new(&parts, &self.request, &self.context.wishes)
    }

    /// Attempts until a completion comes, or another attempt isn't worth it, or the deadline
    /// passes.
    pub(super) async fn run(&self, publisher: &Publisher) -> Outcome {
        let meter = Meter::default();
        let mut attempts =
            Attempts { call: self, publisher, meter: &meter, under_way: None, ended: vec![] };
        let result = retry::run(self.policy, self.deadline, &mut attempts).await.map(Arc::new);
        let tries = attempts.finish(result.as_ref().err());
        let made = u32::try_from(tries.len()).unwrap_or(u32::MAX);
        let stats = CallStats { attempts: made, vendor: meter.vendor(), plugin: meter.plugin() };
        Outcome { result, cached: false, stats, tries: Some(Arc::new(Tries::new(tries))) }
    }

    /// Makes one attempt, in an instance that it has to itself.
    async fn attempt(
        &self,
        number: u32,
        publisher: &Publisher,
        meter: &Meter,
        under_way: &mut UnderWay,
    ) -> Result<Completion, AttemptError> {
        check_wishes(&self.provider, &self.context.wishes).map_err(AttemptError::unheard)?;
        let context = CallContext { attempt: number, ..self.context.clone() };
        let call = self.provider.begin_call(meter, context).await;
        let mut call = call.map_err(AttemptError::unheard)?;
        let completion = match self.mode {
            Mode::Whole => self.whole(&mut call).await.map_err(AttemptError::unheard)?,
            Mode::Stream => self.stream(&mut call, publisher, under_way).await?,
        };
        call.release().await;
        Ok(completion)
    }

    /// Asks for the whole completion. It may not be larger than the vendor's reply may be: a guest
    /// can make one up.
    async fn whole(&self, call: &mut ProviderCall) -> Result<Completion, CallError> {
        let mut completion = call.complete(&self.request).await?;
        mend::completion(&mut completion);
        if self.response_bytes_max() < size::completion(&completion) {
            return Err(call.exceeded(Limit::ResponseBytes));
        }
        Ok(completion)
    }

    /// Puts a streamed completion together while publishing its events.
    ///
    /// Events that aren't content yet are held back until content comes: a call that fails right
    /// after its start, as an overloaded vendor's does, can then still be tried again.
    async fn stream(
        &self,
        call: &mut ProviderCall,
        publisher: &Publisher,
        under_way: &mut UnderWay,
    ) -> Result<Completion, AttemptError> {
        call.open_stream(&self.request).await.map_err(AttemptError::unheard)?;
        let mut assembly = Assembly::default();
        let mut mended = MendedEvents::default();
        let mut held = Vec::new();
        let mut content_sent = false;
        loop {
            let failed = |error| AttemptError { error, content_sent };
            let deltas = call.next().await.map_err(failed)?;
            if deltas.is_empty() {
                let problem = "its stream ended before the answer did";
                return Err(failed(call.invalid(problem)));
            }
            let mut finished = false;
            let before = held.len();
            deltas.into_iter().for_each(|delta| mended.add(delta.event, &mut held));
            for event in held.iter().skip(before) {
                let added = assembly.add(event);
                added.map_err(|problem| AttemptError {
                    error: call.invalid(problem),
                    content_sent,
                })?;
                finished |= matches!(event, Event::Finish(_));
                content_sent |= is_content(event);
            }
            under_way.content(content_sent);
            let failed = |error| AttemptError { error, content_sent };
            if self.response_bytes_max() < assembly.bytes() {
                return Err(failed(call.exceeded(Limit::ResponseBytes)));
            }
            if finished {
                // What is still held goes with the end, so that a completion that isn't valid is
                // never half told.
                let whole = assembly.finish().map_err(|problem| failed(call.invalid(problem)))?;
                publisher.publish(held);
                return Ok(whole);
            }
            if content_sent {
                publisher.publish(std::mem::take(&mut held));
            }
        }
    }

    fn response_bytes_max(&self) -> usize {
        self.provider.definition.limits.response_bytes()
    }
}

/// The attempts of one call, and what there is to say of each.
struct Attempts<'a> {
    call: &'a VendorCall,
    publisher: &'a Publisher,
    meter: &'a Meter,
    under_way: Option<UnderWay>,
    ended: Vec<Try>,
}

/// An attempt under way.
struct UnderWay {
    began: Instant,
    first_content: Option<Duration>,
}

impl UnderWay {
    fn begin() -> Self {
        Self { began: Instant::now(), first_content: None }
    }

    /// Notes that content has come, if it has.
    fn content(&mut self, come: bool) {
        if come && self.first_content.is_none() {
            self.first_content = Some(self.began.elapsed());
        }
    }

    fn end(&self, failure: Option<&CallError>) -> Try {
        Try {
            took: self.began.elapsed(),
            first_content: self.first_content,
            failure: failure.map(CallError::kind),
        }
    }
}

impl Attempts<'_> {
    /// Returns all attempts. One that is under way was cut by the deadline, which is the failure
    /// of the call.
    fn finish(mut self, failure: Option<&CallError>) -> Vec<Try> {
        self.ended.extend(self.under_way.map(|cut| cut.end(failure)));
        self.ended
    }
}

impl Attempt for Attempts<'_> {
    type Completion = Completion;

    fn provider(&self) -> &str {
        self.call.provider.id()
    }

    async fn attempt(&mut self, number: u32) -> Result<Completion, AttemptError> {
        let under_way = self.under_way.insert(UnderWay::begin());
        let result = self.call.attempt(number, self.publisher, self.meter, under_way).await;
        let ended = under_way.end(result.as_ref().err().map(|failed| &failed.error));
        self.under_way = None;
        self.ended.push(ended);
        result
    }
}

/// Checks that a provider takes what is required of it.
fn check_wishes(provider: &Provider, wishes: &WishList) -> Result<(), CallError> {
    let Some(required) = wishes.required.first().filter(|_| !provider.takes_wishes()) else {
        return Ok(());
    };
    let field = match &**required {
        "output" => "responseFormat",
        "parallel-tool-calls" => "parallelToolCalls",
        other => other,
    };
    Err(CallError::from(ProviderError {
        kind: ErrorKind::Unsupported,
        message: format!("provider {} can't fulfil `{field}`", provider.id()),
        status: None,
        code: None,
        field: Some(field.to_owned()),
        request_id: None,
        retry_after_ms: None,
        extra: None,
    }))
}

/// Returns true if a caller sees anything of this event before the end.
fn is_content(event: &Event) -> bool {
    match event {
        Event::Text(_) | Event::Thinking(_) | Event::ToolUse(_) | Event::Part(_) => true,
        Event::Start(_) | Event::Usage(_) | Event::Finish(_) | Event::Other(_) => false,
    }
}
