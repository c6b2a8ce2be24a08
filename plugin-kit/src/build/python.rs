//! Python: componentize-py, which puts the interpreter and the project's modules into one
//! component.
//!
//! componentize-py runs the sources and keeps the memory they leave behind, in which there are
//! random numbers and times: the same sources give another file each time. So a component that is
//! made of nothing new isn't made again, which keeps its hash, and with it whatever is kept under
//! that.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value};

use super::job::{Job, write};
use super::tool;
use super::venv::{self, Environment, INSTALL};
use crate::{Problem, WORLD};

/// The package, and its program.
const TOOL: &str = "componentize-py";

/// Where the provider's module is, and its name.
const SOURCES: &str = "src";
const MODULE: &str = "provider";

/// The module that takes later changes from the settings, in a component for an author at work.
const DEV_MODULE: &str = "arete_dev";
const DEV_SOURCE: &str = include_str!("../../bindings/python/arete_dev.py");
/// The folder of that component in a project, and the sources that are in it.
const DEV_FOLDER: &str = "build/dev";
const DEV_BUILT: &str = "built.json";

/// The names of the files beside a component.
const COMPONENT: &str = "component.wasm";
const STAMP: &str = "component.from";

const FAILED: &str = "componentize-py can't make a component of the sources: see above.";

pub(super) fn build(job: &Job) -> Result<PathBuf, Problem> {
    let dir = job.project.dir();
    entry(dir)?;
    let pins = venv::pins(dir, TOOL)?;
    let scratch = if job.dev { dir.join(DEV_FOLDER) } else { job.scratch.clone() };
    let (component, stamp) = (scratch.join(COMPONENT), scratch.join(STAMP));
    let from = fingerprint(job, &pins)?;
    if component.is_file() && fs::read_to_string(&stamp).is_ok_and(|made| made == from) {
        return Ok(component);
    }

    let environment = Environment::of(job, &pins, TOOL, TOOL)?;
    types(job, &environment)?;
    let built = serde_json::json!(sources(dir)?).to_string();
    let mut componentize = componentize_py(job, &environment);
    componentize.arg("componentize");
    if job.dev {
        let loader = scratch.join("loader");
        write(&loader.join(format!("{DEV_MODULE}.py")), DEV_SOURCE)?;
        componentize.arg("--python-path").arg(loader);
    }
    componentize.arg("--python-path").arg(dir.join(SOURCES)).arg("--output").arg(&component);
    componentize.arg(if job.dev { DEV_MODULE } else { MODULE });
    // Quiet, so that mistakes can be told as the project has them.
    tool::run(&mut componentize, true, INSTALL, FAILED)
        .map_err(|problem| Problem::new(translated(&problem.to_string())))?;
    if job.dev {
        write(&scratch.join(DEV_BUILT), &built)?;
    }
    write(&stamp, &from)?;
    Ok(component)
}

/// Returns what Python says of the sources with paths as the project has them, and without the trace of
/// the tool around it, which says the same again.
fn translated(said: &str) -> String {
    let said = said.strip_suffix(FAILED).unwrap_or(said);
    let own = said.split_once("AssertionError: ").map_or(said, |(_, own)| own);
    let own = own.split("\n\nCaused by:").next().unwrap_or(own);
    let own = own.replace("\"/0/", "\"src/").replace("\"/1/", "\"src/");
    format!("{}\n{FAILED}", own.trim_end())
}

/// The component for an author at work.
pub(super) fn dev_component(dir: &Path) -> PathBuf {
    dir.join(DEV_FOLDER).join(COMPONENT)
}

/// The modules of a project by their paths.
fn sources(dir: &Path) -> Result<BTreeMap<String, String>, Problem> {
    let folder = dir.join(SOURCES);
    let mut files = Vec::new();
    collect(&folder, &mut files)?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "py"));
    let read = |file: PathBuf| {
        let text = fs::read_to_string(&file).map_err(|error| Problem::with_file(&file, &error))?;
        let path = file.strip_prefix(&folder).unwrap_or(&file).to_string_lossy().replace('\\', "/");
        Ok((path, text))
    };
    files.into_iter().map(read).collect()
}

/// Returns the changes since the component for an author at work was built: new texts of modules by
/// their paths, and null for those that are gone.
pub(super) fn saved_since(dir: &Path) -> Result<Option<String>, Problem> {
    let built = fs::read_to_string(dir.join(DEV_FOLDER).join(DEV_BUILT)).unwrap_or_default();
    let built: BTreeMap<String, String> = serde_json::from_str(&built).unwrap_or_default();
    let now = sources(dir)?;
    let gone = built.keys().filter(|path| !now.contains_key(*path));
    let gone = gone.map(|path| (path.clone(), Value::Null));
    let changed = now.iter().filter(|(path, text)| built.get(*path) != Some(text));
    let changed = changed.map(|(path, text)| (path.clone(), text.clone().into()));
    let changes: Map<String, Value> = gone.chain(changed).collect();
    Ok((!changes.is_empty()).then(|| Value::Object(changes).to_string()))
}

