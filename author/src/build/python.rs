//! Python: componentize-py, which puts the interpreter and the project's modules into one component.
//!
//! What builds the project is pinned by the project itself: `requirements.txt` names each package with the hashes of its
//! files, and pip takes nothing else. It goes into an environment of its own below the folder for tools, which projects with
//! the same pins share; the system's Python is only asked to make it.
//!
//! componentize-py runs the sources and keeps the memory they leave behind, in which there are random numbers and times: the
//! same sources give another file each time. So a component that is made of nothing new isn't made again, which keeps its
//! hash, and with it whatever is kept under that.

use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Job, tool, write};
use crate::{Problem, WORLD};

/// The least release that componentize-py runs on. The component has an interpreter of its own, which is newer.
const PYTHON: [u32; 2] = [3, 10];
const INSTALL: &str = "Install Python 3.10 or later: https://www.python.org.";

/// What Python is called, best first: where both are there, `python` may still be Python 2.
const NAMES: [&str; 2] = ["python3", "python"];

/// Where the provider's module is, and its name.
const SOURCES: &str = "src";
const MODULE: &str = "provider";

pub(super) fn build(job: &Job) -> Result<PathBuf, Problem> {
    let dir = job.project.dir();
    entry(dir)?;
    let pins = pins(dir)?;
    let component = job.scratch.join("component.wasm");
    let stamp = job.scratch.join("component.from");
    let from = fingerprint(job, &pins)?;
    if component.is_file() && fs::read_to_string(&stamp).is_ok_and(|made| made == from) {
        return Ok(component);
    }

    let environment = install(job, &pins)?;
    types(job, &environment)?;
    let mut componentize = componentize_py(job, &environment);
    componentize.args(["componentize", "--python-path"]).arg(dir.join(SOURCES)).arg("--output").arg(&component);
    tool::run(
        componentize.arg(MODULE),
        job.quiet,
        INSTALL,
        "componentize-py can't make a component of the sources: see above.",
    )?;
    write(&stamp, &from)?;
    Ok(component)
}

/// Of all that the component is made of: the pins, the contract and the sources.
fn fingerprint(job: &Job, pins: &str) -> Result<String, Problem> {
    let mut files = Vec::new();
    collect(&job.wit, &mut files)?;
    collect(&job.project.dir().join(SOURCES), &mut files)?;
    files.sort();
    let mut hash = DefaultHasher::new();
    pins.hash(&mut hash);
    for file in files {
        let bytes = fs::read(&file).map_err(|error| Problem::with_file(&file, &error))?;
        (file, bytes).hash(&mut hash);
    }
    Ok(format!("{:016x}", hash.finish()))
}

/// All files of a folder and the folders in it, but what Python keeps there for itself.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Problem> {
    let unreadable = |error| Problem::with_file(folder, &error);
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if !path.is_dir() {
            files.push(path);
        } else if path.file_name().is_some_and(|name| name != "__pycache__") {
            collect(&path, files)?;
        }
    }
    Ok(())
}

fn entry(dir: &Path) -> Result<(), Problem> {
    let entry = dir.join(SOURCES).join(MODULE).with_extension("py");
    if entry.is_file() {
        return Ok(());
    }
    Err(Problem::new(format!(
        "{} isn't there. It should hold the provider: its classes Chat and Deltas.",
        entry.display()
    )))
}

/// The contract's types, for editors and type checkers. The component gets its own from componentize-py, so what is here
/// is only read by people and their tools.
fn types(job: &Job, environment: &Path) -> Result<(), Problem> {
    let types = job.scratch.join("types");
    if types.is_dir() {
        fs::remove_dir_all(&types).map_err(|error| Problem::with_file(&types, &error))?;
    }
    let mut bindings = componentize_py(job, environment);
    let failed = "componentize-py can't make types from the contract.";
    tool::run(bindings.arg("bindings").arg(&types), job.quiet, INSTALL, failed)
}

/// Packages that the sources import are found in the environment too, and nowhere else. Mistakes in the sources are told
/// with Python's own trace; that of the tool around it would only bury it.
fn componentize_py(job: &Job, environment: &Path) -> Command {
    let mut command = Command::new(executable(environment, "componentize-py"));
    command.current_dir(job.project.dir()).env("VIRTUAL_ENV", environment).env("RUST_LIB_BACKTRACE", "0");
    command.arg("--quiet").arg("--wit-path").arg(&job.wit).args(["--world", WORLD]);
    command
}

fn pins(dir: &Path) -> Result<String, Problem> {
    let pins = dir.join("requirements.txt");
    fs::read_to_string(&pins).map_err(|_| {
        Problem::new(format!(
            "{} isn't there. It pins componentize-py and whatever the sources import, each with its hashes; `pip-compile \
             --generate-hashes` writes it.",
            pins.display()
        ))
    })
}

