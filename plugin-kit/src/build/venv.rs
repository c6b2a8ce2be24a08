//! Tools that come as Python packages.
//!
//! What builds a project is pinned by the project itself: `requirements.txt` names each package
//! with the hashes of its files, and pip takes nothing else. It goes into an environment of its own
//! below the folder for tools, which projects with the same pins share; the system's Python is only
//! asked to make it.

use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::job::{Job, write};
use super::tool;
use crate::Problem;

/// The least release that the tools run on.
const PYTHON: [u32; 2] = [3, 10];
pub(super) const INSTALL: &str = "Install Python 3.10 or later: https://www.python.org.";

/// What Python is called, best first: where both are there, `python` may still be Python 2.
const NAMES: [&str; 2] = ["python3", "python"];

/// The file that names the packages.
const PINS: &str = "requirements.txt";

/// A virtual environment with what a project pins.
pub(super) struct Environment(PathBuf);

/// The text of the file that pins what builds a project, `package` among it.
pub(super) fn pins(dir: &Path, package: &str) -> Result<String, Problem> {
    let pins = dir.join(PINS);
    fs::read_to_string(&pins).map_err(|_| {
        Problem::new(format!(
            "{} isn't there. It pins {package} and whatever else is needed, each with its hashes; `pip-compile \
             --generate-hashes` writes it.",
            pins.display()
        ))
    })
}

impl Environment {
    /// The environment with what the project's pins name, made again when they change. `package`
    /// has to be among them and brings `program`.
    pub(super) fn of(job: &Job, pins: &str, package: &str, program: &str) -> Result<Self, Problem> {
        let environment = Self(job.tools.join("python").join(name(pins)));
        let stamp = environment.0.join("installed.txt");
        // Its programs name it by its path: in a project that was moved, they would look for a
        // Python that isn't there.
        let installed = format!("# {}\n{pins}", environment.0.display());
        if fs::read_to_string(&stamp).is_ok_and(|there| there == installed) {
            return Ok(environment);
        }

        environment.install(&job.project.dir().join(PINS), job.quiet)?;
        if !environment.file(program).is_file() {
            return Err(Problem::new(format!(
                "{PINS} doesn't name {package}, which makes the component."
            )));
        }
        write(&stamp, &installed)?;
        Ok(environment)
    }

    /// One of its programs. It finds the environment's packages and no others.
    pub(super) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.file(name));
        command.env("VIRTUAL_ENV", &self.0);
        command
    }

    fn install(&self, pins: &Path, quiet: bool) -> Result<(), Problem> {
        let mut venv = Command::new(python()?);
        let failed = "Python can't make an environment: see above.";
        tool::run(venv.args(["-m", "venv", "--clear"]).arg(&self.0), quiet, INSTALL, failed)?;
        let mut pip = Command::new(self.file("python"));
        // Only what is compiled already: a package's own script for compiling could do anything.
        pip.args(["-m", "pip", "install", "--require-hashes", "--only-binary=:all:", "--no-input"]);
        pip.args(["--disable-pip-version-check", "--requirement"]).arg(pins);
        if quiet {
            pip.arg("--quiet");
        }
        tool::run(
            &mut pip,
            quiet,
            INSTALL,
            "pip can't install what requirements.txt names: see above.",
        )
    }

    fn file(&self, name: &str) -> PathBuf {
        let folder = if cfg!(windows) { "Scripts" } else { "bin" };
        let mut file = OsString::from(name);
        file.push(std::env::consts::EXE_SUFFIX);
        self.0.join(folder).join(file)
    }
}

/// The same for the same pins. A different release of this program may give another name, which
/// costs an installation.
fn name(pins: &str) -> String {
    let mut hash = DefaultHasher::new();
    pins.hash(&mut hash);
    format!("{:016x}", hash.finish())
}

/// The first Python that is new enough, or what is wrong with the best name's.
fn python() -> Result<&'static str, Problem> {
    let mut wrong = None;
    for name in NAMES {
        match tool::need(&mut Command::new(name), PYTHON, INSTALL) {
            Ok(()) => return Ok(name),
            Err(problem) => wrong = wrong.or(Some(problem)),
        }
    }
    Err(wrong.unwrap_or_else(|| Problem::new(INSTALL)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Project;

    #[test]
    fn an_environment_is_used_again_while_the_pins_are_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let pins = "componentize-py==0.25.1\n";
        write(&dir.path().join("pyproject.toml"), "").unwrap();
        let made = dir.path().join("python").join(name(pins));
        write(&made.join("installed.txt"), &format!("# {}\n{pins}", made.display())).unwrap();
        let project = Project::open(dir.path()).unwrap();
        let wit = dir.path().join("wit");
        let job = Job {
            project: &project,
            wit,
            scratch: dir.path().join("build"),
            tools: dir.path(),
            quiet: true,
            dev: false,
        };
        let Environment(found) =
            Environment::of(&job, pins, "componentize-py", "componentize-py").unwrap();
        assert_eq!(found, made);

        // One that was made elsewhere is made again, here of pins that aren't there.
        write(&made.join("installed.txt"), &format!("# /elsewhere\n{pins}")).unwrap();
        assert!(Environment::of(&job, pins, "componentize-py", "componentize-py").is_err());
        assert_ne!(name(pins), name("componentize-py==0.25.2\n"));
    }
}
