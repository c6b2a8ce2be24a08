//! A provider that was admitted: it gives each call a place and an instance.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use wasmtime::Store;

use super::context::CallContext;
use super::exports::Functions;
use super::guest_log::GuestLog;
use super::idle::{Idle, PooledInstance};
use super::idle_budget::IdleBudget;
use super::linked::LinkedComponent;
use super::provider_call::ProviderCall;
use super::state::CallState;
use super::trap::call_error;
use crate::config::Limit;
use crate::contract::Info;
use crate::digest::Sha256Digest;
use crate::egress::{CallEgress, Egress, Tls};
use crate::meter::Meter;
use crate::plugin::CallError;
use crate::plugin::definition::Definition;
use crate::plugin::engine::Engine;
use crate::plugin::error::{CrowdedOut, Full};
use crate::plugin::room::{Share, Ticket};

/// The time that `describe` may take, unless a whole call may take less. It reads settings and
/// answers.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(10);

/// A provider that was admitted and can be called.
pub struct Provider {
    /// Its definition, by the operator.
    pub definition: Arc<Definition>,
    /// Its own description.
    pub info: Info,
    /// The component's digest.
    pub digest: Sha256Digest,
    /// The dialects that it forwards.
    dialects: Vec<String>,
    /// True if it asks for wishes.
    takes_wishes: bool,
    /// The digest of its settings: a provider that is set up otherwise gives other completions.
    pub config_digest: Sha256Digest,
    engine: Engine,
    egress: Arc<Egress>,
    /// Shared with the other providers that are made of the same component.
    component: Arc<LinkedComponent>,
    /// Its room in the pool.
    share: Arc<Share>,
    /// A permit is a call at work.
    places: Arc<Semaphore>,
    /// A permit is a call that waits for a place.
    queue: Arc<Semaphore>,
    /// Instances between two calls, if the operator lets one answer more than one.
    idle: Option<Arc<Idle>>,
}

impl Provider {
    /// Makes a provider that has yet to describe itself.
    ///
    /// # Errors
    /// When a granted header isn't valid in HTTP.
    pub(in crate::plugin) fn new(
        engine: &Engine,
        idle_budget: &IdleBudget,
        tls: &Tls,
        definition: Arc<Definition>,
        digest: Sha256Digest,
        component: Arc<LinkedComponent>,
        share: Arc<Share>,
    ) -> anyhow::Result<Self> {
        let limits = &definition.limits;
        let egress = Egress::new(tls, definition.id.clone(), &definition.grants, limits.into())?;
        let (places, queue) = (limits.calls(), limits.queue());
        let reuse = limits.raw(Limit::Reuse);
        Ok(Self {
            info: unknown(),
            dialects: vec![],
            takes_wishes: component.takes_wishes,
            digest,
            config_digest: definition.config_digest(),
            engine: engine.clone(),
            egress: Arc::new(egress),
            component,
            share,
            places: Arc::new(Semaphore::new(places)),
            queue: Arc::new(Semaphore::new(queue)),
            idle: (reuse > 1).then(|| Arc::new(Idle::new(reuse, idle_budget.clone()))),
            definition,
        })
    }

    /// Returns the provider's name.
    pub fn id(&self) -> &Arc<str> {
        &self.definition.id
    }

    /// Returns true if it forwards calls in this dialect.
    pub fn forwards(&self, dialect: &str) -> bool {
        self.dialects.iter().any(|known| known == dialect)
    }

    /// Returns true if it lists its vendor's models.
    pub fn lists_models(&self) -> bool {
        self.component.exports.can_list_models()
    }

    /// Returns true if it counts tokens.
    pub fn counts_tokens(&self) -> bool {
        self.component.exports.can_count_tokens()
    }

    /// Returns true if it makes vectors.
    pub fn embeds(&self) -> bool {
        self.component.exports.can_embed()
    }

    /// Returns true if it takes wishes: those of its component's imports tell.
    pub fn takes_wishes(&self) -> bool {
        self.takes_wishes
    }

    /// Takes its own description.
    pub(in crate::plugin) fn introduce(&mut self, info: Info) {
        if self.component.exports.can_forward() {
            self.dialects = dialects(&info);
        }
        self.info = info;
    }

    /// Begins a call, in an instance that it has to itself: a new one, or where the operator allows
    /// that, one that has answered before.
    pub(crate) async fn begin_call(
        &self,
        meter: &Meter,
        context: CallContext,
    ) -> Result<ProviderCall, CallError> {
        if let Some(missing) = &self.definition.missing {
            return Err(CallError::Unconfigured(missing.clone()));
        }
        let until = Instant::now() + self.definition.limits.queue_timeout();
        let permit = self.place(until).await?;
        let egress = CallEgress::new(self.egress.clone(), meter.clone());
        if let Some(used) = self.idle.as_ref().and_then(|idle| idle.take()) {
            return Ok(self.again(used, permit, egress, context, meter));
        }
        let ticket = self.ticket(until).await?;
        self.fresh(permit, ticket, egress, context, meter).await
    }