/// The environment with what the pins name, made again when they change.
fn install(job: &Job, pins: &str) -> Result<PathBuf, Problem> {
    let environment = job.tools.join("python").join(name(pins));
    let stamp = environment.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == pins) {
        return Ok(environment);
    }

    let mut venv = Command::new(python()?);
    let failed = "Python can't make an environment: see above.";
    tool::run(venv.args(["-m", "venv", "--clear"]).arg(&environment), job.quiet, INSTALL, failed)?;
    let mut pip = Command::new(executable(&environment, "python"));
    // Only what is compiled already: a package's own script for compiling could do anything.
    pip.args(["-m", "pip", "install", "--require-hashes", "--only-binary=:all:", "--no-input"]);
    pip.args(["--disable-pip-version-check", "--requirement"]).arg(job.project.dir().join("requirements.txt"));
    if job.quiet {
        pip.arg("--quiet");
    }
    tool::run(&mut pip, job.quiet, INSTALL, "pip can't install what requirements.txt names: see above.")?;
    if !executable(&environment, "componentize-py").is_file() {
        return Err(Problem::new("requirements.txt doesn't name componentize-py, which makes the component."));
    }
    write(&stamp, pins)?;
    Ok(environment)
}

/// The same for the same pins. A different release of this program may give another name, which costs an installation.
fn name(pins: &str) -> String {
    let mut hash = DefaultHasher::new();
    pins.hash(&mut hash);
    format!("{:016x}", hash.finish())
}

/// The first Python that is new enough, or what is wrong with the best name's.
fn python() -> Result<&'static str, Problem> {
    let mut wrong: Option<Problem> = None;
    for name in NAMES {
        match tool::need(&mut Command::new(name), PYTHON, INSTALL) {
            Ok(()) => return Ok(name),
            Err(problem) => wrong = wrong.or(Some(problem)),
        }
    }
    Err(wrong.unwrap_or_else(|| Problem::new(INSTALL)))
}

fn executable(environment: &Path, name: &str) -> PathBuf {
    let folder = if cfg!(windows) { "Scripts" } else { "bin" };
    let mut file = OsString::from(name);
    file.push(std::env::consts::EXE_SUFFIX);
    environment.join(folder).join(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Project;

    fn job(project: &Project) -> Job<'_> {
        let scratch = project.dir().join("build");
        Job { project, wit: scratch.join("wit"), scratch, tools: project.dir(), quiet: true }
    }

    fn says(files: &[&str]) -> String {
        let dir = tempfile::tempdir().unwrap();
        files.iter().for_each(|file| write(&dir.path().join(file), "").unwrap());
        build(&job(&Project::open(dir.path()).unwrap())).unwrap_err().to_string()
    }

    #[test]
    fn what_a_project_lacks_is_named_before_anything_is_installed() {
        let provider = says(&["pyproject.toml", "src/app.py"]);
        assert!(provider.contains("provider.py isn't there"), "{provider}");
        let pins = says(&["pyproject.toml", "src/provider.py"]);
        assert!(pins.contains("requirements.txt isn't there") && pins.contains("--generate-hashes"), "{pins}");
    }

    const PINS: &str = "componentize-py==0.25.1\n";

    fn project(dir: &Path) -> Project {
        for (file, text) in [
            ("pyproject.toml", ""),
            ("requirements.txt", PINS),
            ("src/provider.py", "import a"),
            ("build/wit/a.wit", ""),
        ] {
            write(&dir.join(file), text).unwrap();
        }
        Project::open(dir).unwrap()
    }

    #[test]
    fn an_environment_is_used_again_while_the_pins_are_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let project = project(dir.path());
        let environment = project.dir().join("python").join(name(PINS));
        write(&environment.join("installed.txt"), PINS).unwrap();
        assert_eq!(install(&job(&project), PINS).unwrap(), environment);
        assert_ne!(name(PINS), name("componentize-py==0.25.2\n"));
    }

    #[test]
    fn a_component_is_kept_until_something_that_it_is_made_of_changes() {
        let dir = tempfile::tempdir().unwrap();
        let project = project(dir.path());
        let job = job(&project);
        let print = |pins| fingerprint(&job, pins).unwrap();
        let before = print(PINS);
        write(&job.scratch.join("component.wasm"), "").unwrap();
        write(&job.scratch.join("component.from"), &before).unwrap();
        write(&project.dir().join("src/__pycache__/provider.pyc"), "").unwrap();
        assert_eq!(build(&job).unwrap(), job.scratch.join("component.wasm"));

        assert_ne!(print(""), before);
        for (file, text) in [("src/a/b.py", ""), ("src/a/b.py", "1"), ("build/wit/a.wit", "1"), ("src/provider.py", "")]
        {
            let before = print(PINS);
            write(&project.dir().join(file), text).unwrap();
            assert_ne!(print(PINS), before, "{file}");
        }
    }
}
