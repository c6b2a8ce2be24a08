//! A provider: what the operator defined, compiled and admitted; and one call of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Store;
use wasmtime::component::{Component, HasSelf, Linker, ResourceAny};

use super::bindings;
use super::check::{self, Checked};
use super::engine::Runtime;
use super::error::CallError;
use super::guest_log::GuestLog;
use super::meter::{Meter, Stopwatch};
use super::outbound::{Egress, Grant, Outbound, OutboundLimits, Tls};
use super::state::CallState;
use crate::llm::{Completion, Delta, Info, Request};

/// How long a call waits for one of its provider's places before it is turned away.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(1);
/// The largest component. StarlingMonkey and Python make some of 12 to 22 MiB.
const COMPONENT_BYTES_MAX: u64 = 64 << 20;
/// What one call of a guest into the host may carry: the largest request that vendors take, and some.
const HOST_CALL_BYTES_MAX: usize = 64 << 20;
/// How long `describe` may take. It reads settings and answers.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(10);

/// What an operator defined: which component, and what it is given.
pub struct Definition {
    /// The name callers use.
    pub id: Arc<str>,
    /// Where the component comes from.
    pub component: Source,
    /// What its `config` import answers.
    pub config: BTreeMap<String, String>,
    /// What it may reach.
    pub grants: Arc<[Grant]>,
    /// What the operator has to set before the provider can answer, as a sentence. Calls are refused with it.
    pub missing: Option<String>,
    /// What one call may use.
    pub limits: Limits,
}

impl Definition {
    /// Over all settings and origins: what an answer may depend on beside the question. Credentials are left out; they
    /// change who pays, not what is said.
    fn config_digest(&self) -> Sha256Digest {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        self.config.iter().for_each(|(key, value)| {
            add(key);
            add(value);
        });
        add("");
        self.grants.iter().for_each(|grant| add(&grant.origin.ascii_serialization()));
        Sha256Digest(hash.finalize().into())
    }
}

/// Where a component comes from.
pub enum Source {
    /// From within this binary.
    Bundled(&'static [u8]),
    /// From a file.
    File(PathBuf),
}

impl Source {
    async fn read(&self) -> anyhow::Result<Cow<'static, [u8]>> {
        match self {
            Self::Bundled(bytes) => Ok(Cow::Borrowed(bytes)),
            Self::File(path) => {
                let unreadable = || format!("{} can't be read", path.display());
                let file = tokio::fs::File::open(path).await.with_context(unreadable)?;
                let mut bytes = Vec::new();
                file.take(COMPONENT_BYTES_MAX + 1).read_to_end(&mut bytes).await.with_context(unreadable)?;
                if COMPONENT_BYTES_MAX < bytes.len() as u64 {
                    return Err(anyhow!("{} is larger than {COMPONENT_BYTES_MAX} bytes", path.display()));
                }
                Ok(Cow::Owned(bytes))
            }
        }
    }
}

/// What one call may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes over all memories.
    pub memory_bytes: usize,
    /// Computing time, waiting not counted.
    pub cpu: Duration,
    /// Calls at once.
    pub calls: usize,
    /// Bounds on each exchange with the vendor.
    pub outbound: OutboundLimits,
}

/// The SHA-256 of something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sha256Digest(pub [u8; 32]);

impl Sha256Digest {
    fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

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
    permits: Arc<Semaphore>,
}

impl Provider {
    /// Reads, compiles and probes a component. What passes here can be called: a component whose records differ from
    /// the contract's, for one, is only found out when it is really instantiated.
    ///
    /// # Errors
    /// What is wrong with the component, for its operator.
    pub async fn admit(runtime: &Runtime, tls: &Tls, definition: Definition) -> anyhow::Result<Arc<Self>> {
        let limits = definition.limits.outbound;
        let egress = Arc::new(Egress::new(tls, definition.id.clone(), &definition.grants, limits)?);
        let bytes = definition.component.read().await?;
        let digest = Sha256Digest::of(&bytes);
        let engine = runtime.clone();
        // Compiling keeps a core busy for a tenth of a second or, for Python, several.
        let pre = tokio::task::spawn_blocking(move || compile(&engine, &bytes)).await??;
        let permits = Arc::new(Semaphore::new(definition.limits.calls));
        let config_digest = definition.config_digest();
        let mut provider = Self {
            definition: Arc::new(definition),
            info: unknown(),
            digest,
            config_digest,
            runtime: runtime.clone(),
            egress,
            pre,
            permits,
        };
        provider.info = provider.describe().await?;
        Ok(Arc::new(provider))
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
        let waiting = tokio::time::timeout(QUEUE_TIMEOUT, self.permits.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = waiting else { return Err(CallError::Busy { provider: self.id().to_string() }) };
        self.fresh(permit, Outbound::new(self.egress.clone(), meter.clone()), meter).await
    }

    /// Asks while nothing can leave.
    async fn describe(&self) -> anyhow::Result<Info> {
        let permit = self.permits.clone().acquire_owned().await?;
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
        let info = tokio::time::timeout(DESCRIBE_TIMEOUT, probe).await.context("describe took too long")?;
        info.map_err(|error| anyhow!("describe failed: {}", error.detail()))
    }

    async fn fresh(
        &self,
        permit: OwnedSemaphorePermit,
        outbound: Outbound,
        meter: &Meter,
    ) -> Result<Instance, CallError> {
        let living = meter.living();
        let log = GuestLog::new(self.id().clone(), self.egress.secrets().clone());
        let state = CallState::new(self.definition.clone(), outbound, log);
        let mut store = Store::new(&self.runtime.engine, state);
        store.limiter(|state| state);
        store.set_hostcall_fuel(HOST_CALL_BYTES_MAX);
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

fn compile(runtime: &Runtime, bytes: &[u8]) -> anyhow::Result<bindings::ProviderPre<CallState>> {
    let engine = &runtime.engine;
    if wasmtime::Engine::detect_precompiled(bytes).is_some() {
        return Err(anyhow!("this is machine code, not a component: machine code from outside can't be trusted"));
    }
    let component = Component::new(engine, bytes).map_err(|error| anyhow!("this is no component: {error:#}"))?;
    let mut linker = Linker::<CallState>::new(engine);
    // Files, sockets, environment and arguments are linked, because every toolchain imports them, and empty.
    let linked = wasmtime_wasi::p2::add_to_linker_async(&mut linker)
        .and_then(|()| bindings::Provider::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state));
    linked.map_err(|error| anyhow!("{error:#}"))?;
    let pre = linker
        .instantiate_pre(&component)
        .map_err(|error| anyhow!("it asks for something that no provider is given: {error:#}"))?;
    bindings::ProviderPre::new(pre)
        .map_err(|error| anyhow!("it doesn't do what arete:provider@0.1.0 says a provider does: {error:#}"))
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
        &self,
        said: wasmtime::Result<Result<T, crate::llm::ProviderError>>,
        check: impl FnOnce(&T) -> Checked,
    ) -> Result<T, CallError> {
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
    pub(crate) fn exceeded(&self, limit: &'static str) -> CallError {
        CallError::Exceeded { plugin: self.plugin.clone(), limit }
    }
}
