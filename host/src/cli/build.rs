//! `arete plugin build`: from a project to its component.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use arete_author::{Options, Problem, Project};
use clap::Args;

use super::{complain, say};
use crate::digest::Sha256Digest;

/// The folder of a project that is made from its sources.
const OUT: &str = "build";
/// The folder of a project for toolchains.
const TOOLS: &str = "target";

/// What `arete plugin build` is told.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The project's folder.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The folder for the component [default: build in the project].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The folder for toolchains, which projects may share [default: target in the project].
    #[arg(long, value_name = "DIR")]
    tools: Option<PathBuf>,
}

/// Where a project's component goes.
pub(super) fn out(project: &Project) -> PathBuf {
    project.dir().join(OUT)
}

/// Builds, and says what came of it.
pub(super) async fn run(args: BuildArgs) -> anyhow::Result<ExitCode> {
    // Compilers are waited for.
    let built = tokio::task::spawn_blocking(move || build(&args)).await?;
    Ok(match built {
        Ok(component) => {
            say(&describe(&component)?);
            ExitCode::SUCCESS
        }
        Err(problem) => complain(&problem),
    })
}

fn build(args: &BuildArgs) -> Result<PathBuf, Problem> {
    let project = Project::open(&args.dir)?;
    let tools = args.tools.clone().unwrap_or_else(|| project.dir().join(TOOLS));
    // The tools run in the project's folder, not in this one.
    let tools = std::path::absolute(&tools).unwrap_or(tools);
    let options = Options {
        wit: None,
        out: args.out.clone().unwrap_or_else(|| out(&project)),
        tools,
        quiet: false,
    };
    Ok(project.build(&options)?.component)
}

fn describe(component: &Path) -> anyhow::Result<String> {
    let bytes =
        fs::read(component).with_context(|| format!("{} can't be read", component.display()))?;
    let (size, digest) = (bytes.len(), Sha256Digest::of(&bytes));
    Ok(format!("{}\n  size        {size} bytes\n  sha256      {digest}", component.display()))
}
