//! `arete plugin dev`: an author's loop. Save a file, and the plugin is built, admitted and
//! answers; mistakes are told, and the last good version goes on.
//!
//! The server is the real one, on a folder of plugins of its own, so what works here works there.

mod child;
mod outcome;
mod plugin_dir;
mod server;
mod session;
mod sources;
mod stand_in;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use arete_conformance::NotStarted;
use arete_plugin_kit::Project;
use arete_vars::Vars;
use clap::Args;

use self::session::Session;
use self::sources::Sources;
use super::{EX_USAGE, complain, say, signal};

/// The file in a project with the operator's decisions.
const PROVIDER: &str = "provider.toml";

/// The file with the author's keys.
const DOTENV: &str = ".env";

/// Arguments of `arete plugin dev`.
#[derive(Debug, Args)]
pub(super) struct DevArgs {
    /// The project's folder.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Starts no server, but puts the component into the plugin folder of one that runs.
    #[arg(long, value_name = "DIR", conflicts_with = "port")]
    into: Option<PathBuf>,
    /// The port to serve at, on this machine only; 0 takes a free one [default: the setting PORT,
    /// which is 3000].
    #[arg(long)]
    port: Option<u16>,
    /// The folder for toolchains, which projects may share [default: target in the project].
    #[arg(long, value_name = "DIR")]
    tools: Option<PathBuf>,
}

/// Runs until a signal to stop.
pub(super) async fn run(args: DevArgs) -> anyhow::Result<ExitCode> {
    let project = match Project::open(&args.dir) {
        Ok(project) => project,
        Err(problem) => return Ok(complain(&problem)),
    };
    let root = project.dir().to_owned();
    let sources = Sources::watch(&root, project.ignored())
        .with_context(|| format!("{} can't be watched", root.display()))?;
    let mut session = match vars(&root) {
        Ok(vars) => Session::begin(&args, project, vars).await?,
        Err(problem) => {
            complain(&problem);
            return Ok(ExitCode::from(EX_USAGE));
        }
    };
    say(&format!(
        "Building {}, and again whenever a file of it is saved. Ctrl-C ends it.",
        root.display()
    ));
    let failed = tokio::select! {
        () = signal::stop() => None,
        Err(error) = session.work(sources) => Some(error),
    };
    session.end().await;
    let Some(error) = failed else { return Ok(ExitCode::SUCCESS) };
    // Wrong settings, as the server tells them.
    let code = error.downcast_ref::<NotStarted>().and_then(|error| error.status?.code());
    if code == Some(EX_USAGE.into()) {
        complain(&error);
        return Ok(ExitCode::from(EX_USAGE));
    }
    Err(error)
}

/// The author's settings: those of the process, and of the project's `.env`. Without one there, that
/// of the working directory is taken.
fn vars(project: &Path) -> Result<Vars, arete_vars::Unreadable> {
    let own = project.join(DOTENV);
    if own.is_file() { Vars::load_from(own) } else { Vars::load() }
}
