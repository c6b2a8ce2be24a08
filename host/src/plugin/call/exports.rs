//! The exports of a provider, as functions that can be called.
//!
//! The bindings make all of them for each instance, and hold each one's types against the
//! contract's. A call needs one of them, or two, so they are made here when they are needed. That
//! all are there and of the right types is found out once, when the component is linked and asked
//! to describe itself.

use wasmtime::Store;
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower, ResourceAny,
    TypedFunc,
};

use super::bindings;
use super::state::CallState;
use crate::contract::{Completion, Delta, Info, ProviderError, Request};

/// The interface that providers export.
const CHAT: &str = "arete:provider/chat@0.1.0";

type Answer<T> = (Result<T, ProviderError>,);

/// The places of a component's exports.
#[derive(Clone, Copy)]
pub(super) struct Exports {
    describe: ComponentExportIndex,
    complete: ComponentExportIndex,
    open_stream: ComponentExportIndex,
    next: ComponentExportIndex,
}

impl Exports {
    /// Nothing if one is missing.
    pub(super) fn of(component: &Component) -> Option<Self> {
        let chat = component.get_export_index(None, CHAT)?;
        let function = |name: &str| component.get_export_index(Some(&chat), name);
        Some(Self {
            describe: function("describe")?,
            complete: function("complete")?,
            open_stream: function("open-stream")?,
            next: function("[method]deltas.next")?,
        })
    }
}

/// The functions of an instance.
pub(super) struct Functions {
    exports: Exports,
    instance: Instance,
    /// Asked for again and again.
    next: Option<TypedFunc<(ResourceAny,), Answer<Vec<Delta>>>>,
}

impl Functions {
    pub(super) fn new(exports: Exports, instance: Instance) -> Self {
        Self { exports, instance, next: None }
    }

    /// Holds the types of all of them against the contract's.
    pub(super) fn check(&self, store: &mut Store<CallState>) -> wasmtime::Result<()> {
        bindings::Provider::new(store, &self.instance).map(drop)
    }

    pub(super) async fn describe(
        &self,
        store: &mut Store<CallState>,
    ) -> wasmtime::Result<Result<Info, ProviderError>> {
        self.call(store, self.exports.describe, ()).await
    }

    pub(super) async fn complete(
        &self,
        store: &mut Store<CallState>,
        request: &Request,
    ) -> wasmtime::Result<Result<Completion, ProviderError>> {
        self.call(store, self.exports.complete, (request,)).await
    }

    pub(super) async fn open_stream(
        &self,
        store: &mut Store<CallState>,
        request: &Request,
    ) -> wasmtime::Result<Result<ResourceAny, ProviderError>> {
        self.call(store, self.exports.open_stream, (request,)).await
    }

    pub(super) async fn next(
        &mut self,
        store: &mut Store<CallState>,
        deltas: ResourceAny,
    ) -> wasmtime::Result<Result<Vec<Delta>, ProviderError>> {
        let next = match self.next {
            Some(next) => next,
            None => {
                *self.next.insert(self.instance.get_typed_func(&mut *store, self.exports.next)?)
            }
        };
        let account = store.data().account().clone();
        Ok(account.run(next.call_async(store, (deltas,))).await?.0)
    }

    async fn call<P, T>(
        &self,
        store: &mut Store<CallState>,
        function: ComponentExportIndex,
        params: P,
    ) -> wasmtime::Result<Result<T, ProviderError>>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        Answer<T>: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let function = self.instance.get_typed_func::<P, Answer<T>>(&mut *store, &function)?;
        let account = store.data().account().clone();
        Ok(account.run(function.call_async(store, params)).await?.0)
    }
}
