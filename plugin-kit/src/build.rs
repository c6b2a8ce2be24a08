//! From a project to its component: what is the same in every language stands here, the rest in a
//! module each.

mod c;
mod go;
mod job;
mod other;
mod python;
mod rust;
mod tool;
mod typescript;
mod venv;

use std::fs;
use std::path::{Path, PathBuf};

use self::job::{Job, write};
use crate::component;
use crate::project::{Language, Project};
use crate::{Problem, WIT};

/// The folder in a project for what is made of its sources.
const SCRATCH: &str = "build";

/// The setting by which a component that was built for an author at work is told what has changed.
pub const DEV_SETTING: &str = "arete-dev";

/// The options of a build.
#[derive(Clone, Debug)]
pub struct Options {
    /// A folder with another contract than the one in this program.
    pub wit: Option<PathBuf>,
    /// The folder that the component is put into, as `<name>.wasm`.
    pub out: PathBuf,
    /// The folder for toolchains and for what projects share while they are compiled. It may be
    /// deleted at any time.
    pub tools: PathBuf,
    /// True to keep back what the tools say until one of them fails.
    pub quiet: bool,
}

/// The result of a build.
#[derive(Debug)]
pub struct Built {
    /// The component: checked to be one and to export the contract's functions.
    pub component: PathBuf,
}

impl Project {
    /// Compiles the project. A component that is there already is replaced only by one that is in
    /// order, and at once, so that a server that watches the folder never sees half of it.
    ///
    /// # Errors
    /// When a tool is missing, too old or fails, or what it made isn't a provider.
    pub fn build(&self, options: &Options) -> Result<Built, Problem> {
        self.make(options, false)
    }

    /// The same for an author who goes on working on the project: where compiling takes long, the
    /// component takes what is saved later from its settings, as [`Project::saved_since`] tells it.
    ///
    /// # Errors
    /// As [`Project::build`].
    pub fn build_for_dev(&self, options: &Options) -> Result<Built, Problem> {
        self.make(options, true)
    }

    /// Returns true if components that are built for an author at work take later changes from
    /// their settings.
    pub fn takes_changes(&self) -> bool {
        self.language() == Language::Python
    }

    /// The component of [`Project::build_for_dev`] in a project in this language.
    pub fn dev_component(&self) -> PathBuf {
        if self.takes_changes() {
            python::dev_component(self.dir())
        } else {
            self.dir().join(SCRATCH).join(format!("{}.wasm", self.name()))
        }
    }

    /// Returns what has changed in the sources since the component was built for an author at work,
    /// as the value of its setting [`DEV_SETTING`]; nothing if nothing has.
    ///
    /// # Errors
    /// When the sources can't be read.
    pub fn saved_since(&self) -> Result<Option<String>, Problem> {
        if self.takes_changes() { python::saved_since(self.dir()) } else { Ok(None) }
    }

    /// Lets the next build for an author at work begin with the sources as they are.
    ///
    /// # Errors
    /// When a file in the project can't be removed.
    pub fn forget_changes(&self) -> Result<(), Problem> {
        if self.takes_changes() { python::forget(self.dir()) } else { Ok(()) }
    }

    fn make(&self, options: &Options, dev: bool) -> Result<Built, Problem> {
        let scratch = self.scratch()?;
        let wit = match &options.wit {
            Some(wit) => wit.clone(),
            None => write_wit(&scratch)?,
        };
        let quiet = options.quiet;
        let job = Job { project: self, wit, scratch, tools: &options.tools, quiet, dev };
        let made = match self.language() {
            Language::C => c::build(&job)?,
            Language::Go => go::build(&job)?,
            Language::Other => other::build(&job)?,
            Language::Python => python::build(&job)?,
            Language::Rust => rust::build(&job)?,
            Language::TypeScript => typescript::build(&job)?,
        };
        component::check(&made)?;
        if dev && self.takes_changes() {
            // It isn't the one to publish.
            return Ok(Built { component: made });
        }
        put(&made, &options.out, self.name()).map(|component| Built { component })
    }

    /// The folder `build` in the project.
    fn scratch(&self) -> Result<PathBuf, Problem> {
        let scratch = self.dir().join(SCRATCH);
        write(&scratch.join(".gitignore"), "*\n")?;
        Ok(scratch)
    }
}

fn write_wit(scratch: &Path) -> Result<PathBuf, Problem> {
    let wit = scratch.join("wit");
    write(&wit.join("provider.wit"), WIT)?;
    Ok(wit)
}

/// Written beside its place first and then renamed, which is one step to whoever looks.
fn put(made: &Path, out: &Path, name: &str) -> Result<PathBuf, Problem> {
    let component = out.join(format!("{name}.wasm"));
    let unfinished = out.join(format!(".{name}.wasm.new"));
    let put = || {
        fs::create_dir_all(out)?;
        fs::copy(made, &unfinished)?;
        fs::rename(&unfinished, &component)
    };
    put().map_err(|error| Problem::with_file(&component, &error))?;
    Ok(component)
}
