//! One file of the repository, as the rules see it.

use std::path::Path;

/// A file's path and text.
pub(super) struct File {
    /// The path from the root, with `/`.
    pub(super) path: String,
    /// All of its text.
    pub(super) text: String,
}

impl File {
    /// Returns true if the file's name has this extension.
    pub(super) fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|own| own == extension)
    }

    /// Returns true for one of these files, a file in one of these folders, or a part of one of
    /// these modules: `host/src/a` is `host/src/a.rs` and all of `host/src/a/`.
    pub(super) fn within(&self, places: &[&str]) -> bool {
        places.iter().any(|place| {
            self.path
                .strip_prefix(place)
                .is_some_and(|rest| matches!(rest, "" | ".rs") || rest.starts_with('/'))
        })
    }

    /// Returns the lines that fail, as `path:line: what to do`.
    pub(super) fn complain(&self, what: &str, fails: impl Fn(&str) -> bool) -> Vec<String> {
        let lines = self.text.lines().enumerate().filter(|(_, line)| fails(line));
        lines.map(|(index, _)| format!("{}:{}: {what}", self.path, index + 1)).collect()
    }
}
