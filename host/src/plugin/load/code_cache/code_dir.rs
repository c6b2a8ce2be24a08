//! The folder of compiled code: what is in it, how it gets there, how much it may be.
//!
//! Several processes may share it. A file gets its name once it is whole and on the disk, is never
//! written to again, and may be removed at any time: on Unix, whoever has mapped a file that is
//! removed keeps it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};
use tempfile::NamedTempFile;
use tracing::{debug, warn};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::machine_code;
use super::ownership::{self, Others};
use super::seal::{CodeId, SealKey, is_code};

/// The file of the installation's key. Without it, or with another, everything is compiled anew.
const KEY: &str = "key";
/// The beginning and the end of the names of files that aren't whole yet.
const UNFINISHED: (&str, &str) = ("new-", ".tmp");
/// The age at which such files are abandoned: writing one takes seconds.
const ABANDONED: Duration = Duration::from_secs(600);

/// The folder, and the key that tells what in it is ours.
pub(super) struct CodeDir {
    path: PathBuf,
    key: SealKey,
    max_bytes: u64,
    /// The files whose code this process has loaded: the last to make room.
    loaded: Mutex<BTreeSet<String>>,
}

impl CodeDir {
    /// Opens the folder, made if need be, and removes what is too much.
    ///
    /// # Errors
    /// Why it can't be used, or mustn't be.
    pub(super) fn open(path: &Path, max_bytes: u64) -> anyhow::Result<Self> {
        ownership::make_folder(path)?;
        let key = key(path).with_context(|| format!("its file {KEY:?}"))?;
        let folder = Self { path: path.to_owned(), key, max_bytes, loaded: Mutex::default() };
        folder.trim();
        Ok(folder)
    }

    /// Returns its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The component of this code, if it is there. What has its name and isn't it is removed.
    pub(super) fn load(&self, engine: &Engine, id: &CodeId) -> Option<Component> {
        let prefix = id.prefix();
        for name in self.names().into_iter().filter(|name| name.starts_with(&prefix)) {
            let path = self.path.join(&name);
            match self.load_file(engine, id, &name) {
                Ok(component) => {
                    self.loaded().insert(name);
                    return Some(component);
                }
                // Another process made room.
                Err(problem) if is_absent(&problem) => {}
                Err(problem) => {
                    warn!("{} isn't used, and is removed: {problem:#}", path.display());
                    if let Err(problem) = fs::remove_file(&path) {
                        warn!("{} can't be removed: {problem}", path.display());
                    }
                }
            }
        }
        None
    }

    fn load_file(&self, engine: &Engine, id: &CodeId, name: &str) -> anyhow::Result<Component> {
        // Everybody may read code. Only the key is a secret.
        let (mut file, len) = ownership::open(&self.path.join(name), Others::Read)?;
        ensure!(len <= self.max_bytes, "it is larger than the whole folder may be");
        let is_ours = |code: &[u8; 32]| self.key.file_name(id, code) == name;
        let component = machine_code::load_file(engine, &mut file, len, is_ours)?;
        // When it was used last. Where that can't be noted, on a disk that is only read, nothing is
        // removed either.
        if let Err(problem) = file.set_modified(SystemTime::now()) {
            debug!("That {name} is used can't be noted: {problem}");
        }
        Ok(component)
    }

    /// Makes an empty file for code, which is gone unless it is stored.
    ///
    /// # Errors
    /// Why there can't be one.
    pub(super) fn unfinished(&self) -> io::Result<NamedTempFile> {
        unfinished(&self.path)
    }

    /// Keeps a file of code with this SHA-256, and makes room for it.
    ///
    /// # Errors
    /// Why it can't be kept. Nothing of it is left then.
    pub(super) fn store(
        &self,
        id: &CodeId,
        code: &[u8; 32],
        file: NamedTempFile,
    ) -> anyhow::Result<()> {
        let (len, max) = (file.as_file().metadata()?.len(), self.max_bytes);
        ensure!(
            len <= max,
            "{len} bytes of code are more than LLM_CODE_CACHE_MAX_BYTES allows ({max})"
        );
        let name = self.key.file_name(id, code);
        file.persist(self.path.join(&name))?;
        self.loaded().insert(name);
        self.trim();
        Ok(())
    }

    /// Removes what was used least recently until the rest is within the bound, and what was never
    /// finished. Code that this process runs comes last: it would be missed at the next start,
    /// though not before.
    fn trim(&self) {
        let mut loaded = self.loaded();
        let mut files = Vec::new();
        for name in self.names() {
            let path = self.path.join(&name);
            let Some(metadata) = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)
            else {
                continue;
            };
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if is_code(&name) {
                files.push((loaded.contains(&name), used, metadata.len(), name));
            } else if is_unfinished(&name) && used.elapsed().is_ok_and(|age| ABANDONED <= age) {
                remove(&path);
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, _, len, _)| len).sum();
        files.retain(|(_, _, len, name)| {
            let stays = total <= self.max_bytes || !remove(&self.path.join(name));
            total -= if stays { 0 } else { *len };
            stays
        });
        loaded.retain(|loaded| files.iter().any(|(_, _, _, name)| name == loaded));
    }

    /// The names of all that is in the folder now.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.path)
            .inspect_err(|problem| debug!("The folder can't be listed: {problem}"));
        let names =
            entries.into_iter().flatten().flatten().map(|entry| entry.file_name().into_string());
        names.flatten().collect()
    }

    fn loaded(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The installation's key, made if there is none that nobody else knows.
fn key(folder: &Path) -> anyhow::Result<SealKey> {
    let path = folder.join(KEY);
    match read_key(&path) {
        Err(problem) if is_absent(&problem) => {}
        Err(problem) => {
            warn!("{} isn't used, and is made anew: {problem:#}", path.display());
            fs::remove_file(&path).context("it can't be removed")?;
        }
        key => return key,
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(io::Error::from)?;
    let mut file = unfinished(folder)?;
    file.write_all(&key)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(&path) {
        Ok(_) => Ok(SealKey(key)),
        // Another process was faster.
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => read_key(&path),
        Err(error) => Err(error.error.into()),
    }
}

fn read_key(path: &Path) -> anyhow::Result<SealKey> {
    let (mut file, len) = ownership::open(path, Others::Nothing)?;
    let mut key = [0; 32];
    ensure!(len == key.len() as u64, "it has {len} bytes and not {}", key.len());
    file.read_exact(&mut key)?;
    Ok(SealKey(key))
}

/// A file that only we can read or write, and that is gone unless it gets another name.
fn unfinished(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(UNFINISHED.0).suffix(UNFINISHED.1).tempfile_in(folder)
}

fn is_unfinished(name: &str) -> bool {
    name.starts_with(UNFINISHED.0) && name.ends_with(UNFINISHED.1)
}

fn is_absent(problem: &anyhow::Error) -> bool {
    problem.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::NotFound)
}

/// Returns true if it is gone.
fn remove(path: &Path) -> bool {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            warn!("{} can't be removed to make room: {error}", path.display());
            false
        }
        _ => true,
    }
}
