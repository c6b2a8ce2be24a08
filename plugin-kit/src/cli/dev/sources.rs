//! Notices that a file of a project was saved, and passes over what builds leave behind.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// A change is told when nothing was written for so long: editors write a file in several steps.
const QUIET: Duration = Duration::from_millis(100);
/// A project in which something is always written is told of all the same.
const QUIET_MAX: Duration = Duration::from_secs(1);

/// Names of files that are made from the sources, or that no component is made of. Names that begin
/// with a dot are passed over too.
const NO_SOURCES: [&str; 7] =
    ["build", "target", "node_modules", "cassettes", "dist", "__pycache__", "Cargo.lock"];

/// A watched project.
pub(super) struct Sources {
    tree: Arc<Tree>,
    changed: Arc<Notify>,
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
}

impl Sources {
    /// Watches the project in this folder, which is named by its whole path, but for files and
    /// folders of these names.
    pub(super) fn watch(root: &Path, ignored: Vec<String>) -> notify::Result<Self> {
        let changed = Arc::new(Notify::new());
        let tree = Arc::new(Tree { root: root.to_owned(), ignored });
        let (signal, top) = (changed.clone(), tree.clone());
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // An error may stand for events that were lost.
            if event.map_or(true, |event| top.is_changed_by(&event)) {
                signal.notify_one();
            }
        })?;
        watcher.watch(root, RecursiveMode::NonRecursive)?;
        let mut sources = Self { tree, changed, watcher, watched: BTreeSet::new() };
        sources.watch_folders();
        Ok(sources)
    }

    /// Folder by folder, because toolchains keep tens of thousands of files beside the sources.
    fn watch_folders(&mut self) {
        self.watched.retain(|folder| folder.is_dir());
        for entry in fs::read_dir(&self.tree.root).into_iter().flatten().flatten() {
            let folder = entry.path();
            let source = folder.is_dir() && self.tree.has_source(&folder);
            // One that can't be watched is gone again, or isn't readable for the compiler either.
            if source
                && !self.watched.contains(&folder)
                && self.watcher.watch(&folder, RecursiveMode::Recursive).is_ok()
            {
                self.watched.insert(folder);
            }
        }
    }

    /// Waits until something has been saved and nothing is being written any more.
    pub(super) async fn changed(&mut self) {
        self.changed.notified().await;
        let began = Instant::now();
        while began.elapsed() < QUIET_MAX && timeout(QUIET, self.changed.notified()).await.is_ok() {
        }
        // There may be new ones.
        self.watch_folders();
    }
}

/// A project's folder, as far as its sources go.
struct Tree {
    root: PathBuf,
    /// The names of the project's own that are no sources.
    ignored: Vec<String>,
}

impl Tree {
    fn is_changed_by(&self, event: &Event) -> bool {
        let written = match event.kind {
            EventKind::Access(_) => false,
            EventKind::Any
            | EventKind::Create(_)
            | EventKind::Modify(_)
            | EventKind::Remove(_)
            | EventKind::Other => true,
        };
        // Without a path: events were lost.
        written && (event.paths.is_empty() || event.paths.iter().any(|path| self.has_source(path)))
    }

    fn has_source(&self, path: &Path) -> bool {
        let Ok(inside) = path.strip_prefix(&self.root) else { return false };
        let mut names = inside.iter().map(|name| name.to_string_lossy()).peekable();
        // The folder itself only changes with something in it.
        names.peek().is_some()
            && names.all(|name| {
                let of_an_editor =
                    name.starts_with(['.', '#']) || name.ends_with(['~', '#']) || name == "4913";
                let ignored = NO_SOURCES.contains(&&*name)
                    || self.ignored.iter().any(|ignored| ignored == &name);
                !of_an_editor && !ignored
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_what_an_author_writes() {
        let root = Path::new("/p");
        let tree = Tree { root: root.to_owned(), ignored: vec!["bin".into()] };
        for source in
            ["src/lib.rs", "Cargo.toml", "provider.toml", "src/deep/a.py", "wit/provider.wit"]
        {
            assert!(tree.has_source(&root.join(source)), "{source}");
        }
        let others = [
            "build/hello.wasm",
            "target/rust/x",
            "node_modules/a/b.js",
            ".venv/x",
            ".git/index",
            "src/.lib.rs.swp",
            "src/lib.rs~",
            "src/4913",
            "src/__pycache__/a.pyc",
            "Cargo.lock",
            "cassettes/plain/answer.json",
            "src/bin/made.dll",
            "",
        ];
        for other in others {
            assert!(!tree.has_source(&root.join(other)), "{other}");
        }
    }

    #[tokio::test]
    async fn a_save_is_told_and_a_build_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir(root.join("src")).unwrap();
        fs::create_dir(root.join("target")).unwrap();
        let mut sources = Sources::watch(&root, Vec::new()).unwrap();
        fs::write(root.join("target/x"), "made").unwrap();
        fs::create_dir(root.join("build")).unwrap();
        // Events come in order: when the one of this file is there, those before would have been.
        fs::write(root.join("src/lib.rs"), "written").unwrap();
        timeout(Duration::from_secs(30), sources.changed()).await.unwrap();

        fs::create_dir(root.join("more")).unwrap();
        timeout(Duration::from_secs(30), sources.changed()).await.unwrap();
        fs::write(root.join("more/a.c"), "in a folder that is new").unwrap();
        timeout(Duration::from_secs(30), sources.changed()).await.unwrap();
    }
}
