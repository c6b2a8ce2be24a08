//! From a project to its component: what is the same in every language stands here, the rest in a
//! module each.

mod c;
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
        let scratch = self.scratch()?;
        let wit = match &options.wit {
            Some(wit) => wit.clone(),
            None => write_wit(&scratch)?,
        };
        let job = Job { project: self, wit, scratch, tools: &options.tools, quiet: options.quiet };
        let made = match self.language() {
            Language::C => c::build(&job)?,
            Language::Other => other::build(&job)?,
            Language::Python => python::build(&job)?,
            Language::Rust => rust::build(&job)?,
            Language::TypeScript => typescript::build(&job)?,
        };
        component::check(&made)?;
        put(&made, &options.out, self.name()).map(|component| Built { component })
    }

    /// The folder `build` in the project.
    fn scratch(&self) -> Result<PathBuf, Problem> {
        let scratch = self.dir().join("build");
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
