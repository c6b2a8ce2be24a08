//! Notices that something changed in the folder of providers. It never says what: whoever is told
//! looks for himself.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// A change is told when the folder has been quiet for so long: programs write large files in
/// pieces.
const QUIET: Duration = Duration::from_millis(100);
/// A folder that is never quiet is told of all the same.
const QUIET_MAX: Duration = Duration::from_secs(1);

/// A watched folder.
pub(super) struct Watch {
    changed: Arc<Notify>,
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
        let signal = changed.clone();
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                // An error may stand for events that were lost.
                if event.map_or(true, |event| matters(event.kind)) {
                    signal.notify_one();
                }
            })?;
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(Self { changed, _watcher: watcher })
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
