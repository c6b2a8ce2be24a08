//! One call of a provider, and the instance it has to itself.

use std::fmt::Display;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use wasmtime::component::ResourceAny;

use super::bindings::abilities::exports::arete::provider::embeddings::{EmbedAnswer, EmbedRequest};
use super::bindings::abilities::exports::arete::provider::forward::{
    ForwardRefusal, ForwardRequest,
};
use super::bindings::abilities::exports::arete::provider::models::Page;
use super::bindings::abilities::exports::arete::provider::tokens::TokenCount;
use super::idle::{Idle, PooledInstance};
use super::imports;
use super::trap::call_error;
use super::validate::{self, Checked};
use crate::config::Limit;
use crate::contract::{Completion, Delta, ErrorKind, Info, ProviderError, Request};
use crate::egress::{self, Reply, SendError};
use crate::meter::Stopwatch;
use crate::plugin::CallError;
use crate::plugin::error::bounded;

/// An instance that one call has to itself. Dropping it ends the call: the vendor's connection is
/// closed.
pub(crate) struct ProviderCall {
    instance: PooledInstance,
    plugin: String,
    deltas: Option<ResourceAny>,
    /// The place where it waits for another call, if the operator allows another one.
    idle: Option<Arc<Idle>>,
    place: CallPlace,
}

/// The place that a call takes among those of its provider, and its time. A forwarded call keeps it
/// until its answer has been passed on; its instance ends before.
pub(crate) struct CallPlace {
    _living: Stopwatch,
    _permit: OwnedSemaphorePermit,
}

impl ProviderCall {
    pub(super) fn new(
        instance: PooledInstance,
        plugin: String,
        idle: Option<Arc<Idle>>,
        living: Stopwatch,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let place = CallPlace { _living: living, _permit: permit };
        Self { instance, plugin, deltas: None, idle, place }
    }

    /// Finds out whether it exports what a provider does, types and all.
    pub(super) fn check(&mut self) -> Result<(), CallError> {
        let PooledInstance { store, functions, .. } = &mut self.instance;
        functions.check(store).map_err(|error| self.failure(&error))
    }

    /// Says what it is.
    pub(super) async fn describe(&mut self) -> Result<Info, CallError> {
        let PooledInstance { store, functions, .. } = &mut self.instance;
        let said = functions.describe(store).await;
        self.finish(said, validate::info)
    }

    /// Answers in whole.
    pub(crate) async fn complete(&mut self, request: &Request) -> Result<Completion, CallError> {
        let PooledInstance { store, functions, .. } = &mut self.instance;
        let said = functions.complete(store, request).await;
        self.finish(said, validate::completion)
    }

    /// Begins to answer bit by bit.
    pub(crate) async fn open_stream(&mut self, request: &Request) -> Result<(), CallError> {
        let PooledInstance { store, functions, .. } = &mut self.instance;
        let said = functions.open_stream(store, request).await;
        let deltas = self.finish(said, |_| Ok(()))?;
        self.deltas = Some(deltas);
        Ok(())
    }

    /// Waits for more of the stream; nothing at its end.
    pub(crate) async fn next(&mut self) -> Result<Vec<Delta>, CallError> {
        let Some(deltas) = self.deltas else { return Ok(vec![]) };
        let PooledInstance { store, functions, .. } = &mut self.instance;
        let said = functions.next(store, deltas).await;
        self.finish(said, |deltas: &Vec<Delta>| deltas.iter().try_for_each(validate::delta))
    }

    /// Returns the request that a forwarded call is, without its body.
    pub(crate) async fn route(
        &mut self,
        request: &ForwardRequest,
    ) -> Result<egress::Request, CallError> {
        let PooledInstance { store, functions, .. } = &mut self.instance;
        let said = functions.route(store, request).await;
        let request = self.finish(said, |_| Ok(()))?;
        if request.body.is_some() {
            return Err(self.invalid("the request that `route` returns has a body"));
        }
        Ok(imports::outgoing(request))
    }

