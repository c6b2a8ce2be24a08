//! Components in machine code. However many providers are made of one, it is compiled once and in
//! memory once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;

use super::code_cache::{CodeCache, CodeSource};
use super::compiler::Place;
use super::expansion::Expansion;
use super::inspect::{self, ComponentShape};
use crate::digest::Sha256Digest;
use crate::plugin::call::LinkedComponent;
use crate::plugin::engine::Engine;

/// The origin of a component's machine code.
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
    /// The origin of its machine code.
    pub(super) code: CodeOrigin,
}

impl Compiled {
    /// Compiles a component whose turn it is, or takes its code from the cache. That takes a tenth
    /// of a second or, for Python, several seconds.
    ///
    /// # Errors
    /// When the bytes are no component, or compiling them takes too much.
    pub(super) async fn new(
        engine: &Engine,
        cache: &CodeCache,
        bytes: &Bytes,
        digest: &Sha256Digest,
        place: &mut Place,
    ) -> anyhow::Result<Self> {
        inspect::is_component(bytes)?;
        let counted = bytes.clone();
        tokio::task::spawn_blocking(move || Expansion::of(&counted)).await??;
        let loaded = cache.component(engine, bytes, digest, place).await?;
        let engine = engine.clone();
        let linking = tokio::task::spawn_blocking(move || {
            let shape = ComponentShape::of(&engine, &loaded.component);
            let linked = match shape.check() {
                Ok(()) => LinkedComponent::new(&engine, &loaded.component).map(Arc::new),
                Err(refused) => Err(refused.into()),
            };
            let code = CodeOrigin { source: loaded.source, took: loaded.took };
            Self { shape, linked, code }
        });
        Ok(linking.await?)
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
