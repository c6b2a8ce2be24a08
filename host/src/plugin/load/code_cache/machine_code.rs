//! Machine code becomes a component, by which it may be run: all that is `unsafe` in the host.
//!
//! The engine runs such code as it is, without any sandbox but the one that was compiled into it,
//! and can't tell whether it was. So there are two ways in here, and both know where the code comes
//! from:
//!
//! - [`MachineCode`] can only be made by compiling, with a [`Compiler`]. That is this process or a
//!   child of it: this very program, whose file can't be replaced under way (the kernel names the
//!   program that runs, and not a path), started with a bare environment and no descriptors but its
//!   three. The file that it writes to was made by this process, is open to no other user, and is
//!   known to no other process under any name that lasts. It is used only after the child was seen
//!   to end, with success: from then on no descriptor for it is left but this process's. A child
//!   whose own memory was taken over by what it compiles could write anything; the same fault in
//!   the compiler could take this process over if it compiled, so the child takes nothing away, and
//!   what it crashes is only itself.
//! - [`load_file`] takes an open file and hashes all of it; `is_ours` has to vouch for the hash
//!   before a byte is used. It holds a key that only this installation has, so what it knows was
//!   compiled and sealed by this installation, for this component and this engine, and has every
//!   byte it had then.
//!
//! A file is mapped rather than copied, so it mustn't change while it is in use either, which is as
//! long as the component lives. What is hashed and what is mapped are the same file and not merely
//! the same name: it is opened once, and mapped by its descriptor. The folder brings a file to the
//! disk before it gets its own name, and it is never written to again; it is
//! removed or replaced, which leaves what is mapped as it is. Nobody else can write to
//! it: its owner is this process's user and nobody else has the right (the folder has checked that
//! of the open file). Whoever is that user, or root, could change this process's memory as well;
//! nothing in a file can help against them.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek};

use anyhow::{Context, anyhow, ensure};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use wasmtime::component::Component;

use crate::plugin::engine::Engine;
use crate::plugin::load::compiler::{CompileError, Compiler, Place};

/// The bytes that are hashed at once.
const CHUNK: usize = 64 << 10;

/// An empty file for machine code, which only this process can open.
pub(super) enum CodeFile {
    /// In the folder of compiled code, to be kept there.
    Kept(NamedTempFile),
    /// Without a name.
    Nameless(File),
}

impl CodeFile {
    /// Makes a file without a name, in memory where the system has such files.
    ///
    /// # Errors
    /// Why there can't be one.
    pub(super) fn nameless() -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if let Ok(file) = rustix::fs::memfd_create("code", rustix::fs::MemfdFlags::CLOEXEC) {
            return Ok(Self::Nameless(file.into()));
        }
        tempfile::tempfile().map(Self::Nameless)
    }

    fn file(&self) -> &File {
        match self {
            Self::Kept(file) => file.as_file(),
            Self::Nameless(file) => file,
        }
    }
}

/// A file of machine code that was compiled just now, by this process or a child of it.
pub(super) struct MachineCode(CodeFile);

impl MachineCode {
    /// Compiles a component into a file.
    ///
    /// # Errors
    /// Why there is no code.
    pub(super) async fn compile(
        compiler: &Compiler,
        engine: &Engine,
        component: &Bytes,
        file: CodeFile,
        place: &mut Place,
    ) -> Result<Self, CompileError> {
        compiler.compile(engine, component, file.file(), place).await?;
        Ok(Self(file))
    }

    /// Loads the component, and returns it with the code's SHA-256 and its file.
    ///
    /// # Errors
    /// Why this engine doesn't take it: it may need more than the pool has.
    pub(super) fn load(self, engine: &Engine) -> anyhow::Result<(Component, [u8; 32], CodeFile)> {
        let Self(code) = self;
        // What isn't on the disk by then could still be lost, after it was mapped.
        if matches!(code, CodeFile::Kept(_)) {
            code.file().sync_all()?;
        }
        let mut file = code.file().try_clone()?;
        file.rewind()?;
        let len = file.metadata()?.len();
        // The file is ours, whatever is in it. Read twice, it has to be the same.
        let digest = Cell::new(None);
        let is_ours = |hash: &[u8; 32]| digest.replace(Some(*hash)).is_none_or(|was| was == *hash);
        let component = load_file(engine, &mut file, len, is_ours)?;
        Ok((component, digest.get().context("it wasn't read")?, code))
    }
}

/// The component of the code in a file, of which nothing is used before `is_ours` knows its
/// SHA-256. The caller has checked that nobody else can write to the file, and that it has `len`
/// bytes.
///
/// # Errors
/// Why the code isn't used.
#[allow(
    unsafe_code,
    reason = "the engine can't tell where code comes from; this file's head says how it is known"
)]
pub(super) fn load_file(
    engine: &wasmtime::Engine,
    file: &mut File,
    len: u64,
    is_ours: impl Fn(&[u8; 32]) -> bool,
) -> anyhow::Result<Component> {
    let mut hash = Sha256::new();
    let read = hash_all(&mut file.by_ref().take(len), &mut hash).context("it can't be read")?;
    ensure!(
        read == len && is_ours(&hash.finalize().into()),
        "it isn't what this installation wrote"
    );
    if let Some(path) = by_descriptor(file) {
        // SAFETY: all of the file is what this installation compiled for this component and engine,
        // and it can't change: see the head of this file.
        match unsafe { Component::deserialize_file(engine, path) } {
            Ok(component) => return Ok(component),
            Err(error) => tracing::debug!("Code can't be mapped, so it is copied: {error:#}"),
        }
    }
    // Where nothing may be run from the disk (`noexec`), or descriptors have no names, the code is
    // copied. It is read again, so it is also hashed again: only what is in memory now is
    // vouched for.
    let mut bytes = Vec::new();
    file.rewind().context("it can't be read again")?;
    file.take(len).read_to_end(&mut bytes).context("it can't be read again")?;
    ensure!(is_ours(&Sha256::digest(&bytes).into()), "it has changed while it was read");
    // SAFETY: these bytes are what this installation compiled for this component and engine, and
    // they are ours alone.
    unsafe { Component::deserialize(engine, &bytes) }.map_err(|error| anyhow!("{error:#}"))
}

fn hash_all(file: &mut impl Read, hash: &mut Sha256) -> io::Result<u64> {
    let mut buffer = vec![0; CHUNK];
    let mut total = 0;
    loop {
        let read = match file.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok(total);
        };
        hash.update(bytes);
        total += bytes.len() as u64;
    }
}

/// The open file itself, under a name that can be opened: no one can put another file in its place.
#[cfg(unix)]
fn by_descriptor(file: &File) -> Option<String> {
    use std::os::fd::AsRawFd;

    Some(format!("/dev/fd/{}", file.as_raw_fd()))
}

#[cfg(not(unix))]
fn by_descriptor(_file: &File) -> Option<String> {
    None
}
