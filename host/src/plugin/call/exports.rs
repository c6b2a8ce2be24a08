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
use super::bindings::abilities::exports::arete::provider::embeddings::{EmbedAnswer, EmbedRequest};
use super::bindings::abilities::exports::arete::provider::forward::{
    ForwardRefusal, ForwardRequest,
};
use super::bindings::abilities::exports::arete::provider::models::Page;
use super::bindings::abilities::exports::arete::provider::tokens::TokenCount;
use super::bindings::arete::provider::http::HttpRequest;
use super::state::CallState;
use crate::contract::{Completion, Delta, Info, ProviderError, Request};

/// The interface that every provider exports. One of an earlier patch version is found by this name
/// too.
const CHAT: &str = "arete:provider/chat@0.1.1";
/// Interfaces that a provider may export.
const FORWARD: &str = "arete:provider/forward@0.1.1";
const MODELS: &str = "arete:provider/models@0.1.1";
const TOKENS: &str = "arete:provider/tokens@0.1.1";
const EMBEDDINGS: &str = "arete:provider/embeddings@0.1.1";

type Answer<T> = (Result<T, ProviderError>,);

/// The places of a component's exports.
#[derive(Clone, Copy)]
pub(super) struct Exports {
    describe: ComponentExportIndex,
    complete: ComponentExportIndex,
    open_stream: ComponentExportIndex,
    next: ComponentExportIndex,
    forward: Option<Forward>,
    list_models: Option<ComponentExportIndex>,
    count_tokens: Option<ComponentExportIndex>,
    embed: Option<ComponentExportIndex>,
}

/// The places of the functions of `forward`.
#[derive(Clone, Copy)]
struct Forward {
    route: ComponentExportIndex,
    explain_refusal: ComponentExportIndex,
}

impl Exports {
    /// Finds them.
    ///
    /// # Errors
    /// The interface of which a function is missing.
    pub(super) fn of(component: &Component) -> Result<Self, &'static str> {
        let only = |interface, name: &str| {
            let instance = component.get_export_index(None, interface);
            let found = instance.map(|it| component.get_export_index(Some(&it), name));
            found.map(|function| function.ok_or(interface)).transpose()
        };
        let chat = Self {
            list_models: only(MODELS, "list-models")?,
            count_tokens: only(TOKENS, "count-tokens")?,
            embed: only(EMBEDDINGS, "embed")?,
            ..Self::chat(component).ok_or(CHAT)?
        };
        let Some(forward) = component.get_export_index(None, FORWARD) else { return Ok(chat) };
        let function = |name: &str| component.get_export_index(Some(&forward), name).ok_or(FORWARD);
        let forward =
            Forward { route: function("route")?, explain_refusal: function("explain-refusal")? };
        Ok(Self { forward: Some(forward), ..chat })
    }

    fn chat(component: &Component) -> Option<Self> {
        let chat = component.get_export_index(None, CHAT)?;
        let function = |name: &str| component.get_export_index(Some(&chat), name);
        Some(Self {
            describe: function("describe")?,
            complete: function("complete")?,
            open_stream: function("open-stream")?,
            next: function("[method]deltas.next")?,
            forward: None,
            list_models: None,
            count_tokens: None,
            embed: None,
        })
    }

    /// Returns true if the provider forwards calls.
    pub(super) fn can_forward(&self) -> bool {
        self.forward.is_some()
    }

    /// Returns true if the provider lists its vendor's models.
    pub(super) fn can_list_models(&self) -> bool {
        self.list_models.is_some()
    }

    /// Returns true if the provider counts tokens.
    pub(super) fn can_count_tokens(&self) -> bool {
        self.count_tokens.is_some()
    }

    /// Returns true if the provider makes vectors.
    pub(super) fn can_embed(&self) -> bool {
        self.embed.is_some()
    }

    fn forward(&self) -> wasmtime::Result<Forward> {
        there(self.forward, FORWARD)
    }
}

/// Returns a part of an interface that a component exports. Who asks has made sure that it does.
fn there<T>(part: Option<T>, interface: &str) -> wasmtime::Result<T> {
    part.ok_or_else(|| wasmtime::format_err!("the component doesn't export {interface}"))
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
        bindings::Provider::new(&mut *store, &self.instance)?;
        let Exports { forward, list_models, count_tokens, embed, .. } = self.exports;
        if let Some(Forward { route, explain_refusal }) = forward {
            self.holds::<(&ForwardRequest,), Answer<HttpRequest>>(store, route)?;
            self.holds::<(&ForwardRefusal,), (ProviderError,)>(store, explain_refusal)?;
        }
        if let Some(function) = list_models {
            self.holds::<(Option<&str>,), Answer<Page>>(store, function)?;
        }
        if let Some(function) = count_tokens {
            self.holds::<(&Request,), Answer<TokenCount>>(store, function)?;
        }
        if let Some(function) = embed {
            self.holds::<(&EmbedRequest,), Answer<EmbedAnswer>>(store, function)?;
        }
        Ok(())
    }

    /// Holds the types of one of them against these.
    fn holds<P, R>(
        &self,
        store: &mut Store<CallState>,
        function: ComponentExportIndex,
    ) -> wasmtime::Result<()>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        self.instance.get_typed_func::<P, R>(store, &function).map(drop)
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

    pub(super) async fn route(
        &self,
        store: &mut Store<CallState>,
        request: &ForwardRequest,
    ) -> wasmtime::Result<Result<HttpRequest, ProviderError>> {
        self.call(store, self.exports.forward()?.route, (request,)).await
    }

    pub(super) async fn explain_refusal(
        &self,
        store: &mut Store<CallState>,
        refusal: &ForwardRefusal,
    ) -> wasmtime::Result<ProviderError> {
        self.call(store, self.exports.forward()?.explain_refusal, (refusal,)).await
    }

    pub(super) async fn list_models(
        &self,
        store: &mut Store<CallState>,
        after: Option<&str>,
    ) -> wasmtime::Result<Result<Page, ProviderError>> {
        self.call(store, there(self.exports.list_models, MODELS)?, (after,)).await
    }

    pub(super) async fn count_tokens(
        &self,
        store: &mut Store<CallState>,
        request: &Request,
    ) -> wasmtime::Result<Result<TokenCount, ProviderError>> {
        self.call(store, there(self.exports.count_tokens, TOKENS)?, (request,)).await
    }

    pub(super) async fn embed(
        &self,
        store: &mut Store<CallState>,
        request: &EmbedRequest,
    ) -> wasmtime::Result<Result<EmbedAnswer, ProviderError>> {
        self.call(store, there(self.exports.embed, EMBEDDINGS)?, (request,)).await
    }

    async fn call<P, T>(
        &self,
        store: &mut Store<CallState>,
        function: ComponentExportIndex,
        params: P,
    ) -> wasmtime::Result<T>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        (T,): ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let function = self.instance.get_typed_func::<P, (T,)>(&mut *store, &function)?;
        let account = store.data().account().clone();
        Ok(account.run(function.call_async(store, params)).await?.0)
    }
}
