//! Compiled code that the servers of all tests share, so that a component is compiled once and not
//! at each start.
//!
//! The product trusts code only if it is sealed with the key in its own folder. So a server begins
//! with a folder that has the shared key and links to the shared files, and code that it compiles
//! beside them is shared in turn. Every check of the server stays in force: code of another engine
//! or another build has another name, and a file that was changed is refused.
//!
//! Tests of the code cache keep their own: [`Builder::own_code`](super::Builder::own_code), or
//! anything that they put into the place of the folder.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

const KEY: &str = "key";
/// Code that no test has loaded for so long belongs to an older build.
const OLD: Duration = Duration::from_secs(86_400);

/// Gives a server that has no folder of code yet the shared one.
pub(super) fn lend(code: &Path) {
    let shared = shared();
    if code.symlink_metadata().is_ok() || !shared.join(KEY).exists() {
        return;
    }
    make(code).expect("the folder of code can be made");
    // The key first: code without it would be refused.
    for name in std::iter::once(KEY.to_owned()).chain(names(&shared)) {
        let (from, to) = (shared.join(&name), code.join(&name));
        match fs::hard_link(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                fs::copy(from, to).map(drop)
            }
            done => done,
        }
        .expect("shared code can be linked or copied");
    }
}

/// Shares the code of a server that listens, unless it has a key of its own.
pub(super) fn share(code: &Path) {
    let Ok(key) = fs::read(code.join(KEY)) else { return };
    let shared = shared();
    // The first server's key becomes that of all.
    publish(&code.join(KEY), &shared.join(KEY));
    if fs::read(shared.join(KEY)).is_ok_and(|shared| shared == key) {
        for name in names(code) {
            publish(&code.join(&name), &shared.join(&name));
        }
    }
}

/// Links a file to a place where there is none; other tests may do the same at this moment.
fn publish(from: &Path, to: &Path) {
    if to.exists() {
        return;
    }
    let linked = fs::hard_link(from, to).or_else(|error| match error.kind() {
        io::ErrorKind::CrossesDevices => {
            let unfinished = tempfile::NamedTempFile::new_in(shared())?;
            fs::copy(from, unfinished.path())?;
            unfinished.persist_noclobber(to).map(drop).map_err(|error| error.error)
        }
        _ => Err(error),
    });
    // Another test was faster, or the server made room meanwhile.
    drop(linked);
}

/// The shared folder. Made, and rid of old files, at the first call.
fn shared() -> PathBuf {
    static ONCE: Once = Once::new();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e-code");
    ONCE.call_once(|| {
        make(&folder).expect("the folder of shared code can be made");
        for name in names(&folder) {
            let path = folder.join(name);
            let used = path.metadata().and_then(|metadata| metadata.modified());
            if used.is_ok_and(|used| used.elapsed().is_ok_and(|age| age > OLD)) {
                fs::remove_file(path).expect("an old file can be removed");
            }
        }
    });
    folder
}

/// Makes a folder that only this user can look into.
fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// The names of the files of code in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.ends_with(".cwasm")).collect()
}
