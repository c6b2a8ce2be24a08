//! `arete plugin build`: from a project to its component.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use arete_plugin_kit::{Options, Problem, Project};
use clap::Args;

use super::{complain, read, say, sha256};

/// The folder of a project that is made from its sources.
const OUT: &str = "build";
/// The folder of a project for toolchains.
const TOOLS: &str = "target";

/// Arguments of `arete plugin build`.
#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    /// The project's folder.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The folder for the component [default: build in the project].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The folder for toolchains, which projects may share [default: target in the project].
    #[arg(long, value_name = "DIR")]
    tools: Option<PathBuf>,
    /// Builds for `arete plugin dev`.
    #[arg(long, hide = true)]
    for_dev: bool,
}

/// Returns the folder for a project's component.
pub(super) fn out(project: &Project) -> PathBuf {
    project.dir().join(OUT)
}

/// Builds, and prints what came of it.
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
    let built =
        if args.for_dev { project.build_for_dev(&options) } else { project.build(&options) };
    Ok(built?.component)
}

fn describe(component: &Path) -> anyhow::Result<String> {
    let bytes = read(component)?;
    let (size, digest) = (bytes.len(), sha256(&bytes));
    Ok(format!("{}\n  size        {size} bytes\n  sha256      {digest}", component.display()))
}
