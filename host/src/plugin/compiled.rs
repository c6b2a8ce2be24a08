//! Components in machine code. However many providers are made of one, it is compiled once and in
//! memory once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Context, anyhow};
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};

use super::bindings;
use super::code_cache::Origin;
use super::definition::Sha256Digest;
use super::engine::Runtime;
use super::exports::Exports;
use super::inspect::{self, Anatomy};
use super::state::CallState;

/// A component that has all it asks for, and all that a provider has to have.
#[derive(Clone)]
pub(super) struct Linked {
    pub(super) pre: InstancePre<CallState>,
    pub(super) exports: Exports,
}

/// A component, compiled and linked.
pub(super) struct Compiled {
    /// What it is made of.
    pub(super) anatomy: Anatomy,
    /// Ready to be instantiated, or why it can't be linked.
    pub(super) linked: Result<Linked, String>,
    /// Where its machine code came from, and how long that took.
    pub(super) code: (Origin, Duration),
}

impl Compiled {
    /// Keeps cores busy for a tenth of a second or, for Python, several seconds: not for threads
    /// that serve.
    ///
    /// # Errors
    /// When the bytes are no component.
    pub(super) fn new(
        runtime: &Runtime,
        bytes: &[u8],
        digest: &Sha256Digest,
    ) -> anyhow::Result<Self> {
        inspect::is_component(bytes).map_err(anyhow::Error::msg)?;
        let loaded = runtime
            .code
            .component(&runtime.engine, bytes, digest)
            .context("the component is broken or cut off")?;
        let component = &loaded.component;
        let anatomy = Anatomy::of(&runtime.engine, component);
        let linked = anatomy
            .check()
            .and_then(|()| link(runtime, component).map_err(|error| format!("{error:#}")));
        Ok(Self { anatomy, linked, code: (loaded.from, loaded.took) })
    }
}

fn link(runtime: &Runtime, component: &Component) -> anyhow::Result<Linked> {
    let mut linker = Linker::<CallState>::new(&runtime.engine);
    // Files, sockets, environment and arguments are linked, because every toolchain imports them,
    // and empty.
    let linked = wasmtime_wasi::p2::add_to_linker_async(&mut linker).and_then(|()| {
        bindings::Provider::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)
    });
    linked.map_err(|error| anyhow!("{error:#}"))?;
    let pre = linker
        .instantiate_pre(component)
        .map_err(|error| anyhow!("it asks for something that no provider is given: {error:#}"))?;
    bindings::ProviderPre::new(pre.clone()).map_err(|error| {
        anyhow!("it doesn't do what arete:provider@0.1.0 says a provider does: {error:#}")
    })?;
    let exports =
        Exports::of(component).context("it lacks a function of arete:provider/chat@0.1.0")?;
    Ok(Linked { pre, exports })
}

/// The components in use, by digest. One that no provider is made of any more is forgotten.
#[derive(Default)]
pub(super) struct Shelf(Mutex<HashMap<Sha256Digest, Weak<Compiled>>>);

impl Shelf {
    /// The component of this digest, if a provider is made of it.
    pub(super) fn get(&self, digest: &Sha256Digest) -> Option<Arc<Compiled>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(digest)?.upgrade()
    }

    /// Remembers a component as long as somebody uses it.
    pub(super) fn put(&self, digest: Sha256Digest, compiled: &Arc<Compiled>) {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.retain(|_, compiled| compiled.strong_count() != 0);
        shelf.insert(digest, Arc::downgrade(compiled));
    }
}
