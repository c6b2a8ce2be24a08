//! A damaged file is kept beside the fresh one, so that an operator can find out what happened.
//! Only the latest is kept: each may be as large as the cache itself.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Renames the file to `<name>.damaged-<seconds since 1970>` and deletes those that were put aside
/// before.
///
/// # Errors
/// The file can't be renamed.
pub(super) fn put(path: &Path) -> io::Result<PathBuf> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut aside = prefix(path);
    aside.push(seconds.to_string());
    let aside = path.with_file_name(aside);
    std::fs::rename(path, &aside)?;
    // Earlier ones that can't be deleted only take up room.
    for earlier in all(path).unwrap_or_default() {
        if earlier != aside {
            let _ = std::fs::remove_file(earlier);
        }
    }
    Ok(aside)
}

/// Returns the files that were put aside.
pub(super) fn all(path: &Path) -> io::Result<Vec<PathBuf>> {
    let prefix = prefix(path);
    let mut found = Vec::new();
    let dir = path.parent().unwrap_or(Path::new("."));
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn prefix(path: &Path) -> OsString {
    let mut prefix = path.file_name().unwrap_or_default().to_owned();
    prefix.push(".damaged-");
    prefix
}
