//! Any other language: the command that the project names in its `plugin.toml`. A core module becomes
//! a component here, as C's does.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use wasmparser::Parser;

use super::job::Job;
use super::{c, tool};
use crate::Problem;
use crate::recipe::Recipe;

/// The variable by which the command finds the contract's folder.
const WIT_VARIABLE: &str = "ARETE_WIT";
const INSTALL: &str = "Install it, or change `command` in plugin.toml.";

pub(super) fn build(job: &Job) -> Result<PathBuf, Problem> {
    let dir = job.project.dir();
    let recipe = Recipe::read(dir)?;
    let made = dir.join(&recipe.component);
    let mut command = Command::new(&recipe.program);
    command.args(&recipe.args).current_dir(dir).env(WIT_VARIABLE, &job.wit);
    let failed = format!("`{}` failed: see above.", recipe.program);
    tool::run(&mut command, job.quiet, INSTALL, &failed)?;
    let bytes = fs::read(&made).map_err(|error| {
        Problem::new(format!(
            "`{}` ended well, but {} can't be read ({error}): let the command write it, or name in plugin.toml what it \
             writes, as `component` under [build].",
            recipe.program,
            made.display()
        ))
    })?;
    if !Parser::is_core_wasm(&bytes) {
        return Ok(made);
    }
    let component = job.scratch.join("from-module.wasm");
    fs::write(&component, c::componentize(&bytes)?)
        .map_err(|error| Problem::with_file(&component, &error))?;
    Ok(component)
}
