//! Tests that hold the cache to its promises. What can't be trusted is never run, and nothing keeps
//! a component from loading.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{CodeCache, CodeSource, Compiler, Loaded, ownership};
use crate::config::{Config, Machine, Vars};
use crate::digest::Sha256Digest;
use crate::plugin::engine::Engine;
use crate::plugin::load::compiler::{Lane, Lanes};

const ROOM: u64 = 1 << 30;

/// A component of a module whose one function gives this number.
fn component(number: u8) -> Vec<u8> {
    let types = [1, 5, 1, 0x60, 0, 1, 0x7f];
    let functions = [3, 2, 1, 0];
    let code = [10, 6, 1, 4, 0, 0x41, number, 0x0b];
    let module = [&b"\0asm\x01\0\0\0"[..], &types, &functions, &code].concat();
    [&b"\0asm\x0d\0\x01\0\x01"[..], &[u8::try_from(module.len()).unwrap()], &module].concat()
}

fn load(cache: &CodeCache, engine: &Engine, bytes: &[u8]) -> anyhow::Result<Loaded> {
    let digest = Sha256Digest(Sha256::digest(bytes).into());
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (turn, mut place) = (cache.turn(&digest), Lanes::new(1).enter(Lane::Short).await);
        let _turn = turn.lock().await;
        cache.component(engine, &bytes, &digest, &mut place).await
    })
}

fn open(dir: &Path, max_bytes: u64) -> CodeCache {
    CodeCache::open(dir, max_bytes, Compiler::InProcess)
}

/// An engine with room for so many calls of little memory.
fn engine_for(calls: &str) -> Engine {
    let vars = Vars::from([("LLM_MAX_CALLS", calls), ("LLM_PLUGIN_MEMORY", "1048576")]);
    Engine::new(&Config::parse(&vars, &Machine::of_this_process()).unwrap().plugins).unwrap()
}

fn engine() -> Engine {
    engine_for("1")
}

/// Returns the source of a component's code, after a restart.
fn origin(dir: &Path, number: u8) -> CodeSource {
    load(&open(dir, ROOM), &engine(), &component(number)).unwrap().source
}

/// A folder in which the component 1 was kept, and the one file of its code.
fn kept() -> (TempDir, PathBuf, PathBuf) {
    let data = TempDir::new().unwrap();
    let dir = data.path().join("code");
    assert_eq!(origin(&dir, 1), CodeSource::Compiled);
    assert_eq!(origin(&dir, 1), CodeSource::Disk);
    let [file] = files(&dir).try_into().unwrap();
    (data, dir, file)
}

