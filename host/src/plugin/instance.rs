//! One call of a provider, and the instance it has to itself.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use wasmtime::component::ResourceAny;

use super::check::{self, Checked};
use super::error::CallError;
use super::idle::{Idle, Used};
use super::meter::Stopwatch;
use crate::config::Limit;
use crate::llm::{Completion, Delta, Info, Request};

/// An instance that one call has to itself. Dropping it ends the call: the vendor's connection is
/// closed.
pub(crate) struct Instance {
    used: Used,
    plugin: String,
    deltas: Option<ResourceAny>,
    /// Where it waits for another call, if the operator allows another one.
    idle: Option<Arc<Idle>>,
    _living: Stopwatch,
    _permit: OwnedSemaphorePermit,
}

impl Instance {
    pub(super) fn new(
        used: Used,
        plugin: String,
        idle: Option<Arc<Idle>>,
        living: Stopwatch,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self { used, plugin, deltas: None, idle, _living: living, _permit: permit }
    }

    /// Finds out whether it exports what a provider does, types and all.
    pub(super) fn check(&mut self) -> Result<(), CallError> {
        let Used { store, functions, .. } = &mut self.used;
        functions.check(store).map_err(|error| self.failure(&error))
    }

    /// Says what it is.
    pub(super) async fn describe(&mut self) -> Result<Info, CallError> {
        let Used { store, functions, .. } = &mut self.used;
        store.data_mut().resume();
        let said = functions.describe(store).await;
        self.settle(said, check::info)
    }

    /// Answers in whole.
    pub(crate) async fn complete(&mut self, request: &Request) -> Result<Completion, CallError> {
        let Used { store, functions, .. } = &mut self.used;
        store.data_mut().resume();
        let said = functions.complete(store, request).await;
        self.settle(said, check::completion)
    }

    /// Begins to answer bit by bit.
    pub(crate) async fn open_stream(&mut self, request: &Request) -> Result<(), CallError> {
        let Used { store, functions, .. } = &mut self.used;
        store.data_mut().resume();
        let said = functions.open_stream(store, request).await;
        let deltas = self.settle(said, |_| Ok(()))?;
        self.deltas = Some(deltas);
        Ok(())
    }

    /// What is new in the stream; nothing at its end.
    pub(crate) async fn next(&mut self) -> Result<Vec<Delta>, CallError> {
        let Some(deltas) = self.deltas else { return Ok(vec![]) };
        let Used { store, functions, .. } = &mut self.used;
        store.data_mut().resume();
        let said = functions.next(store, deltas).await;
        self.settle(said, |deltas: &Vec<Delta>| deltas.iter().try_for_each(check::delta))
    }

    /// Ends a call that was answered well. Where the operator allows it, the instance then waits
    /// for another one. It doesn't when it is dropped instead, because the guest failed, broke
    /// a limit or a promise, or nobody waited for it any more.
    pub(crate) async fn release(mut self) {
        let Some(idle) = self.idle.take() else { return };
        self.used.calls += 1;
        if let Some(deltas) = self.deltas.take() {
            self.used.store.data_mut().resume();
            if deltas.resource_drop_async(&mut self.used.store).await.is_err() {
                return;
            }
        }
        idle.put(self.used);
    }

    /// Turns the three ways a call can fail into one.
    fn settle<T>(
        &mut self,
        said: wasmtime::Result<Result<T, crate::llm::ProviderError>>,
        check: impl FnOnce(&T) -> Checked,
    ) -> Result<T, CallError> {
        self.used.store.data_mut().pause();
        let value = said.map_err(|error| self.failure(&error))?.map_err(CallError::from)?;
        check(&value).map_err(|problem| self.invalid(problem))?;
        Ok(value)
    }

    fn failure(&self, error: &wasmtime::Error) -> CallError {
        CallError::from_trap(self.plugin.clone(), error, self.used.store.data())
    }

    /// The guest's answer breaks the contract.
    pub(crate) fn invalid(&self, problem: String) -> CallError {
        CallError::Invalid { plugin: self.plugin.clone(), problem }
    }

    /// The guest used more of something than it may.
    pub(crate) fn exceeded(&self, limit: Limit) -> CallError {
        CallError::exceeded(self.plugin.clone(), limit, self.used.store.data().limits())
    }
}
