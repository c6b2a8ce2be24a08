//! The right to write to a file. What somebody else could have written isn't trusted, whatever is
//! in it.

use std::fs::File;
#[cfg(unix)]
use std::fs::{DirBuilder, Metadata, OpenOptions};
use std::path::Path;

#[cfg(unix)]
use anyhow::{Context, ensure};

/// The rights that others may have on a file.
#[derive(Clone, Copy)]
pub(super) enum Others {
    /// Look at it.
    Read,
    /// Not even that.
    Nothing,
}

/// Opens a file that only this process's user can write to, and says how many bytes it has. Links
/// aren't followed, and what isn't a file, a pipe for one, isn't waited for.
///
/// # Errors
/// An [`io::Error`](std::io::Error) when it can't be opened; else why it isn't trusted.
#[cfg(unix)]
pub(super) fn open(path: &Path, others: Others) -> anyhow::Result<(File, u64)> {
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::OFlags;

    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    ensure!(metadata.is_file(), "it isn't a file");
    check(&metadata, user(), others)?;
    Ok((file, metadata.len()))
}

/// Makes a folder, unless it is there, and checks that only this process's user can write to it.
///
/// # Errors
/// Why it can't be made or isn't trusted.
#[cfg(unix)]
pub(super) fn make_folder(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let metadata = path.symlink_metadata()?;
    ensure!(metadata.is_dir(), "it is a link, and not the folder itself");
    check(&metadata, user(), Others::Read).context("remove it, and it is made anew")
}

/// The user that this process acts for.
#[cfg(unix)]
fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Returns true if a file is this user's, and nobody else may do more with it than that.
#[cfg(unix)]
pub(super) fn check(metadata: &Metadata, user: u32, others: Others) -> anyhow::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    ensure!(metadata.uid() == user, "it belongs to user {} and not to {user}", metadata.uid());
    let (forbidden, what) = match others {
        Others::Read => (0o022, "write to"),
        Others::Nothing => (0o077, "read or write to"),
    };
    let mode = metadata.permissions().mode() & 0o7777;
    ensure!(mode & forbidden == 0, "users other than its owner can {what} it (mode {mode:o})");
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn open(_path: &Path, _others: Others) -> anyhow::Result<(File, u64)> {
    Err(unknown())
}

#[cfg(not(unix))]
pub(super) fn make_folder(_path: &Path) -> anyhow::Result<()> {
    Err(unknown())
}

#[cfg(not(unix))]
fn unknown() -> anyhow::Error {
    anyhow::anyhow!("this system doesn't say who can write to a file")
}
