//! The providers that the operator wants at this moment: the bundled ones, and over them the files
//! of the folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use sha2::{Digest, Sha256};
use tracing::warn;

use super::file::{self, Parsed, Problems, Surroundings};
use super::watch::Touched;
use crate::config::{Limits, PluginConfig, Vars};
use crate::digest::Sha256Digest;
use crate::plugin::bounds::COMPONENT_BYTES_MAX;
use crate::plugin::bundled;
use crate::plugin::definition::{Definition, Source};

/// Providers of one folder. Each holds memory, and a folder of more is a mistake.
const PROVIDERS_MAX: usize = 256;
/// The longest name of a provider.
const ID_MAX: usize = 64;

/// A provider's file that defines nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum FileError {
    /// It can't be read.
    #[error("{0}")]
    Unreadable(String),
    /// It has mistakes: the provider's name, and all of them.
    #[error("{0}.toml can't be used: {1}")]
    Mistakes(String, Problems),
}

/// A provider as its file wants it, or what is wrong with the file.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) definition: Result<Definition, FileError>,
    /// Over the definition and the component: what has changed if this has.
    pub(super) fingerprint: Sha256Digest,
    /// True if the component is whole, as far as can be told: not written to for a moment.
    pub(super) settled: bool,
}

/// Looks at the folder, again and again; remembers of each component what it was, so that only what
/// has changed, or was heard of, is read.
pub(super) struct ProviderDir {
    path: Option<PathBuf>,
    limits: Limits,
    vars: Vars,
    components: BTreeMap<PathBuf, (Stamp, Sha256Digest)>,
    /// Files that are passed over and were logged already.
    told: BTreeSet<PathBuf>,
}

/// A component that was written to less than this ago may not be whole yet.
pub(super) const SETTLED_AFTER: Duration = Duration::from_millis(100);

/// A file's state, as far as it is known without reading it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    inode: u64,
    /// The time of the last change, as seconds and nanoseconds. No program can set it, while `cp -p`
    /// and rsync set the time of modification.
    changed: (i64, i64),
}

impl ProviderDir {
    pub(super) fn new(config: &PluginConfig) -> Self {
        Self {
            path: config.dir.clone(),
            limits: config.limits.clone(),
            vars: config.vars.clone(),
            components: BTreeMap::new(),
            told: BTreeSet::new(),
        }
    }

    /// Forgets what these files were: the next look reads them.
    pub(super) fn forget(&mut self, touched: &Touched) {
        self.components.retain(|path, _| !touched.has(path.file_name()));
    }

    /// All providers that are wanted now. Blocks: reads files.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub(super) fn scan(&mut self) -> anyhow::Result<BTreeMap<String, Wanted>> {
        // A variable may have been put into .env since.
        match self.vars.read_again() {
            Ok(vars) => self.vars = vars,
            Err(problem) => warn!("{problem}; the values of before are used"),
        }
        let mut wanted = BTreeMap::new();
        for (id, text) in bundled::FILES {
            self.want(id, None, Ok(text.to_owned()), &mut wanted);
        }
        let Some(path) = self.path.clone() else { return Ok(wanted) };
        let Listing { files, components } = self.list(&path)?;

