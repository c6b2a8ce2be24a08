//! C: the clang that is part of Zig, which PyPI has for every system and which brings a libc for
//! WebAssembly.
//!
//! The bindings are made here and now from the contract that the project is built against, so no
//! project keeps generated code and none is ever stale. What the linker makes becomes a component
//! here too: an author needs neither `wit-bindgen` nor `wasm-tools`, which take minutes to compile.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;
use wit_component::ComponentEncoder;

use super::job::{Job, write};
use super::tool;
use super::venv::{self, Environment, INSTALL};
use crate::{Problem, WORLD};

/// The folder of the sources.
const SOURCES: &str = "src";
/// The compiler's flags, one a line. Editors' language servers read the same file.
const FLAGS: &str = "compile_flags.txt";

/// The ends of C++ sources' names.
const CPP: &[&str] = &["cc", "cpp"];

/// What authors ask the compiler to warn of, generated code does on purpose.
const UNWARNED: &str = "#pragma clang diagnostic ignored \"-Weverything\"\n";

/// The package, and its program.
const PACKAGE: &str = "ziglang";
const ZIG: &str = "python-zig";

pub(super) fn build(job: &Job) -> Result<PathBuf, Problem> {
    let sources = sources(&job.project.dir().join(SOURCES))?;
    let pins = venv::pins(job.project.dir(), PACKAGE)?;
    let bindings = job.scratch.join("bindings");
    let generated = generate(&job.wit, &bindings)?;
    let module = compile(job, &pins, &bindings, &[sources, generated].concat())?;
    let component = job.scratch.join("component.wasm");
    let bytes = fs::read(&module).map_err(|error| Problem::with_file(&module, &error))?;
    let bytes = componentize(&bytes)?;
    fs::write(&component, bytes).map_err(|error| Problem::with_file(&component, &error))?;
    Ok(component)
}

/// All sources, in an order that is the same everywhere.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let unreadable = |error| Problem::with_file(&folder, &error);
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if has_extension(&path, &["c"]) || has_extension(&path, CPP) {
                found.push(path);
            }
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(Problem::new(format!(
            "{} holds no `.c` and no `.cpp` file.",
            folder.display()
        )));
    }
    Ok(found)
}

fn has_extension(path: &Path, known: &[&str]) -> bool {
    path.extension().and_then(OsStr::to_str).is_some_and(|extension| known.contains(&extension))
}

/// Writes `provider.h` and what has to be linked with it, which is returned: the functions that
/// carry the contract's values over, and an object that holds nothing but the contract.
fn generate(wit: &Path, folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let mut resolve = Resolve::default();
    let mut files = Files::default();
    let generated = resolve.push_path(wit).and_then(|(package, _)| {
        let world = resolve.select_world(&[package], Some(WORLD))?;
        wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files)
    });
    generated
        .map_err(|error| Problem::new(format!("No C can be made of the contract: {error:#}.")))?;

    let mut linked = Vec::new();
    for (name, bytes) in files.iter() {
        let path = folder.join(name);
        match path.extension().and_then(OsStr::to_str) {
            Some("h") => write(&path, &String::from_utf8_lossy(bytes))?,
            Some("c") => write(&path, &format!("{UNWARNED}{}", String::from_utf8_lossy(bytes)))?,
            _ => fs::write(&path, bytes).map_err(|error| Problem::with_file(&path, &error))?,
        }
        if !name.ends_with(".h") {
            linked.push(path);
        }
    }
    Ok(linked)
}

fn compile(job: &Job, pins: &str, bindings: &Path, inputs: &[PathBuf]) -> Result<PathBuf, Problem> {
    let dir = job.project.dir();
    let flags = dir.join(FLAGS);
    let flags = fs::read_to_string(&flags).map_err(|error| Problem::with_file(&flags, &error))?;
    let environment = Environment::of(job, pins, PACKAGE, ZIG)?;

    let module = job.scratch.join("module.wasm");
    let mut zig = environment.program(ZIG);
    zig.current_dir(dir).env("ZIG_GLOBAL_CACHE_DIR", job.tools.join("zig"));
    zig.env("ZIG_LOCAL_CACHE_DIR", job.scratch.join("zig"));
    // No `main`: the host calls what is exported. Names stay, for the backtrace of a trap.
    // C++ brings its library along.
    let cpp = inputs.iter().any(|input| has_extension(input, CPP));
    let (driver, off): (&str, &[&str]) =
        if cpp { ("c++", &["-fno-exceptions", "-fno-rtti"]) } else { ("cc", &[]) };
    zig.args([
        driver,
        "-target",
        "wasm32-wasi",
        "-mexec-model=reactor",
        "-Os",
        "-Wl,--strip-debug",
        "-I",
    ])
    .arg(bindings);
    zig.args(off).args(flags.split_whitespace()).args(inputs).arg("-o").arg(&module);
    let failed = format!(
        "The sources don't compile, or lack a function that the contract asks for: see above. {} declares them all.",
        bindings.join("provider.h").display()
    );
    tool::run(&mut zig, job.quiet, INSTALL, &failed)?;
    Ok(module)
}

