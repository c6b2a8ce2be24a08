//! A provider that was admitted, and one call of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Store;

use super::code_cache::Origin;
use super::compiled::{Compiled, Linked};
use super::definition::{Definition, Sha256Digest};
use super::engine::Runtime;
use super::error::CallError;
use super::exports::Functions;
use super::guest_log::GuestLog;
use super::idle::{Idle, Used};
use super::instance::Instance;
use super::meter::Meter;
use super::outbound::{Egress, Outbound, Tls};
use super::state::CallState;
use crate::config::Limit;
use crate::llm::Info;

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
    linked: Linked,
    /// Where its machine code came from, and how long that took.
    pub code: (Origin, Duration),
    /// Keeps it on the shelf for the next provider that is made of it.
    _compiled: Arc<Compiled>,
    /// A permit is a call at work.
    places: Arc<Semaphore>,
    /// A permit is a call that waits for a place.
    queue: Arc<Semaphore>,
    /// Instances between two calls, if the operator lets one answer more than one.
    idle: Option<Arc<Idle>>,
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
        let linked = compiled.linked.clone().map_err(anyhow::Error::msg)?;
        let limits = &definition.limits;
        let egress = Egress::new(tls, definition.id.clone(), &definition.grants, limits.into())?;
        let (places, queue) = (limits.size(Limit::Calls), limits.size(Limit::Queue));
        let reuse = limits.get(Limit::Reuse);
        Ok(Self {
            info: unknown(),
            digest,
            config_digest: definition.config_digest(),
            runtime: runtime.clone(),
            egress: Arc::new(egress),
            linked,
            places: Arc::new(Semaphore::new(places)),
            queue: Arc::new(Semaphore::new(queue)),
            idle: (reuse > 1).then(|| Arc::new(Idle::new(reuse, runtime.resting.clone()))),
            definition,
            code,
            _compiled: compiled,
        })
    }

    /// The provider's name.
    pub fn id(&self) -> &Arc<str> {
        &self.definition.id
    }

    /// An instance for one attempt, which has it to itself: a new one, or where the operator allows
    /// that, one that has answered before.
    pub(crate) async fn instantiate(&self, meter: &Meter) -> Result<Instance, CallError> {
        if let Some(missing) = &self.definition.missing {
            return Err(CallError::Unconfigured(missing.clone()));
        }
        let permit = self.place().await?;
        let outbound = Outbound::new(self.egress.clone(), meter.clone());
        match self.idle.as_ref().and_then(|idle| idle.take()) {
            Some(used) => Ok(self.again(used, permit, outbound, meter)),
            None => self.fresh(permit, outbound, meter).await,
        }
    }

    /// One of the provider's places. A short queue forms before them; who finds it full, or waits
    /// too long, is turned away.
    async fn place(&self) -> Result<OwnedSemaphorePermit, CallError> {
        if let Ok(permit) = self.places.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let limits = &self.definition.limits;
        let busy = |met| CallError::busy(self.id().to_string(), met, limits);
        let _waiting = self.queue.try_acquire().map_err(|_| busy(Limit::Queue))?;
        let place = tokio::time::timeout(
            limits.time(Limit::QueueTimeout),
            self.places.clone().acquire_owned(),
        );
        place.await.ok().and_then(Result::ok).ok_or_else(|| busy(Limit::QueueTimeout))
    }

    /// Asks while nothing can leave: nothing does because a component is loaded.
    pub(super) async fn describe(&self) -> anyhow::Result<Info> {
        let permit = self.places.clone().acquire_owned().await?;
        let probe = async {
            let meter = Meter::default();
            let outbound = Outbound::shut(self.egress.clone(), meter.clone());
            let mut instance = self.fresh(permit, outbound, &meter).await?;
            instance.check()?;
            instance.describe().await
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
        match self.linked.pre.instantiate_async(&mut store).await {
            Ok(instance) => {
                let used = Used {
                    store,
                    functions: Functions::new(self.linked.exports, instance),
                    calls: 0,
                };
                Ok(Instance::new(used, self.plugin(), self.idle.clone(), living, permit))
            }
            Err(error) => Err(CallError::from_trap(self.plugin(), &error, store.data())),
        }
    }

    /// The limits of a call begin anew; what the guest has in its memory is still there.
    fn again(
        &self,
        mut used: Used,
        permit: OwnedSemaphorePermit,
        outbound: Outbound,
        meter: &Meter,
    ) -> Instance {
        let living = meter.living();
        used.store.data_mut().renew(outbound);
        used.store.set_epoch_deadline(1);
        Instance::new(used, self.plugin(), self.idle.clone(), living, permit)
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
