//! Components in machine code. However many providers are made of one, it is compiled once and in
//! memory once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use anyhow::Context;

use super::code_cache::{CodeCache, CodeSource};
use super::inspect::{self, ComponentShape};
use crate::digest::Sha256Digest;
use crate::plugin::call::LinkedComponent;

/// Where a component's machine code came from.
#[derive(Debug, Clone, Copy)]
pub(in crate::plugin) struct CodeOrigin {
    /// The source.
    pub(in crate::plugin) source: CodeSource,
    /// The time that it took.
    pub(in crate::plugin) took: Duration,
}

/// A component in machine code.
#[derive(Clone)]
pub(super) struct LoadedComponent {
    /// Imports, exports and needs.
    pub(super) shape: ComponentShape,
    /// The component, ready to be instantiated.
    pub(super) linked: Arc<LinkedComponent>,
}

/// A component that was looked at, and may have been refused then.
pub(super) struct Compiled {
    /// Imports, exports and needs.
    pub(super) shape: ComponentShape,
    /// The component, or why it can be no provider.
    pub(super) linked: anyhow::Result<Arc<LinkedComponent>>,
    /// Where its machine code came from.
    pub(super) code: CodeOrigin,
}

impl Compiled {
    /// Compiles a component, or takes its code from the cache. Keeps cores busy for a tenth of a
    /// second or, for Python, several seconds: not for threads that serve.
    ///
    /// # Errors
    /// When the bytes are no component.
    pub(super) fn new(
        engine: &wasmtime::Engine,
        cache: &CodeCache,
        bytes: &[u8],
        digest: &Sha256Digest,
    ) -> anyhow::Result<Self> {
        inspect::is_component(bytes)?;
        let loaded =
            cache.component(engine, bytes, digest).context("the component is broken or cut off")?;
        let shape = ComponentShape::of(engine, &loaded.component);
        let linked = match shape.check() {
            Ok(()) => LinkedComponent::new(engine, &loaded.component).map(Arc::new),
            Err(refused) => Err(refused.into()),
        };
        let code = CodeOrigin { source: loaded.source, took: loaded.took };
        Ok(Self { shape, linked, code })
    }
}

/// The components in use, by digest. One that no provider is made of any more is forgotten.
#[derive(Default)]
pub(in crate::plugin) struct LoadedComponents(Mutex<HashMap<Sha256Digest, Entry>>);

struct Entry {
    shape: ComponentShape,
    linked: Weak<LinkedComponent>,
}

impl LoadedComponents {
    /// Returns the component of this digest, if a provider is made of it.
    pub(super) fn get(&self, digest: &Sha256Digest) -> Option<LoadedComponent> {
        let loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Entry { shape, linked } = loaded.get(digest)?;
        Some(LoadedComponent { linked: linked.upgrade()?, shape: shape.clone() })
    }

    /// Remembers a component as long as a provider uses it.
    pub(super) fn put(&self, digest: Sha256Digest, component: &LoadedComponent) {
        let LoadedComponent { shape, linked } = component;
        let entry = Entry { shape: shape.clone(), linked: Arc::downgrade(linked) };
        let mut loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.retain(|_, entry| entry.linked.strong_count() != 0);
        loaded.insert(digest, entry);
    }
}
