//! `arete plugin dev`: an author's loop. Save a file, and the plugin is built, admitted and
//! answers; mistakes are told, and the last good version goes on.
//!
//! The server is the real one, on a folder of plugins of its own, so what works here works there.

mod child;
mod server;
mod sources;
mod stand_in;

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use arete_conformance::{Arete, NotStarted};
use arete_plugin_kit::Project;
use arete_vars::Vars;
use clap::Args;
use tempfile::TempDir;

use self::child::Build;
use self::server::{Refusal, Server, Settings};
use self::sources::Sources;
use self::stand_in::StandIn;
use super::{EX_USAGE, build, complain, read, say, sha256, signal};

/// The file in a project with the operator's decisions.
const PROVIDER: &str = "provider.toml";

/// The words of `arete plugin check` before the reason why a component is refused.
const REFUSED: &str = "The server would not take it: ";

/// The bundled provider that needs a key.
const BUNDLED: &str = "claude";

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
    let mut session = match Vars::load() {
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

struct Session {
    project: Project,
    tools: Option<PathBuf>,
    arete: Arete,
    /// The author's settings.
    vars: Vars,
    /// Settings of the server beside the author's.
    settings: Settings,
    into: Option<PathBuf>,
    /// The plugin folder of the server that is started here; where another one runs, only a place
    /// for a copy.
    folder: TempDir,
    server: Option<Server>,
    /// Plays the vendor while there is no key.
    _stand_in: Option<StandIn>,
    /// The newest version that answers: the component's SHA-256, and the provider's file.
    published: Option<(String, Option<String>)>,
    told_how: bool,
}

impl Session {
    async fn begin(args: &DevArgs, project: Project, vars: Vars) -> anyhow::Result<Self> {
        let folder = TempDir::new().context("a folder for the plugin can't be made")?;
        let mut settings = Settings::new();
        let mut stand_in = None;
        match &args.into {
            Some(into) if !into.is_dir() => bail!("{} is no folder", into.display()),
            Some(_) => {}
            None => {
                stand_in = StandIn::start(project.dir(), &vars).await?;
                if let Some(stand_in) = &stand_in {
                    settings = stand_in.settings();
                    say(&stand_in.notice());
                }
                if project.name() != BUNDLED {
                    // It isn't asked here, and without a key it would only say so.
                    replace(folder.path(), &format!("{BUNDLED}.toml"), b"enabled = false\n")?;
                }
                settings.extend(server::settings(&vars, &project, folder.path(), args.port));
            }
        }
        Ok(Self {
            project,
            tools: args.tools.clone(),
            arete: Arete::find(),
            vars,
            settings,
            into: args.into.clone(),
            folder,
            server: None,
            _stand_in: stand_in,
            published: None,
            told_how: false,
        })
    }

    /// Builds, and again at each change. A change in the middle ends what is under way: the newest
    /// wins.
    async fn work(&mut self, mut sources: Sources) -> anyhow::Result<Infallible> {
        loop {
            tokio::select! {
                done = self.round() => {
                    say(&done?);
                    tokio::select! {
                        () = sources.changed() => {}
                        status = ended(&mut self.server) => {
                            self.server = None;
                            self.published = None;
                            say(&format!("The server has ended ({}). Save a file to start it again.", status?));
                            sources.changed().await;
                        }
                    }
                }
                () = sources.changed() => say("Saved again meanwhile; beginning anew."),
            }
        }
    }

    /// Goes from the sources to the server, and returns the outcome in a line.
    async fn round(&mut self) -> anyhow::Result<String> {
        let began = Instant::now();
        let goes_on =
            if self.published.is_some() { " The last good version goes on answering." } else { "" };
        let built = Build::start(self.project.dir(), self.tools.as_deref())?.ended().await?;
        let took = seconds(began.elapsed());
        if !built {
            return Ok(format!("Not built ({took}): see above.{goes_on}"));
        }
        let name = self.project.name();
        let component = build::out(&self.project).join(format!("{name}.wasm"));
        let provider = self.project.dir().join(PROVIDER);
        let (bytes, provider) = tokio::task::spawn_blocking(move || {
            anyhow::Ok((read(&component)?, fs::read_to_string(provider).ok()))
        })
        .await??;
        let digest = sha256(&bytes);
        if self
            .published
            .as_ref()
            .is_some_and(|(known, file)| *known == digest && *file == provider)
        {
            return Ok(format!("Built in {took}; it is the same component as before."));
        }
        let short: String = digest.chars().take(12).collect();
        let what = format!("{} KiB, sha256 {short}", bytes.len().div_ceil(1024));
        let began = Instant::now();
        let outcome = self.publish(bytes, &digest, provider.clone()).await?;
        Ok(match outcome {
            Ok(how) => {
                self.published = Some((digest, provider));
                let first = if self.told_how { String::new() } else { self.how_to_ask() };
                self.told_how = true;
                format!("Built in {took}, {how} in {}: {what}.{first}", seconds(began.elapsed()))
            }
            Err(refusal) => format!("Built in {took}, but refused: {refusal}.{goes_on}"),
        })
    }

    /// Hands the component to the server, and returns what became of it, or the reason why it was
    /// refused.
    async fn publish(
        &mut self,
        bytes: Vec<u8>,
        digest: &str,
        provider: Option<String>,
    ) -> anyhow::Result<Result<String, Refusal>> {
        let name = self.project.name().to_owned();
        // It may have ended while the plugin was built.
        self.server.take_if(|server| server.is_gone());
        let before = match &self.server {
            Some(server) => server.provider(&name).await?,
            None => None,
        };
        let copy = (self.folder.path().to_owned(), name.clone(), bytes.clone(), provider.clone());
        let place =
            tokio::task::spawn_blocking(move || put(&copy.0, &copy.1, &copy.2, copy.3.as_deref()))
                .await??;

        let Some(into) = self.into.clone() else {
            let server = match &mut self.server {
                Some(server) => server,
                none => none.insert(Server::start(&self.arete, &self.settings, &self.vars).await?),
            };
            let loaded = server.outcome(&name, digest, before.as_ref()).await?;
            return Ok(loaded.map(|()| "loaded".to_owned()));
        };
        let file = self.folder.path().join(format!("{name}.toml"));
        if let Err(reason) = self.check(&place, provider.is_some().then_some(file)).await? {
            return Ok(Err(reason));
        }
        // What the operator has written is the operator's.
        let provider = provider.filter(|_| !into.join(format!("{name}.toml")).exists());
        let to = into.clone();
        tokio::task::spawn_blocking(move || put(&to, &name, &bytes, provider.as_deref())).await??;
        Ok(Ok(format!("put into {}", into.display())))
    }

    /// Has the server's own admission look at a component, and returns the reason why it is
    /// refused.
    async fn check(
        &self,
        component: &Path,
        provider: Option<PathBuf>,
    ) -> anyhow::Result<Result<(), Refusal>> {
        let mut check = self.arete.command();
        check.args(["plugin", "check"]).arg(component);
        if let Some(provider) = provider {
            check.arg("--provider").arg(provider);
        }
        let checked = tokio::task::spawn_blocking(move || check.output()).await?;
        let output = checked.context("`arete plugin check` can't be run")?;
        if output.status.success() {
            return Ok(Ok(()));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        match text.split_once(REFUSED) {
            Some((_, reason)) => Ok(Err(Refusal::new(reason.trim_end()))),
            None => bail!("{}{text}", String::from_utf8_lossy(&output.stderr)),
        }
    }

    /// Returns a line to try it with.
    fn how_to_ask(&self) -> String {
        let Some(server) = &self.server else { return String::new() };
        let question = r#"{"messages":[{"role":"user","content":"Hello!"}]}"#;
        let address = server.address();
        format!(
            "\nServing at http://{address}. Ask it:\n\n    curl http://{address}/api/llm/chat -H 'content-type: \
             application/json' -d '{question}'\n"
        )
    }

    async fn end(self) {
        if let Some(server) = self.server {
            server.stop().await;
        }
    }
}

/// Waits until the server has ended by itself; for ever if there is none.
async fn ended(server: &mut Option<Server>) -> anyhow::Result<ExitStatus> {
    match server {
        Some(server) => server.ended().await,
        None => std::future::pending().await,
    }
}

/// Puts a component and its provider's file into a plugin folder, each in one step, so that a
/// server that watches it never sees half of one. Returns the component's place.
fn put(
    folder: &Path,
    name: &str,
    component: &[u8],
    provider: Option<&str>,
) -> anyhow::Result<PathBuf> {
    let own = format!("{name}.wasm");
    let named = provider.and_then(component_of).unwrap_or_else(|| own.clone());
    let place = replace(folder, &named, component)?;
    if let Some(provider) = provider {
        replace(folder, &format!("{name}.toml"), provider.as_bytes())?;
    }
    Ok(place)
}

/// Returns the component that a provider's file names. A file that can't be read is the server's to
/// refuse.
fn component_of(provider: &str) -> Option<String> {
    let table: toml::Table = provider.parse().ok()?;
    let named = table.get("component")?.as_str()?;
    (!named.contains(['/', '\\', ':'])).then(|| named.to_owned())
}

fn replace(folder: &Path, name: &str, content: &[u8]) -> anyhow::Result<PathBuf> {
    let (place, beside) = (folder.join(name), folder.join(format!(".{name}.new")));
    let written = fs::write(&beside, content).and_then(|()| fs::rename(&beside, &place));
    written.with_context(|| format!("{} can't be written", place.display()))?;
    Ok(place)
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_goes_where_its_providers_file_looks_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let put = |provider| put(folder.path(), "hello", b"wasm", provider).unwrap();
        assert_eq!(put(None), folder.path().join("hello.wasm"));
        assert_eq!(put(Some("component = \"other.wasm\"")), folder.path().join("other.wasm"));
        for strange in ["component = \"../x.wasm\"", "component = \"bundled:echo\"", "not TOML"] {
            assert_eq!(put(Some(strange)), folder.path().join("hello.wasm"), "{strange}");
            assert_eq!(fs::read_to_string(folder.path().join("hello.toml")).unwrap(), strange);
        }
        let names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 3, "{names:?}");
    }
}