/// The files of code, and what isn't whole yet, by name.
fn files(dir: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = all.filter(|path| path.file_name().unwrap() != "key").collect();
    files.sort();
    files
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Fails unless what was done to the file is noticed, the component loaded all the same, and its
/// code kept again.
#[track_caller]
fn assert_replaced(dir: &Path, file: &Path) {
    assert_eq!(origin(dir, 1), CodeSource::Compiled, "what was done to the file wasn't noticed");
    assert_eq!(origin(dir, 1), CodeSource::Disk);
    assert_eq!(files(dir), [file]);
    assert!(fs::symlink_metadata(file).unwrap().is_file());
    assert_eq!(mode(file), 0o600);
}

#[test]
fn a_component_is_compiled_once() {
    let (_data, dir, file) = kept();
    assert_eq!(origin(&dir, 2), CodeSource::Compiled);
    assert_eq!((origin(&dir, 1), origin(&dir, 2)), (CodeSource::Disk, CodeSource::Disk));
    assert_eq!(files(&dir).len(), 2);
    assert_eq!((mode(&dir), mode(&file), mode(&dir.join("key"))), (0o700, 0o600, 0o600));
}

#[test]
fn another_engine_has_code_of_its_own() {
    let (_data, dir, _) = kept();
    // Not each of so many memories can have all the address space that it could name.
    let engine = engine_for("16384");
    let cache = open(&dir, ROOM);
    assert_eq!(load(&cache, &engine, &component(1)).unwrap().source, CodeSource::Compiled);
    assert_eq!(load(&cache, &engine, &component(1)).unwrap().source, CodeSource::Disk);
    assert_eq!(origin(&dir, 1), CodeSource::Disk);
}

#[test]
fn what_is_no_component_is_refused_and_not_kept() {
    let dir = TempDir::new().unwrap();
    let cache = open(&dir.path().join("code"), ROOM);
    assert!(load(&cache, &engine(), b"no component").is_err());
    assert!(files(&dir.path().join("code")).is_empty());
}

#[test]
fn a_file_that_was_cut_off_is_replaced() {
    let (_data, dir, file) = kept();
    let code = fs::read(&file).unwrap();
    for len in [0, 1, code.len() / 2, code.len() - 1] {
        fs::write(&file, code.get(..len).unwrap()).unwrap();
        assert_replaced(&dir, &file);
        assert_eq!(fs::read(&file).unwrap(), code);
    }
}

#[test]
fn a_file_in_which_one_bit_is_another_is_replaced() {
    let (_data, dir, file) = kept();
    let code = fs::read(&file).unwrap();
    for at in [0, code.len() / 2, code.len() - 1] {
        let mut changed = code.clone();
        *changed.get_mut(at).unwrap() ^= 1;
        fs::write(&file, changed).unwrap();
        assert_replaced(&dir, &file);
    }
}

#[test]
fn a_file_that_is_longer_is_replaced() {
    let (_data, dir, file) = kept();
    let mut code = fs::read(&file).unwrap();
    code.push(0);
    fs::write(&file, code).unwrap();
    assert_replaced(&dir, &file);
}

#[test]
fn code_from_another_installation_is_replaced() {
    let (_data, dir, file) = kept();
    let (_other_data, _, other) = kept();
    assert_ne!(file.file_name(), other.file_name(), "each installation has a key of its own");
    assert_eq!(fs::read(&file).unwrap(), fs::read(&other).unwrap());
    fs::remove_file(&file).unwrap();
    fs::copy(&other, dir.join(other.file_name().unwrap())).unwrap();
    assert_replaced(&dir, &file);
}

#[test]
fn code_of_another_component_under_this_ones_name_is_replaced() {
    let (_data, dir, file) = kept();
    assert_eq!(origin(&dir, 2), CodeSource::Compiled);
    let other = files(&dir).into_iter().find(|other| *other != file).unwrap();
    fs::rename(other, &file).unwrap();
    assert_replaced(&dir, &file);
}

#[test]
fn a_file_that_others_could_write_to_is_replaced() {
    let (_data, dir, file) = kept();
    for mode in [0o620, 0o602] {
        set_mode(&file, mode);
        assert_replaced(&dir, &file);
    }
}

#[test]
fn a_link_is_replaced_and_what_it_leads_to_is_left_alone() {
    let (data, dir, file) = kept();
    let elsewhere = data.path().join("elsewhere");
    fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    assert_replaced(&dir, &file);
    assert!(elsewhere.exists());
}

#[test]
fn a_folder_in_a_files_place_is_gone_without() {
    let (_data, dir, file) = kept();
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(origin(&dir, 1), CodeSource::Compiled);
    assert_eq!(files(&dir), [file]);
}

#[test]
fn without_its_key_everything_is_compiled_anew() {
    let (_data, dir, _) = kept();
    let key = dir.join("key");
    for spoil in [
        (|key| fs::remove_file(key).unwrap()) as fn(&Path),
        |key| fs::write(key, "short").unwrap(),
        |key| fs::write(key, [0; 33]).unwrap(),
        |key| set_mode(key, 0o640),
        |key| {
            let elsewhere = key.with_extension("elsewhere");
            fs::rename(key, &elsewhere).unwrap();
            symlink(elsewhere, key).unwrap();
        },
    ] {
        spoil(&key);
        assert_eq!(origin(&dir, 1), CodeSource::Compiled);
        assert_eq!(origin(&dir, 1), CodeSource::Disk);
        assert_eq!((mode(&key), fs::read(&key).unwrap().len()), (0o600, 32));
    }
}

#[test]
fn a_folder_that_is_not_ours_alone_is_not_used() {
    let (data, dir, _) = kept();
    set_mode(&dir, 0o770);
    assert_eq!((origin(&dir, 1), origin(&dir, 1)), (CodeSource::Compiled, CodeSource::Compiled));
    set_mode(&dir, 0o700);
    assert_eq!(origin(&dir, 1), CodeSource::Disk);
    let link = data.path().join("link");
    symlink(&dir, &link).unwrap();
    assert_eq!(origin(&link, 1), CodeSource::Compiled);
}

#[test]
fn what_belongs_to_somebody_else_is_not_trusted() {
    // Of another user's, there is no file that a test could make: only who reads it can be another.
    let metadata = tempfile::NamedTempFile::new().unwrap().as_file().metadata().unwrap();
    let user = rustix::process::geteuid().as_raw();
    assert!(ownership::check(&metadata, user, ownership::Others::Nothing).is_ok());
    let problem = ownership::check(&metadata, user + 1, ownership::Others::Read).unwrap_err();
    assert!(problem.to_string().contains("belongs to user"), "{problem}");
}

#[test]
fn where_nothing_can_be_kept_components_load_all_the_same() {
    let (data, dir, _) = kept();
    let engine = engine();
    // No folder can be made.
    let file = data.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!((origin(&file, 1), origin(&file, 1)), (CodeSource::Compiled, CodeSource::Compiled));
    assert_eq!(origin(&file.join("code"), 1), CodeSource::Compiled);
    // No file can be made.
    let cache = open(&dir, ROOM);
    fs::remove_dir_all(&dir).unwrap();
    assert_eq!(load(&cache, &engine, &component(1)).unwrap().source, CodeSource::Compiled);
    assert_eq!(load(&cache, &engine, &component(1)).unwrap().source, CodeSource::Compiled);
    // The operator wants none.
    assert_eq!(load(&open(&dir, 0), &engine, &component(1)).unwrap().source, CodeSource::Compiled);
    assert!(!dir.exists());
}

#[test]
fn what_is_kept_stays_within_the_bound_and_the_least_recently_used_goes_first() {
    let (_data, dir, first) = kept();
    let len = fs::metadata(&first).unwrap().len();
    let age = |path: &Path, seconds| {
        let file = fs::File::options().append(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
    };
    let second = {
        origin(&dir, 2);
        files(&dir).into_iter().find(|file| *file != first).unwrap()
    };
    age(&first, 200);
    age(&second, 100);
    // Used now, so the other is the older one.
    assert_eq!(origin(&dir, 1), CodeSource::Disk);
    let cache = open(&dir, 2 * len + len / 2);
    assert_eq!(files(&dir).len(), 2);
    let engine = engine();
    assert_eq!(load(&cache, &engine, &component(3)).unwrap().source, CodeSource::Compiled);
    assert_eq!(files(&dir).len(), 2);
    assert!(first.exists() && !second.exists());
    // What this process runs stays, however long ago it was loaded.
    let third = files(&dir).into_iter().find(|file| *file != first).unwrap();
    age(&third, 300);
    assert_eq!(load(&cache, &engine, &component(4)).unwrap().source, CodeSource::Compiled);
    assert!(third.exists() && !first.exists());
    // The bound holds for the next start, if it is lower then; and for a component alone.
    open(&dir, len + len / 2);
    assert_eq!(files(&dir).len(), 1);
    let cache = open(&dir, len - 1);
    assert_eq!(load(&cache, &engine, &component(1)).unwrap().source, CodeSource::Compiled);
    assert!(files(&dir).is_empty());
}

#[test]
fn a_pipe_in_a_files_place_is_not_waited_for() {
    let (_data, dir, file) = kept();
    fs::remove_file(&file).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
    assert_replaced(&dir, &file);
}

#[cfg(target_os = "linux")]
#[test]
fn code_is_mapped_from_its_file() {
    let (_data, dir, file) = kept();
    let mapped = || fs::read_to_string("/proc/self/maps").unwrap().contains(file.to_str().unwrap());
    let loaded = load(&open(&dir, ROOM), &engine(), &component(1)).unwrap();
    assert!(mapped());
    drop(loaded);
    assert!(!mapped());
}

#[test]
fn code_that_was_removed_while_it_is_used_goes_on() {
    let (_data, dir, file) = kept();
    let engine = engine();
    let loaded = load(&open(&dir, ROOM), &engine, &component(1)).unwrap();
    fs::remove_file(file).unwrap();
    let linker = wasmtime::component::Linker::<()>::new(&engine);
    linker.instantiate(wasmtime::Store::new(&engine, ()), &loaded.component).unwrap();
}

#[test]
fn what_was_never_finished_is_removed_and_the_rest_left_alone() {
    let (_data, dir, file) = kept();
    let (old, new, foreign) =
        (dir.join("new-old.tmp"), dir.join("new-new.tmp"), dir.join("README"));
    for path in [&old, &new, &foreign] {
        fs::write(path, "x").unwrap();
    }
    for path in [&old, &foreign] {
        let day = Duration::from_secs(86_400);
        fs::File::options()
            .append(true)
            .open(path)
            .unwrap()
            .set_modified(SystemTime::now() - day)
            .unwrap();
    }
    assert_eq!(origin(&dir, 1), CodeSource::Disk);
    assert!(!old.exists() && new.exists() && foreign.exists() && file.exists());
}

#[test]
fn many_at_once_compile_each_component_once() {
    let data = TempDir::new().unwrap();
    let (cache, engine) = (open(&data.path().join("code"), ROOM), engine());
    let origins: Vec<CodeSource> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| load(&cache, &engine, &component(1)).unwrap().source))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(
        origins.iter().filter(|origin| **origin == CodeSource::Compiled).count(),
        1,
        "{origins:?}"
    );
}
