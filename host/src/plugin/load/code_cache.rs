//! Compiled code on disk: a component is compiled once for an installation, not once for each
//! start. Compiling is nearly all of the time of a start and of the memory after it, and takes
//! seconds for a component that carries an interpreter.
//!
//! Nothing here decides whether a component is loaded. Where code can't be kept or isn't trusted,
//! the component is compiled, as if there were no folder; the operator is told once.

mod code_dir;
mod machine_code;
mod ownership;
mod seal;
#[cfg(all(test, unix))]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use tracing::warn;
use wasmtime::Engine;
use wasmtime::component::Component;

use self::code_dir::CodeDir;
use self::machine_code::MachineCode;
use self::seal::CodeId;
use crate::digest::Sha256Digest;

/// Compiles components, or takes their code from the folder.
pub(in crate::plugin) struct CodeCache {
    folder: Option<CodeDir>,
    /// Held while compiling: one component keeps all cores busy.
    turn: Mutex<()>,
    told: AtomicBool,
}

/// A component that can be instantiated, and how it came to be.
pub(super) struct Loaded {
    /// The component.
    pub(super) component: Component,
    /// Where its code comes from.
    pub(super) source: CodeSource,
    /// How long that took.
    pub(super) took: Duration,
}

/// Where a component's code comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plugin) enum CodeSource {
    /// It was compiled just now.
    Compiled,
    /// An earlier start, or another process, compiled it.
    Disk,
    /// Another provider is made of the same component.
    Shared,
}

impl fmt::Display for CodeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Compiled => "compiled",
            Self::Disk => "cache",
            Self::Shared => "shared",
        })
    }
}

impl CodeCache {
    /// Opens the folder, made if need be, and removes from it what is more than `max_bytes`; with 0
    /// there is none. Why there can't be one is logged, and everything is compiled.
    pub(in crate::plugin) fn open(dir: &Path, max_bytes: u64) -> Self {
        let mut cache = Self::none();
        if max_bytes > 0 {
            match CodeDir::open(dir, max_bytes) {
                Ok(folder) => cache.folder = Some(folder),
                Err(problem) => {
                    cache.tell(&problem.context(format!("{} can't be used", dir.display())))
                }
            }
        }
        cache
    }

    /// Keeps nothing: for who looks at a component once.
    pub(in crate::plugin) fn none() -> Self {
        Self { folder: None, turn: Mutex::new(()), told: AtomicBool::new(false) }
    }

    /// The component of these bytes, whose SHA-256 is `digest`. Blocks for as long as compiling
    /// takes.
    ///
    /// # Errors
    /// What is wrong with the bytes, never with the folder.
    pub(super) fn component(
        &self,
        engine: &Engine,
        bytes: &[u8],
        digest: &Sha256Digest,
    ) -> anyhow::Result<Loaded> {
        let started = Instant::now();
        let id = CodeId::new(engine, digest);
        let kept = || self.folder.as_ref()?.load(engine, &id);
        let loaded = |(component, source)| Loaded { component, source, took: started.elapsed() };
        if let Some(component) = kept() {
            return Ok(loaded((component, CodeSource::Disk)));
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // Whose turn it was before may have compiled the same.
        if let Some(component) = kept() {
            return Ok(loaded((component, CodeSource::Disk)));
        }
        let code = MachineCode::compile(engine, bytes)?;
        // What is mapped from a file the kernel can take back when memory is short; what was
        // compiled it can't.
        let component = match self.keep(engine, &id, &code) {
            Some(component) => component,
            None => code.load(engine)?,
        };
        Ok(loaded((component, CodeSource::Compiled)))
    }

    fn keep(&self, engine: &Engine, id: &CodeId, code: &MachineCode) -> Option<Component> {
        let folder = self.folder.as_ref()?;
        let kept = folder
            .store(id, code)
            .with_context(|| format!("{} can't be written to", folder.path().display()));
        let kept = kept.and_then(|()| {
            folder.load(engine, id).ok_or_else(|| anyhow!("what was kept can't be loaded"))
        });
        kept.map_err(|problem| self.tell(&problem)).ok()
    }

    /// Once: the next component would say the same.
    fn tell(&self, problem: &anyhow::Error) {
        if !self.told.swap(true, Ordering::Relaxed) {
            warn!(
                "Compiled code isn't kept, so each start compiles the components again: {problem:#}"
            );
        }
    }
}
