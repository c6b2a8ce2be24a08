//! The target in C in every run of the tests: its corpus, and fixed changes of it, with checks of
//! every access where the compiler has them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

/// Changed cases.
const CHANGED: &str = "50000";
/// Of the plugin, what the target needs, and the library that it reads with: with checks, that one
/// takes a compiler longer than all tests of this file. The fuzzer has it with checks.
const PLUGIN: [&str; 4] = ["arena.c", "json.c", "retry_after.c", "text.c"];
const LIBRARY: &str = "yyjson/yyjson.c";
const CHECKS: &str = "-fsanitize=address,undefined";

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn cc() -> Command {
    let mut cc = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()));
    cc.args(["-std=c11", "-g"]);
    cc
}

fn compile(program: &Path, checks: &[&str]) -> Output {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let plugin = here.join("../plugins/cohere/src");
    let library = program.with_extension("o");
    let compiled = run(cc().arg("-c").arg(plugin.join(LIBRARY)).arg("-o").arg(&library));
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let own = ["json_reader.c", "changed.c"].map(|file| here.join("c").join(file));
    let mut whole = cc();
    whole.args(["-O1", "-fno-sanitize-recover=all"]).args(checks).arg("-include");
    whole.arg(here.join("c/str.h")).arg("-I").arg(&plugin).args(own).arg(&library);
    run(whole.args(PLUGIN.map(|file| plugin.join(file))).arg("-o").arg(program))
}

#[test]
#[cfg(unix)]
fn the_reader_of_json_in_c_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("changed");
    let checked = compile(&program, &[CHECKS]);
    if !checked.status.success() {
        let plain = compile(&program, &[]);
        assert!(plain.status.success(), "{}", String::from_utf8_lossy(&plain.stderr));
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/json_reader");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(corpus).unwrap().map(|case| case.unwrap().path()).collect();
    cases.sort();
    let done = run(Command::new(&program).arg(CHANGED).args(cases));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
