//! The parts that all providers share: the engine, compiled code on disk and in memory, and the
//! budget for idle instances.

use std::sync::Arc;

use super::call::IdleBudget;
use super::engine::Engine;
use super::load::{CodeCache, Lanes, LoadedComponents};
use crate::config::PluginConfig;

/// Of the calls that one provider may have at once, the share as which instances may wait for
/// another call. The pool has room for more than twice as many, and each keeps the place that its
/// provider took for it.
const IDLE_SHARE: usize = 8;

/// The shared parts of all providers. Clones are the same runtime.
#[derive(Clone)]
pub(super) struct Runtime {
    /// The engine and its clock.
    pub(super) engine: Engine,
    /// The order in which components are compiled.
    pub(super) lanes: Lanes,
    /// Compiled code on disk.
    pub(super) code_cache: CodeCache,
    /// Components in use, by digest.
    pub(super) loaded: Arc<LoadedComponents>,
    /// The budget of instances that wait for another call, over all providers.
    pub(super) idle_budget: IdleBudget,
}

impl Runtime {
    /// Builds the engine.
    ///
    /// # Errors
    /// When this machine can't run WebAssembly at all.
    pub(super) fn new(config: &PluginConfig, code_cache: CodeCache) -> anyhow::Result<Self> {
        let calls = config.limits.calls();
        Ok(Self {
            engine: Engine::new(config)?,
            lanes: Lanes::new(config.compile.at_once),
            code_cache,
            loaded: Arc::default(),
            idle_budget: IdleBudget::new((calls / IDLE_SHARE).max(1)),
        })
    }
}
