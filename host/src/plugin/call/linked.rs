//! A component joined with all that a provider is given: ready to be instantiated.

use anyhow::anyhow;
use wasmtime::component::{Component, InstancePre, Linker};

use super::bindings;
use super::exports::Exports;
use super::state::CallState;
use super::{texts, wasi};

/// A component that has all it asks for, and all that a provider has to have.
pub(in crate::plugin) struct LinkedComponent {
    pub(super) pre: InstancePre<CallState>,
    pub(super) exports: Exports,
    /// True if it imports `wishes`.
    pub(super) takes_wishes: bool,
}

impl LinkedComponent {
    /// Links a component.
    ///
    /// # Errors
    /// What it asks for in vain, or lacks.
    pub(in crate::plugin) fn new(
        engine: &wasmtime::Engine,
        component: &Component,
    ) -> anyhow::Result<Self> {
        let mut linker = Linker::<CallState>::new(engine);
        // Files, sockets, environment and arguments are linked, because every toolchain imports
        // them, and empty.
        let linked = wasi::link(&mut linker).and_then(|()| texts::link(&mut linker));
        linked.map_err(|error| anyhow!("{error:#}"))?;
        let pre = linker.instantiate_pre(component).map_err(|error| {
            anyhow!("it asks for something that no provider is given: {error:#}")
        })?;
        bindings::ProviderPre::new(pre.clone()).map_err(|error| {
            anyhow!("it doesn't do what arete:provider@0.1.1 says a provider does: {error:#}")
        })?;
        let exports = Exports::of(component)
            .map_err(|interface| anyhow!("it lacks a function of {interface}"))?;
        let kind = component.component_type();
        let takes_wishes =
            kind.imports(engine).any(|(name, _)| name.starts_with("arete:provider/wishes@"));
        Ok(Self { pre, exports, takes_wishes })
    }
}