    /// One of the provider's places. A short queue forms before them; who finds it full, or waits
    /// too long, is turned away.
    async fn place(&self, until: Instant) -> Result<OwnedSemaphorePermit, CallError> {
        if let Ok(permit) = self.places.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let limits = &self.definition.limits;
        let busy = |met| CallError::all_places_taken(self.id().to_string(), met, limits);
        let _waiting = self.queue.try_acquire().map_err(|_| busy(Limit::Queue))?;
        let place = timeout_at(until, self.places.clone().acquire_owned());
        place.await.ok().and_then(Result::ok).ok_or_else(|| busy(Limit::QueueTimeout))
    }

    /// A place in the pool for a new instance. Who finds none waits in the same queue.
    async fn ticket(&self, until: Instant) -> Result<Ticket, CallError> {
        if let Some(ticket) = self.share.try_take() {
            return Ok(ticket);
        }
        let full = Full::Pool { reserved: self.share.reserved() };
        let busy = || CallError::Busy { provider: self.id().to_string(), full };
        let _waiting = self.queue.try_acquire().map_err(|_| busy())?;
        timeout_at(until, self.share.take()).await.map_err(|_| busy())
    }

    /// Asks while nothing can leave: nothing does because a component is loaded.
    pub(in crate::plugin) async fn describe(&self) -> anyhow::Result<Info> {
        let permit = self.places.clone().acquire_owned().await?;
        let probe = async {
            let meter = Meter::default();
            let egress = CallEgress::shut(self.egress.clone(), meter.clone());
            let ticket = self.share.take().await;
            let context = CallContext::default();
            let mut call = self.fresh(permit, ticket, egress, context, &meter).await?;
            call.check()?;
            call.describe().await
        };
        let most = DESCRIBE_TIMEOUT.min(self.definition.limits.timeout());
        let info = tokio::time::timeout(most, probe).await;
        let info = info.map_err(|_| anyhow!("describe took longer than {most:?}"))?;
        info.map_err(|error| match error {
            CallError::Busy { .. } => CrowdedOut(error.detail()).into(),
            error => anyhow!("describe failed: {}", error.detail()),
        })
    }

    async fn fresh(
        &self,
        permit: OwnedSemaphorePermit,
        ticket: Ticket,
        egress: CallEgress,
        context: CallContext,
        meter: &Meter,
    ) -> Result<ProviderCall, CallError> {
        let living = meter.living();
        let limits = &self.definition.limits;
        let log = GuestLog::new(self.id().clone(), self.egress.secrets().clone(), limits);
        let state = CallState::new(self.definition.clone(), egress, context, log, &self.engine);
        let account = state.account().clone();
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| state);
        store.set_hostcall_fuel(limits.host_call_bytes());
        store.set_max_component_handles(limits.handles());
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| Ok(store.data_mut().tick()));
        match account.run(self.component.pre.instantiate_async(&mut store)).await {
            Ok(instance) => {
                let instance = PooledInstance {
                    store,
                    functions: Functions::new(self.component.exports, instance),
                    calls: 0,
                    _ticket: ticket,
                };
                Ok(ProviderCall::new(instance, self.plugin(), self.idle.clone(), living, permit))
            }
            Err(error) => Err(call_error(self.plugin(), &error, store.data())),
        }
    }

    /// The limits of a call begin anew; what the guest has in its memory is still there.
    fn again(
        &self,
        mut instance: PooledInstance,
        permit: OwnedSemaphorePermit,
        egress: CallEgress,
        context: CallContext,
        meter: &Meter,
    ) -> ProviderCall {
        let living = meter.living();
        instance.store.data_mut().renew(egress, context);
        instance.store.set_epoch_deadline(1);
        ProviderCall::new(instance, self.plugin(), self.idle.clone(), living, permit)
    }

    /// Returns the name of this version of the component, for errors and logs.
    fn plugin(&self) -> String {
        format!("{} {}", self.id(), self.info.version)
    }
}

/// The part of `info.extra` that the host reads.
#[derive(Default, Deserialize)]
struct InfoExtra {
    /// The dialects that the provider takes as they are.
    #[serde(default)]
    dialects: Vec<String>,
}

/// Returns the dialects that a provider names. What isn't a list of texts names none.
fn dialects(info: &Info) -> Vec<String> {
    let extra = info.extra.as_deref().unwrap_or("{}");
    serde_json::from_str::<InfoExtra>(extra).unwrap_or_default().dialects
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
