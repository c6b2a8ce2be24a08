//! Loads providers, at the start and whenever the folder changes. The newest version of a provider
//! wins; one that can't be loaded changes nothing but what is said of it.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tracing::{error, info, warn};

use super::provider_dir::{FileError, ProviderDir, SETTLED_AFTER, Wanted};
use super::registry::{Providers, SlotState};
use super::watch::{Touched, Watch};
use crate::config::PluginConfig;
use crate::digest::Sha256Digest;
use crate::egress::Tls;
use crate::plugin::call::Provider;
use crate::plugin::definition::Definition;
use crate::plugin::error::CrowdedOut;
use crate::plugin::load::{self, Admission, CodeCache, CodeOrigin, Compiler};
use crate::plugin::room::NoRoom;
use crate::plugin::runtime::Runtime;
use crate::time::millis;
use crate::turns::Turns;

/// The time after which the folder is looked at even if nothing was heard of it: networked file
/// systems tell nothing.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Keeps the providers as the folder wants them.
pub struct Loader {
    providers: Providers,
    runtime: Runtime,
    tls: Arc<Tls>,
    turns: Turns,
    config: PluginConfig,
    /// Taken while it looks at the disk.
    folder: Option<ProviderDir>,
    /// The version of each provider that was last tried, loaded or refused.
    tried: BTreeMap<String, Tried>,
    admissions: JoinSet<Admitted>,
    generation: u64,
    /// The problem with the folder that was logged last.
    trouble: Option<String>,
}

struct Tried {
    fingerprint: Sha256Digest,
    generation: u64,
    /// Ends an admission that has been overtaken.
    admission: Option<AbortHandle>,
    /// The thing for want of which it was refused, so that it may be admitted later.
    lacks: Option<Lack>,
    /// The number of reservations of room that had been given back before.
    given_back: u64,
}

/// Something that others have and may give back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lack {
    /// Places in the pool. It is told when a provider's are given back.
    Room,
    /// Memory for guests. It is tried again at each look.
    Memory,
}

impl Lack {
    fn of(error: &anyhow::Error) -> Option<Self> {
        let memory = error.is::<CrowdedOut>().then_some(Self::Memory);
        memory.or_else(|| error.is::<NoRoom>().then_some(Self::Room))
    }
}

/// An admission that has ended.
struct Admitted {
    id: String,
    generation: u64,
    outcome: anyhow::Result<Arc<Provider>>,
    /// The origin of its machine code, if it got that far.
    code: Option<CodeOrigin>,
    advice: Vec<String>,
}

impl Loader {
    /// Loads the providers that are wanted now. One that fails is a place that says so, not an end
    /// of the start; those that are still being loaded after `LLM_START_WAIT` are so when this
    /// returns, and [`run`](Self::run) goes on with them.
    ///
    /// # Errors
    /// When no provider could ever run, or the folder can't be read.
    pub async fn start(config: &PluginConfig, turns: Turns) -> anyhow::Result<Self> {
        let (code_dir, code_bytes) = (config.code_dir.clone(), config.code_cache_bytes);
        let compiler = Compiler::new(&config.compile);
        let opening =
            tokio::task::spawn_blocking(move || CodeCache::open(&code_dir, code_bytes, compiler));
        let code = opening.await?;
        let mut loader = Self {
            providers: Providers::new(),
            runtime: Runtime::new(config, code).context("starting the WebAssembly engine")?,
            tls: Arc::new(
                Tls::with_ca_file(config.ca_file.as_deref())?.with_descriptors(config.descriptors),
            ),
            turns,
            config: config.clone(),
            folder: Some(ProviderDir::new(config)),
            tried: BTreeMap::new(),
            admissions: JoinSet::new(),
            generation: 0,
            trouble: None,
        };
        // What is there at the start is taken as it is.
        loader.look(true, Touched::All).await?;
        if tokio::time::timeout(config.start_wait, loader.settle()).await.is_err() {
            let all = loader.providers.all();
            let loading = all.iter().filter(|(_, slot)| matches!(slot.state, SlotState::Loading));
            let loading: Vec<&str> = loading.map(|(id, _)| id.as_str()).collect();
            let wait = config.start_wait;
            warn!(
                providers = loading.join(","),
                "The start doesn't wait for these providers any longer: they are still being \
                 loaded after {wait:?} (LLM_START_WAIT)"
            );
        }
        Ok(loader)
    }