/// C knows WASI's first version; the adapter says the same in the second. A module that uses none
/// of it gets none of it.
pub(super) fn componentize(module: &[u8]) -> Result<Vec<u8>, Problem> {
    let encoder = ComponentEncoder::default().module(module).and_then(|it| {
        it.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)
    });
    let component = encoder.and_then(|encoder| encoder.validate(true).encode());
    component.map_err(|error| {
        Problem::new(format!("The module can't be made into a component: {error:#}."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Project, WIT};

    fn says<T>(result: Result<T, Problem>) -> String {
        result.err().map(|problem| problem.to_string()).unwrap_or_default()
    }

    fn bindings() -> (tempfile::TempDir, Vec<PathBuf>) {
        let dir = tempfile::tempdir().unwrap();
        let wit = dir.path().join("wit");
        write(&wit.join("provider.wit"), WIT).unwrap();
        let linked = generate(&wit, &dir.path().join("bindings")).unwrap();
        (dir, linked)
    }

    #[test]
    fn what_a_project_lacks_is_named_before_anything_is_installed() {
        let dir = tempfile::tempdir().unwrap();
        let lacking = |file: &str| {
            write(&dir.path().join(file), "").unwrap();
            let project = Project::open(dir.path()).unwrap();
            let wit = dir.path().join("wit");
            write(&wit.join("provider.wit"), WIT).unwrap();
            let scratch = dir.path().join("build");
            says(build(&Job {
                project: &project,
                wit,
                scratch,
                tools: dir.path(),
                quiet: true,
                dev: false,
            }))
        };
        assert!(lacking("compile_flags.txt").contains("src can't be used"));
        assert!(lacking("src/plugin.h").contains("src holds no `.c` and no `.cpp` file"));
        assert!(lacking("src/plugin.c").contains("requirements.txt isn't there. It pins ziglang"));
    }

    #[test]
    fn sources_are_found_in_folders_too_and_always_in_the_same_order() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["b.c", "a.c", "a.h", "json/read.c", "notes.txt", "c.cpp"] {
            write(&dir.path().join(file), "").unwrap();
        }
        let found = sources(dir.path()).unwrap();
        assert_eq!(found, ["a.c", "b.c", "c.cpp", "json/read.c"].map(|file| dir.path().join(file)));
    }

    #[test]
    fn bindings_are_made_of_the_contract() {
        let (dir, linked) = bindings();
        let header = fs::read_to_string(dir.path().join("bindings/provider.h")).unwrap();
        for function in
            ["describe", "complete", "open_stream", "method_deltas_next", "deltas_destructor"]
        {
            assert!(
                header.contains(&format!("exports_arete_provider_chat_{function}(")),
                "{function}"
            );
        }
        let names: Vec<_> = linked.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        assert_eq!(names, ["provider.c", "provider_component_type.o"]);
    }

    #[test]
    fn a_contract_that_is_none_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("provider.wit"), "package a:b;\n").unwrap();
        let says = says(generate(dir.path(), dir.path()));
        assert!(says.starts_with("No C can be made of the contract: "), "{says}");
    }

    #[test]
    fn only_a_module_that_says_its_contract_becomes_a_component() {
        assert!(
            says(componentize(b"no module"))
                .starts_with("The module can't be made into a component: ")
        );
    }

    /// The plugin's own tests run natively, with the C compiler that links this one, so they need
    /// nothing else; here they have the bindings that they are built with.
    #[cfg(unix)]
    #[test]
    fn the_tests_of_the_plugin_in_c_pass() {
        let (dir, _) = bindings();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/cohere/tests/run.sh");
        let mut run = std::process::Command::new(script);
        tool::run(run.arg(dir.path().join("bindings")).arg(dir.path()), true, "", "They fail.")
            .unwrap();
    }
}