    /// Returns what the refusal of a forwarded call means.
    pub(crate) async fn explain_refusal(
        &mut self,
        refusal: &ForwardRefusal,
    ) -> Result<CallError, CallError> {
        let PooledInstance { store, functions, .. } = &mut self.instance;
        let said = functions.explain_refusal(store, refusal).await;
        Ok(self.told(said.map_err(|error| self.failure(&error))?))
    }

    /// Lists models of the vendor: the first page, or the one that the mark leads to.
    pub(crate) async fn list_models(&mut self, after: Option<&str>) -> Result<Page, CallError> {
        let PooledInstance { store, functions, .. } = &mut self.instance;
        let said = functions.list_models(store, after).await;
        self.finish(said, validate::page)
    }

    /// Counts the tokens of a request.
    pub(crate) async fn count_tokens(
        &mut self,
        request: &Request,
    ) -> Result<TokenCount, CallError> {
        let PooledInstance { store, functions, .. } = &mut self.instance;
        let said = functions.count_tokens(store, request).await;
        self.finish(said, validate::token_count)
    }

    /// Makes a vector of each input.
    pub(crate) async fn embed(&mut self, request: &EmbedRequest) -> Result<EmbedAnswer, CallError> {
        let PooledInstance { store, functions, .. } = &mut self.instance;
        let said = functions.embed(store, request).await;
        self.finish(said, |answer| validate::vectors(answer, request.inputs.len()))
    }

    /// Sends a request for the guest, as if the guest had sent it.
    pub(crate) async fn send(&mut self, request: egress::Request) -> Result<Reply, SendError> {
        self.instance.store.data_mut().egress.send(request).await
    }

    /// Ends a call that was answered well. Where the operator allows it, the instance then waits
    /// for another one. It doesn't when it is dropped instead, because the guest failed, broke
    /// a limit or a promise, or nobody waited for it any more.
    pub(crate) async fn release(self) -> CallPlace {
        let Self { mut instance, deltas, idle, place, .. } = self;
        let Some(idle) = idle else { return place };
        instance.calls += 1;
        if let Some(deltas) = deltas {
            let account = instance.store.data().account().clone();
            let dropped = account.run(deltas.resource_drop_async(&mut instance.store));
            if dropped.await.is_err() {
                return place;
            }
        }
        idle.put(instance);
        place
    }

    /// Turns the three ways a call can fail into one.
    fn finish<T>(
        &mut self,
        said: wasmtime::Result<Result<T, ProviderError>>,
        check: impl FnOnce(&T) -> Checked,
    ) -> Result<T, CallError> {
        let value =
            said.map_err(|error| self.failure(&error))?.map_err(|error| self.told(error))?;
        check(&value).map_err(|problem| self.invalid(problem))?;
        Ok(value)
    }

    /// A guest that got no memory because of others may fail for that in words of its own, and so
    /// may one whose request wasn't sent for want of the operator's credential.
    fn told(&self, error: ProviderError) -> CallError {
        let state = self.instance.store.data();
        if let Some(full) = state.full() {
            return CallError::Busy { provider: self.plugin.clone(), full };
        }
        match state.egress.without_credential() {
            Some(sentence) => ProviderError {
                kind: ErrorKind::Credentials,
                message: sentence,
                status: None,
                code: None,
                field: None,
                request_id: None,
                retry_after_ms: None,
                extra: None,
            }
            .into(),
            None => error.into(),
        }
    }

    fn failure(&self, error: &wasmtime::Error) -> CallError {
        call_error(self.plugin.clone(), error, self.instance.store.data())
    }

    /// The guest's answer breaks the contract.
    pub(crate) fn invalid(&self, problem: impl Display) -> CallError {
        CallError::Invalid { plugin: self.plugin.clone(), problem: bounded(&problem.to_string()) }
    }

    /// The guest instance more of something than it may.
    pub(crate) fn exceeded(&self, limit: Limit) -> CallError {
        CallError::exceeded(self.plugin.clone(), limit, self.instance.store.data().limits())
    }
}