    /// Waits until every provider that was wanted is loaded or refused.
    pub async fn settle(&mut self) {
        while let Some(admitted) = self.admissions.join_next().await {
            self.on_admitted(admitted);
        }
    }

    /// The providers, as they are at each moment.
    pub fn providers(&self) -> Providers {
        self.providers.clone()
    }

    /// Follows the folder until the server stops, which ends all that is being loaded. Where there
    /// is nothing to follow, returns when all is loaded.
    pub async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        let stopped = async move { drop(stopping.wait_for(|stopping| *stopping).await) };
        tokio::pin!(stopped);
        let Some(path) = self.config.dir.clone().filter(|_| self.config.watch) else {
            tokio::select! {
                () = &mut stopped => {}
                () = self.settle() => {}
            }
            return;
        };
        let watch = Watch::new(&path).map_err(|error| {
            warn!("LLM_PLUGIN_DIR can't be watched ({error}); it is looked at every {LOOK_AGAIN:?} instead");
        });
        let watch = watch.ok();
        // The first look is for what changed between the start and the watch.
        // Waited for across turns: a change that was heard of mustn't be forgotten because an
        // admission ended meanwhile.
        let mut changed: FolderChange<'_> = Box::pin(change(watch.as_ref(), false));
        let runtime = self.runtime.clone();
        let mut room_freed = Box::pin(freed(runtime.clone()));
        loop {
            tokio::select! {
                () = &mut stopped => return,
                Some(admitted) = self.admissions.join_next() => {
                    self.on_admitted(admitted);
                    // Room may have come back before it was known that it is lacking.
                    if self.forget_those_that_lack(Lack::Room) {
                        changed = Box::pin(std::future::ready(()));
                    }
                }
                () = &mut room_freed => {
                    room_freed = Box::pin(freed(runtime.clone()));
                    if self.forget_those_that_lack(Lack::Room) {
                        changed = Box::pin(std::future::ready(()));
                    }
                }
                () = &mut changed => {
                    self.forget_those_that_lack(Lack::Memory);
                    let touched = watch.as_ref().map(Watch::touched).unwrap_or_default();
                    let seen_all = self.look(false, touched).await.unwrap_or_else(|error| {
                        // What is loaded stays: a folder that can't be read isn't an empty one.
                        self.complain(format!("{error:#}"));
                        true
                    });
                    changed = Box::pin(change(watch.as_ref(), seen_all));
                }
            }
        }
    }

    /// Forgets that providers were tried that lacked something which may be there now, so that the
    /// next look tries them again; returns true if there are any.
    fn forget_those_that_lack(&mut self, lack: Lack) -> bool {
        let given_back = self.runtime.engine.room().given_back();
        let lacking = self.tried.values_mut().filter(|tried| match lack {
            Lack::Room => tried.lacks == Some(lack) && tried.given_back != given_back,
            Lack::Memory => tried.lacks == Some(lack),
        });
        let forgotten = lacking.map(|tried| {
            // Equal to no definition's.
            tried.fingerprint = Sha256Digest([0; 32]);
            tried.lacks = None;
        });
        forgotten.count() > 0
    }

    fn complain(&mut self, trouble: String) {
        if self.trouble.as_ref() != Some(&trouble) {
            error!("{trouble}; the providers stay as they are");
            self.trouble = Some(trouble);
        }
    }

    /// Compares what is wanted with what was tried, and begins what is new; gives whether it has
    /// seen all. What may not be whole yet is left for the next look, unless it is wanted at
    /// once. Touched files are read, however they look.
    async fn look(&mut self, at_once: bool, touched: Touched) -> anyhow::Result<bool> {
        let Some(mut folder) = self.folder.take() else { return Ok(true) };
        folder.forget(&touched);
        let looked = tokio::task::spawn_blocking(move || (folder.scan(), folder)).await;
        let (wanted, folder) = looked.context("looking at the providers' folder")?;
        self.folder = Some(folder);
        let wanted = wanted?;
        self.trouble = None;

        let gone: Vec<String> =
            self.tried.keys().filter(|id| !wanted.contains_key(*id)).cloned().collect();
        for id in gone {
            if let Some(Tried { admission: Some(admission), .. }) = self.tried.remove(&id) {
                admission.abort();
            }
            info!(provider = id, "The provider is gone; its calls under way go on");
            self.providers.remove(&id);
        }
        let mut seen_all = true;
        for (id, Wanted { definition, fingerprint, settled }) in wanted {
            if self.tried.get(&id).is_some_and(|tried| tried.fingerprint == fingerprint) {
                continue;
            }
            if settled || at_once {
                self.begin(id, definition, fingerprint);
            } else {
                seen_all = false;
            }
        }
        Ok(seen_all)
    }

    fn begin(
        &mut self,
        id: String,
        definition: Result<Definition, FileError>,
        fingerprint: Sha256Digest,
    ) {
        self.generation += 1;
        let given_back = self.runtime.engine.room().given_back();
        let generation = self.generation;
        if self.providers.get(&id).is_none() {
            self.providers.set(&id, SlotState::Loading);
        }
        let mut tried = Tried { fingerprint, generation, admission: None, lacks: None, given_back };
        let overtaken = match definition {
            Ok(definition) => {
                let (runtime, tls) = (self.runtime.clone(), self.tls.clone());
                let name = id.clone();
                // A component computes while it describes itself.
                tried.admission = Some(self.admissions.spawn(self.turns.with(async move {
                    let Admission { outcome, code, advice, .. } =
                        load::admit(&runtime, &tls, definition).await;
                    Admitted { id: name, generation, outcome, code, advice }
                })));
                self.tried.insert(id, tried)
            }
            Err(problem) => {
                let overtaken = self.tried.insert(id.clone(), tried);
                let (outcome, code, advice) = (Err(problem.into()), None, vec![]);
                self.publish_admission(Admitted { id, generation, outcome, code, advice });
                overtaken
            }
        };
        if let Some(Tried { admission: Some(admission), .. }) = overtaken {
            admission.abort();
        }
    }

    fn on_admitted(&mut self, admitted: Result<Admitted, tokio::task::JoinError>) {
        match admitted {
            Ok(admitted) => self.publish_admission(admitted),
            Err(error) if error.is_cancelled() => {}
            Err(error) => error!("Loading a provider failed in the host itself: {error}"),
        }
    }

    /// Puts what came of an admission in its place, unless it was overtaken.
    fn publish_admission(&mut self, Admitted { id, generation, outcome, code, advice }: Admitted) {
        match self.tried.get_mut(&id) {
            Some(tried) if tried.generation == generation => {
                tried.admission = None;
                tried.lacks = outcome.as_ref().err().and_then(Lack::of);
            }
            _ => return,
        }
        let before = self.providers.get(&id).and_then(|slot| slot.serving().cloned());
        match outcome {
            Ok(provider) => {
                // Before the line that tells of it.
                self.providers.set(&id, SlotState::Ready(provider.clone()));
                let (version, sha256) = (&provider.info.version, &provider.digest);
                let ms = code.map(|code| millis(code.took));
                let code = code.map(|code| code.source.to_string());
                let what = if before.is_none() {
                    "Loaded provider"
                } else {
                    "Loaded a new version of the provider"
                };
                info!(provider = id, %version, %sha256, code, ms, "{what}");
                let missing = provider.definition.missing.as_ref().map(ToString::to_string);
                for advice in missing.iter().chain(&advice) {
                    warn!(provider = id, "{advice}");
                }
            }
            Err(error) => self.refuse(&id, before, format!("{error:#}")),
        }
    }

    /// Says that a version can't be loaded; the last good one goes on, if there is one.
    fn refuse(&self, id: &str, serving: Option<Arc<Provider>>, reason: String) {
        match serving {
            Some(serving) => {
                self.providers.set(id, SlotState::Stale(serving, reason.clone()));
                error!(
                    provider = id,
                    "The new version can't be loaded, and the last good one goes on: {reason}"
                );
            }
            None => {
                self.providers.set(id, SlotState::Failed(reason.clone()));
                error!(provider = id, "The provider can't be loaded: {reason}");
            }
        }
    }
}

/// A wait for a change of the folder.
type FolderChange<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Waits until a provider's room is given back.
async fn freed(runtime: Runtime) {
    runtime.engine.room().share_freed().await;
}

/// Waits until the folder should be looked at again.
async fn change(watch: Option<&Watch>, seen_all: bool) {
    if !seen_all {
        return tokio::time::sleep(SETTLED_AFTER).await;
    }
    match watch {
        Some(watch) => drop(tokio::time::timeout(LOOK_AGAIN, watch.changed()).await),
        None => tokio::time::sleep(LOOK_AGAIN).await,
    }
}

#[cfg(test)]
mod tests;
