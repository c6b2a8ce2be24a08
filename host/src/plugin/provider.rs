//! A provider that was admitted, and one call of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Store;
use wasmtime::component::ResourceAny;

use super::bindings;
use super::check::{self, Checked};
use super::code_cache::Origin;
use super::compiled::Compiled;
use super::definition::{Definition, Sha256Digest};
use super::engine::Runtime;
use super::error::CallError;
use super::guest_log::GuestLog;
use super::meter::{Meter, Stopwatch};
use super::outbound::{Egress, Outbound, Tls};
use super::state::CallState;
use crate::config::Limit;
use crate::llm::{Completion, Delta, Info, Request};

/// How long `describe` may take, unless a whole call may take less. It reads settings and answers.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(10);

/// A provider that was admitted and can be called.
pub struct Provider {
    /// What the operator defined.
    pub definition: Arc<Definition>,
    /// What it says of itself.
    pub info: Info,
    /// Of the component.
    pub digest: Sha256Digest,
    /// Of the settings: answers of before aren't those of a provider that was set up otherwise.
    pub config_digest: Sha256Digest,
    runtime: Runtime,
    egress: Arc<Egress>,
    pre: bindings::ProviderPre<CallState>,
    /// Where its machine code came from, and how long that took.
    pub code: (Origin, Duration),
    /// Keeps it on the shelf for the next provider that is made of it.
    _compiled: Arc<Compiled>,
    /// A permit is a call at work.
    places: Arc<Semaphore>,
    /// A permit is a call that waits for a place.
    queue: Arc<Semaphore>,
}

impl Provider {
    /// What was compiled, before it has described itself.
    ///
    /// # Errors
    /// Why it can't be linked.
    pub(super) fn new(
        runtime: &Runtime,
        tls: &Tls,
        definition: Arc<Definition>,
        digest: Sha256Digest,
        compiled: Arc<Compiled>,
        code: (Origin, Duration),
    ) -> anyhow::Result<Self> {
        let pre = compiled.pre.clone().map_err(anyhow::Error::msg)?;
        let limits = &definition.limits;
        let egress = Egress::new(tls, definition.id.clone(), &definition.grants, limits.into())?;
        let (places, queue) = (limits.size(Limit::Calls), limits.size(Limit::Queue));
        Ok(Self {
            info: unknown(),
            digest,
            config_digest: definition.config_digest(),
            runtime: runtime.clone(),
            egress: Arc::new(egress),
            pre,
            places: Arc::new(Semaphore::new(places)),
            queue: Arc::new(Semaphore::new(queue)),
            definition,
            code,
            _compiled: compiled,
        })
    }

    /// The provider's name.
    pub fn id(&self) -> &Arc<str> {
        &self.definition.id
    }

    /// An instance of its own for one attempt.
    pub(crate) async fn instantiate(&self, meter: &Meter) -> Result<Instance, CallError> {
        if let Some(missing) = &self.definition.missing {
            return Err(CallError::Unconfigured(missing.clone()));
        }
        let permit = self.place().await?;
        self.fresh(permit, Outbound::new(self.egress.clone(), meter.clone()), meter).await
    }

    /// One of the provider's places. A short queue forms before them; who finds it full, or waits too long, is turned
    /// away.
    async fn place(&self) -> Result<OwnedSemaphorePermit, CallError> {
        if let Ok(permit) = self.places.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let limits = &self.definition.limits;
        let busy = |met| CallError::busy(self.id().to_string(), met, limits);
        let _waiting = self.queue.try_acquire().map_err(|_| busy(Limit::Queue))?;
        let place = tokio::time::timeout(limits.time(Limit::QueueTimeout), self.places.clone().acquire_owned());
        place.await.ok().and_then(Result::ok).ok_or_else(|| busy(Limit::QueueTimeout))
    }

    /// Asks while nothing can leave: nothing does because a component is loaded.
    pub(super) async fn describe(&self) -> anyhow::Result<Info> {
        let permit = self.places.clone().acquire_owned().await?;
        let probe = async {
            let meter = Meter::default();
            let outbound = Outbound::shut(self.egress.clone(), meter.clone());
            let mut instance = self.fresh(permit, outbound, &meter).await?;
            instance.store.data_mut().resume();
            let said = instance.bindings.arete_provider_chat().call_describe(&mut instance.store).await;
            let info = said.map_err(|error| instance.failure(&error))?.map_err(CallError::from)?;
            check::info(&info).map_err(|problem| instance.invalid(problem))?;
            Ok::<_, CallError>(info)
        };
        let most = DESCRIBE_TIMEOUT.min(self.definition.limits.time(Limit::Timeout));
        let info = tokio::time::timeout(most, probe).await;
        let info = info.map_err(|_| anyhow!("describe took longer than {most:?}"))?;
        info.map_err(|error| anyhow!("describe failed: {}", error.detail()))
    }