/// Makes the next build for an author at work begin with the sources as they are.
pub(super) fn forget(dir: &Path) -> Result<(), Problem> {
    let stamp = dir.join(DEV_FOLDER).join(STAMP);
    match fs::remove_file(&stamp) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Problem::with_file(&stamp, &error))
        }
        _ => Ok(()),
    }
}

/// Of all that the component is made of: the pins, the contract, and the sources, or what takes them
/// from the settings.
fn fingerprint(job: &Job, pins: &str) -> Result<String, Problem> {
    let mut files = Vec::new();
    let mut hash = DefaultHasher::new();
    collect(&job.wit, &mut files)?;
    if job.dev {
        DEV_SOURCE.hash(&mut hash);
    } else {
        collect(&job.project.dir().join(SOURCES), &mut files)?;
    }
    files.sort();
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

/// The contract's types, for editors and type checkers. The component gets its own from
/// componentize-py, so what is here is only read by people and their tools.
fn types(job: &Job, environment: &Environment) -> Result<(), Problem> {
    let types = job.scratch.join("types");
    if types.is_dir() {
        fs::remove_dir_all(&types).map_err(|error| Problem::with_file(&types, &error))?;
    }
    let mut bindings = componentize_py(job, environment);
    let failed = "componentize-py can't make types from the contract.";
    tool::run(bindings.arg("bindings").arg(&types), job.quiet, INSTALL, failed)
}

/// Packages that the sources import are found in the environment too, and nowhere else. Mistakes in
/// the sources are told with Python's own trace; that of the tool around it would only bury it.
fn componentize_py(job: &Job, environment: &Environment) -> Command {
    let mut command = environment.program(TOOL);
    command.current_dir(job.project.dir()).env("RUST_LIB_BACKTRACE", "0");
    command.arg("--quiet").arg("--wit-path").arg(&job.wit).args(["--world", WORLD]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Project;

    fn job(project: &Project) -> Job<'_> {
        let scratch = project.dir().join("build");
        Job {
            project,
            wit: scratch.join("wit"),
            scratch,
            tools: project.dir(),
            quiet: true,
            dev: false,
        }
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
        assert!(
            pins.contains("requirements.txt isn't there") && pins.contains("--generate-hashes"),
            "{pins}"
        );
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
    fn a_mistake_is_told_once_and_by_the_name_of_its_file() {
        let said = "Traceback (most recent call last):\n  File \"/x/bin/componentize-py\", line 8, in <module>\n\
                    AssertionError:   File \"/0/provider.py\", line 15\n    WORDS = = 1\n            ^\n\
                    SyntaxError: invalid syntax\n\n\nCaused by:\n    SyntaxError: invalid syntax (provider.py, line 15)\n";
        assert_eq!(
            translated(&format!("{said}{FAILED}")),
            format!(
                "  File \"src/provider.py\", line 15\n    WORDS = = 1\n            ^\nSyntaxError: invalid syntax\n{FAILED}"
            )
        );
        assert_eq!(translated(&format!("disk full\n{FAILED}")), format!("disk full\n{FAILED}"));
    }

    #[test]
    fn what_an_author_saves_is_told_to_the_component_that_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let project = project(dir.path());
        let since =
            || saved_since(project.dir()).unwrap().map(|text| text.parse::<Value>().unwrap());
        write(&project.dir().join("src/gone.py"), "").unwrap();
        let built = serde_json::json!(sources(project.dir()).unwrap()).to_string();
        write(&project.dir().join(DEV_FOLDER).join(DEV_BUILT), &built).unwrap();
        assert_eq!(since(), None);
        write(&project.dir().join("src/a/b.py"), "x = 1").unwrap();
        write(&project.dir().join("src/notes.txt"), "no module").unwrap();
        fs::remove_file(project.dir().join("src/gone.py")).unwrap();
        assert_eq!(since(), Some(serde_json::json!({ "a/b.py": "x = 1", "gone.py": null })));

        let job = Job { dev: true, ..job(&project) };
        let from = fingerprint(&job, PINS).unwrap();
        write(&project.dir().join("src/a/b.py"), "x = 2").unwrap();
        assert_eq!(fingerprint(&job, PINS).unwrap(), from, "a change needs no build");
        forget(project.dir()).unwrap();
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
        for (file, text) in [
            ("src/a/b.py", ""),
            ("src/a/b.py", "1"),
            ("build/wit/a.wit", "1"),
            ("src/provider.py", ""),
        ] {
            let before = print(PINS);
            write(&project.dir().join(file), text).unwrap();
            assert_ne!(print(PINS), before, "{file}");
        }
    }
}
