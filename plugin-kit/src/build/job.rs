//! A build's input and its files, which all languages share.

use std::fs;
use std::path::{Path, PathBuf};

use guest_build::write_if_changed;

use crate::Problem;
use crate::project::Project;

/// A build, as the languages see it.
pub(super) struct Job<'a> {
    pub(super) project: &'a Project,
    /// The folder with the contract.
    pub(super) wit: PathBuf,
    /// The project's own folder for what is made from its sources. Git passes over it.
    pub(super) scratch: PathBuf,
    pub(super) tools: &'a Path,
    pub(super) quiet: bool,
    /// True if the author goes on working on it.
    pub(super) dev: bool,
}

/// Writes a file that is made from other files, and the folders it is in.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Problem> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|error| Problem::with_file(folder, &error))?;
    write_if_changed(path, text).map_err(|error| Problem::with_file(path, &error))
}
