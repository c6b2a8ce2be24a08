//! Notices that something changed in the folder of providers. It says which files were touched, and
//! never how: whoever is told looks at their content.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::sync::lock;

/// A change is told when the folder has been quiet for so long: programs write large files in
/// pieces.
const QUIET: Duration = Duration::from_millis(100);
/// A folder that is never quiet is told of all the same.
const QUIET_MAX: Duration = Duration::from_secs(1);

/// Names that are kept; of more, all are touched.
const NAMES_MAX: usize = 1_024;

/// The files that may have another content than before.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Touched {
    /// Those of these names.
    Named(BTreeSet<OsString>),
    /// Any.
    All,
}

impl Default for Touched {
    fn default() -> Self {
        Self::Named(BTreeSet::new())
    }
}

impl Touched {
    /// Returns true if a file of this name is among them.
    pub(super) fn has(&self, name: Option<&OsStr>) -> bool {
        match self {
            Self::Named(names) => name.is_some_and(|name| names.contains(name)),
            Self::All => true,
        }
    }

    /// Adds the files of an event. An error may stand for events that were lost.
    fn add(&mut self, event: &notify::Result<notify::Event>) {
        match (&mut *self, event) {
            (Self::Named(names), Ok(event)) if !event.need_rescan() && !event.paths.is_empty() => {
                names.extend(
                    event.paths.iter().filter_map(|path| path.file_name()).map(OsStr::to_owned),
                );
                if NAMES_MAX < names.len() {
                    *self = Self::All;
                }
            }
            _ => *self = Self::All,
        }
    }
}

/// A watched folder.
pub(super) struct Watch {
    changed: Arc<Notify>,
    /// The files that were heard of since the last look.
    touched: Arc<Mutex<Touched>>,
    /// Ends the watch when dropped.
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Watches the folder itself and not its files: editors, cargo and package managers replace
    /// files by renaming.
    ///
    /// # Errors
    /// When the system can't watch it.
    pub(super) fn new(folder: &Path) -> notify::Result<Self> {
        let changed = Arc::new(Notify::new());
        let touched = Arc::new(Mutex::new(Touched::default()));
        let (signal, heard) = (changed.clone(), touched.clone());
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                if event.as_ref().map_or(true, |event| matters(event.kind)) {
                    lock(&heard).add(&event);
                    signal.notify_one();
                }
            })?;
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(Self { changed, touched, _watcher: watcher })
    }

    /// Returns the files that were heard of since this was asked last.
    pub(super) fn touched(&self) -> Touched {
        std::mem::take(&mut *lock(&self.touched))
    }

    /// Waits until something has changed and the folder has become quiet.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
        let began = Instant::now();
        while began.elapsed() < QUIET_MAX && timeout(QUIET, self.changed.notified()).await.is_ok() {
        }
    }
}

/// Reading is no change, and we do it ourselves.
fn matters(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => matches!(access, AccessKind::Close(AccessMode::Write)),
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

#[cfg(test)]
mod tests {
    use notify::Event;

    use super::*;

    #[test]
    fn what_was_heard_of_is_touched_and_all_is_where_events_were_lost() {
        let event = |path: &str| Ok(Event::new(EventKind::Any).add_path(path.into()));
        let mut touched = Touched::default();
        assert!(!touched.has(Some("a.wasm".as_ref())));
        touched.add(&event("/plugins/a.wasm"));
        assert!(touched.has(Some("a.wasm".as_ref())) && !touched.has(Some("b.wasm".as_ref())));
        touched.add(&Ok(Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan)));
        assert!(touched.has(Some("b.wasm".as_ref())));
        touched = Touched::default();
        (0..=NAMES_MAX).for_each(|index| touched.add(&event(&format!("{index}.wasm"))));
        assert_eq!(touched, Touched::All);
        touched = Touched::default();
        touched.add(&Err(notify::Error::generic("lost")));
        assert_eq!(touched, Touched::All);
    }
}