        let mut named = BTreeSet::new();
        for (id, file) in files.iter().take(PROVIDERS_MAX) {
            // In the place of a bundled one, whatever the file says, and even if it's wrong.
            wanted.remove(id);
            self.want(
                id,
                Some(&path),
                read_file(file).map_err(|error| FileError::Unreadable(format!("{error:#}"))),
                &mut wanted,
            );
            if let Some(Wanted { definition: Ok(definition), .. }) = wanted.get(id)
                && let Source::File(component) = &definition.component
            {
                named.insert(component.clone());
            }
        }
        // A component that a provider's file names is that provider's; one that none names is a
        // provider of its own.
        for (id, component) in components.into_iter().take(PROVIDERS_MAX) {
            if !files.contains_key(&id) && !named.contains(&component) {
                let definition = Definition::ungranted(&id, Source::File(component), &self.limits);
                wanted.insert(id, self.wanted(Ok(definition), b""));
            }
        }
        self.components.retain(|path, _| path.exists());
        Ok(wanted)
    }

    fn want(
        &mut self,
        id: &str,
        folder: Option<&Path>,
        text: Result<String, FileError>,
        wanted: &mut BTreeMap<String, Wanted>,
    ) {
        let parsed = text.as_ref().map_err(Clone::clone).and_then(|text| {
            let around = Surroundings { id, folder, vars: &self.vars, limits: &self.limits };
            file::parse(text, &around)
                .map_err(|problems| FileError::Mistakes(id.to_owned(), problems))
        });
        let definition = match parsed {
            Ok(Parsed::Disabled) => return,
            Ok(Parsed::Enabled(definition)) => Ok(*definition),
            Err(problem) => Err(problem),
        };
        let text = text.unwrap_or_default();
        wanted.insert(id.to_owned(), self.wanted(definition, text.as_bytes()));
    }

    fn wanted(&mut self, definition: Result<Definition, FileError>, text: &[u8]) -> Wanted {
        let mut hash = Sha256::new();
        let mut settled = true;
        match &definition {
            Ok(definition) => {
                hash.update(definition.fingerprint().0);
                if let Source::File(path) = &definition.component {
                    // One that can't be read is known by that; admission says why.
                    let (digest, stamp) = self.component(path).unzip();
                    hash.update(digest.map(|digest| digest.0).unwrap_or_default());
                    settled = stamp
                        .is_none_or(|stamp| stamp.is_settled() && Stamp::of(path) == Some(stamp));
                }
            }
            Err(problem) => {
                hash.update(problem.to_string());
                hash.update(text);
            }
        }
        Wanted { definition, fingerprint: Sha256Digest(hash.finalize().into()), settled }
    }

    /// The digest of a component and when it had it; read only if the file has changed since.
    fn component(&mut self, path: &Path) -> Option<(Sha256Digest, Stamp)> {
        let stamp = Stamp::of(path)?;
        if let Some((known, digest)) = self.components.get(path)
            && *known == stamp
        {
            return Some((*digest, stamp));
        }
        // What is larger than any component isn't read: admission says so, and its size is all
        // there is to know of it.
        let digest = if stamp.bytes <= COMPONENT_BYTES_MAX {
            digest(path).ok()?
        } else {
            Sha256Digest::of(&stamp.bytes.to_le_bytes())
        };
        self.components.insert(path.to_owned(), (stamp, digest));
        Some((digest, stamp))
    }

    fn list(&mut self, path: &Path) -> anyhow::Result<Listing> {
        let unreadable = || format!("LLM_PLUGIN_DIR {} can't be read", path.display());
        let (mut files, mut components) = (BTreeMap::new(), BTreeMap::new());
        for entry in fs::read_dir(path).with_context(unreadable)? {
            let path = entry.with_context(unreadable)?.path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            let Some(kind @ ("toml" | "wasm")) = extension else { continue };
            let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            // Editors keep their own copies under such names.
            if stem.starts_with(['.', '#']) {
                continue;
            }
            if !is_id(stem) {
                if self.told.insert(path.clone()) {
                    warn!(
                        "{} isn't loaded: a provider's name is at most {ID_MAX} letters, digits, '-', '_' and '.'",
                        path.display()
                    );
                }
                continue;
            }
            let list = if kind == "toml" { &mut files } else { &mut components };
            list.insert(stem.to_owned(), path);
        }
        if PROVIDERS_MAX < files.len().max(components.len()) && self.told.insert(path.to_owned()) {
            warn!(
                "{} has more than {PROVIDERS_MAX} providers; those with the last names aren't loaded",
                path.display()
            );
        }
        Ok(Listing { files, components })
    }
}

/// The files of the folder, by the names of the providers.
struct Listing {
    files: BTreeMap<String, PathBuf>,
    components: BTreeMap<String, PathBuf>,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        #[cfg(unix)]
        let (inode, changed) = {
            use std::os::unix::fs::MetadataExt;
            (metadata.ino(), (metadata.ctime(), metadata.ctime_nsec()))
        };
        #[cfg(not(unix))]
        let (inode, changed) = (0, (0, 0));
        Some(Self { bytes: metadata.len(), modified: metadata.modified().ok(), inode, changed })
    }

    /// A time in the future is a clock that is wrong, and nothing to wait for.
    fn is_settled(&self) -> bool {
        let age = self.modified.and_then(|modified| modified.elapsed().ok());
        age.is_none_or(|age| SETTLED_AFTER <= age)
    }
}

fn digest(path: &Path) -> std::io::Result<Sha256Digest> {
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 64 << 10]);
    let mut file = fs::File::open(path)?;
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(Sha256Digest(hash.finalize().into())),
            read => hash.update(piece.get(..read).unwrap_or_default()),
        }
    }
}

/// Returns true if a provider may have this name: it ends up in headers, logs, keys and addresses.
pub(super) fn is_id(name: &str) -> bool {
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= ID_MAX && name.chars().all(named)
}

/// A provider's file, if it is one and not too large.
pub(super) fn read_file(path: &Path) -> anyhow::Result<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unreadable = || format!("{name} can't be read");
    // What isn't a file, a pipe for one, could be waited for without end.
    anyhow::ensure!(fs::metadata(path).with_context(unreadable)?.is_file(), "{name} is no file");
    let mut text = String::new();
    let file = fs::File::open(path).with_context(unreadable)?;
    file.take(file::BYTES_MAX as u64 + 1).read_to_string(&mut text).with_context(unreadable)?;
    anyhow::ensure!(
        text.len() <= file::BYTES_MAX,
        "{name} is larger than {} KiB",
        file::BYTES_MAX >> 10
    );
    Ok(text)
}

#[cfg(test)]
mod tests;
