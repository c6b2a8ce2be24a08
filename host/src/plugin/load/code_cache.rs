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

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use tracing::warn;
use wasmtime::component::Component;

use self::code_dir::CodeDir;
use self::machine_code::{CodeFile, MachineCode};
use self::seal::CodeId;
use super::compiler::{CompileError, Compiler, Place};
use crate::digest::Sha256Digest;
use crate::plugin::engine::Engine;

/// Compiles components, or takes their code from the folder. Clones are the same.
#[derive(Clone)]
pub(in crate::plugin) struct CodeCache(Arc<Shared>);

struct Shared {
    folder: Option<CodeDir>,
    compiler: Compiler,
    /// The components that are being loaded.
    turns: Mutex<HashMap<Sha256Digest, Turn>>,
    told: AtomicBool,
}

/// The right to load a component: held by one at a time, so that it is compiled once.
pub(super) type Turn = Arc<tokio::sync::Mutex<()>>;

/// A component that can be instantiated, and how it came to be.
pub(super) struct Loaded {
    /// The component.
    pub(super) component: Component,
    /// The source of its code.
    pub(super) source: CodeSource,
    /// The time that it took.
    pub(super) took: Duration,
}

/// A source of a component's code.
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
    pub(in crate::plugin) fn open(dir: &Path, max_bytes: u64, compiler: Compiler) -> Self {
        let (mut folder, mut trouble) = (None, None);
        if max_bytes > 0 {
            match CodeDir::open(dir, max_bytes) {
                Ok(opened) => folder = Some(opened),
                Err(problem) => {
                    trouble = Some(problem.context(format!("{} can't be used", dir.display())));
                }
            }
        }
        let cache = Self::with(folder, compiler);
        trouble.inspect(|trouble| cache.tell(trouble));
        cache
    }

    /// Returns a cache that keeps nothing: for a component that is looked at once.
    pub(in crate::plugin) fn none(compiler: Compiler) -> Self {
        Self::with(None, compiler)
    }

    fn with(folder: Option<CodeDir>, compiler: Compiler) -> Self {
        let told = AtomicBool::new(false);
        Self(Arc::new(Shared { folder, compiler, turns: Mutex::default(), told }))
    }

    /// Returns the turn of a component.
    pub(super) fn turn(&self, digest: &Sha256Digest) -> Turn {
        let mut turns = self.0.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| 1 < Arc::strong_count(turn));
        turns.entry(*digest).or_default().clone()
    }

    /// Loads the component of these bytes, whose SHA-256 is `digest` and whose turn it is. Dropping
    /// the future ends the compiler.
    ///
    /// # Errors
    /// What is wrong with the bytes, never with the folder.
    pub(super) async fn component(
        &self,
        engine: &Engine,
        bytes: &Bytes,
        digest: &Sha256Digest,
        place: &mut Place,
    ) -> anyhow::Result<Loaded> {
        let started = Instant::now();
        let id = CodeId::new(engine, digest);
        let (cache, of, its) = (self.clone(), engine.clone(), id.clone());
        let kept = blocking(move || cache.0.folder.as_ref()?.load(&of, &its)).await?;
        if let Some(component) = kept {
            return Ok(Loaded { component, source: CodeSource::Disk, took: started.elapsed() });
        }
        let code = self.compile(engine, bytes, place).await?;
        let (cache, engine) = (self.clone(), engine.clone());
        let component = blocking(move || cache.load(&engine, &id, code)).await??;
        Ok(Loaded { component, source: CodeSource::Compiled, took: started.elapsed() })
    }

    /// Compiles into a file of the folder, or one without a name where that can't be.
    async fn compile(
        &self,
        engine: &Engine,
        bytes: &Bytes,
        place: &mut Place,
    ) -> Result<MachineCode, CompileError> {
        let Shared { folder, compiler, .. } = &*self.0;
        if let Some(folder) = folder {
            let trouble = match folder.unfinished() {
                Ok(file) => {
                    let file = CodeFile::Kept(file);
                    match MachineCode::compile(compiler, engine, bytes, file, place).await {
                        Err(CompileError::Unwritable(trouble)) => trouble,
                        compiled => return compiled,
                    }
                }
                Err(trouble) => trouble.to_string(),
            };
            self.tell(&unwritable(folder)(anyhow::Error::msg(trouble)));
        }
        let file = CodeFile::nameless()
            .map_err(|problem| CompileError::Unwritable(problem.to_string()))?;
        MachineCode::compile(compiler, engine, bytes, file, place).await
    }

    /// Loads code that was compiled just now, and keeps it.
    fn load(&self, engine: &Engine, id: &CodeId, code: MachineCode) -> anyhow::Result<Component> {
        let broken = "the component is broken or cut off";
        let (component, digest, file) = code.load(engine).context(broken)?;
        if let (Some(folder), CodeFile::Kept(file)) = (&self.0.folder, file)
            && let Err(problem) = folder.store(id, &digest, file)
        {
            self.tell(&unwritable(folder)(problem));
        }
        Ok(component)
    }

    /// Once: the next component would say the same.
    fn tell(&self, problem: &anyhow::Error) {
        if !self.0.told.swap(true, Ordering::Relaxed) {
            warn!(
                "Compiled code isn't kept, so each start compiles the components again: {problem:#}"
            );
        }
    }
}

/// Words for a folder that doesn't take code.
fn unwritable(folder: &CodeDir) -> impl Fn(anyhow::Error) -> anyhow::Error {
    |problem| problem.context(format!("{} can't be written to", folder.path().display()))
}

/// Does what would hold a thread that serves.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<T> {
    Ok(tokio::task::spawn_blocking(work).await?)
}