    async fn fresh(
        &self,
        permit: OwnedSemaphorePermit,
        outbound: Outbound,
        meter: &Meter,
    ) -> Result<Instance, CallError> {
        let living = meter.living();
        let limits = &self.definition.limits;
        let log = GuestLog::new(self.id().clone(), self.egress.secrets().clone(), limits);
        let state = CallState::new(self.definition.clone(), outbound, log);
        let mut store = Store::new(&self.runtime.engine, state);
        store.limiter(|state| state);
        store.set_hostcall_fuel(limits.size(Limit::HostCallBytes));
        store.set_max_component_handles(limits.size(Limit::Handles));
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| store.data_mut().tick());
        match self.pre.instantiate_async(&mut store).await {
            Ok(bindings) => {
                Ok(Instance { store, bindings, plugin: self.plugin(), deltas: None, _living: living, _permit: permit })
            }
            Err(error) => Err(CallError::from_trap(self.plugin(), &error, store.data())),
        }
    }

    /// How errors and logs name this version of the component.
    fn plugin(&self) -> String {
        format!("{} {}", self.id(), self.info.version)
    }
}

/// Until the provider has described itself.
fn unknown() -> Info {
    Info {
        vendor: String::new(),
        version: String::from("(version unknown)"),
        default_model: None,
        models: vec![],
        features: vec![],
        extra: None,
    }
}

/// One call's own instance. Dropping it ends the call: the vendor's connection is closed.
pub(crate) struct Instance {
    store: Store<CallState>,
    bindings: bindings::Provider,
    plugin: String,
    deltas: Option<ResourceAny>,
    _living: Stopwatch,
    _permit: OwnedSemaphorePermit,
}

impl Instance {
    /// Answers in whole.
    pub(crate) async fn complete(&mut self, request: &Request) -> Result<Completion, CallError> {
        self.store.data_mut().resume();
        let said = self.bindings.arete_provider_chat().call_complete(&mut self.store, request).await;
        self.settle(said, check::completion)
    }

    /// Begins to answer bit by bit.
    pub(crate) async fn open_stream(&mut self, request: &Request) -> Result<(), CallError> {
        self.store.data_mut().resume();
        let said = self.bindings.arete_provider_chat().call_open_stream(&mut self.store, request).await;
        let deltas = self.settle(said, |_| Ok(()))?;
        self.deltas = Some(deltas);
        Ok(())
    }

    /// What is new in the stream; nothing at its end.
    pub(crate) async fn next(&mut self) -> Result<Vec<Delta>, CallError> {
        let Some(deltas) = self.deltas else { return Ok(vec![]) };
        self.store.data_mut().resume();
        let said = self.bindings.arete_provider_chat().deltas().call_next(&mut self.store, deltas).await;
        self.settle(said, |deltas: &Vec<Delta>| deltas.iter().try_for_each(check::delta))
    }

    /// Turns the three ways a call can fail into one.
    fn settle<T>(
        &mut self,
        said: wasmtime::Result<Result<T, crate::llm::ProviderError>>,
        check: impl FnOnce(&T) -> Checked,
    ) -> Result<T, CallError> {
        self.store.data_mut().pause();
        let value = said.map_err(|error| self.failure(&error))?.map_err(CallError::from)?;
        check(&value).map_err(|problem| self.invalid(problem))?;
        Ok(value)
    }

    fn failure(&self, error: &wasmtime::Error) -> CallError {
        CallError::from_trap(self.plugin.clone(), error, self.store.data())
    }

    /// The guest's answer breaks the contract.
    pub(crate) fn invalid(&self, problem: String) -> CallError {
        CallError::Invalid { plugin: self.plugin.clone(), problem }
    }

    /// The guest used more of something than it may.
    pub(crate) fn exceeded(&self, limit: Limit) -> CallError {
        CallError::exceeded(self.plugin.clone(), limit, self.store.data().limits())
    }
}
