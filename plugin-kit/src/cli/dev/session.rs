//! The rounds of an author's loop: build, hand over to the server, tell.

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use arete_conformance::Arete;
use arete_plugin_kit::{DEV_SETTING, Project};
use arete_vars::Vars;
use tempfile::TempDir;

use super::child::Build;
use super::outcome::{Outcome, lacks_module};
use super::plugin_dir::{put, replace};
use super::server::{self, Refusal, Server, Settings, Told};
use super::sources::Sources;
use super::stand_in::StandIn;
use super::{DOTENV, DevArgs, PROVIDER};
use crate::cli::{build, read, say, sha256};

/// The words of `arete plugin check` before the reason why a component is refused.
const REFUSED: &str = "The server would not take it: ";

/// The bundled provider that needs a key.
const BUNDLED: &str = "claude";

/// An author at work on one project.
pub(super) struct Session {
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
    stand_in: Option<StandIn>,
    /// The newest version that answers.
    published: Option<Version>,
    told_how: bool,
}

/// A version of the plugin as the server is given it.
#[derive(Clone, PartialEq)]
struct Version {
    component: Vec<u8>,
    digest: String,
    /// The provider's file in the project.
    provider: Option<String>,
    /// The changes that the component is told, because it was made before them.
    changes: Option<String>,
}

impl Session {
    /// Reads what there is, and starts the stand-in if need be.
    pub(super) async fn begin(
        args: &DevArgs,
        project: Project,
        vars: Vars,
    ) -> anyhow::Result<Self> {
        let folder = TempDir::new().context("a folder for the plugin can't be made")?;
        let mut settings = Settings::new();
        let mut stand_in = None;
        match &args.into {
            Some(into) if !into.is_dir() => bail!("{} is no folder", into.display()),
            Some(_) => {}
            None => {
                stand_in = StandIn::start(project.dir(), &vars).await?;
                if let Some(stand_in) = &stand_in {
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
            stand_in,
            published: None,
            told_how: false,
        })
    }

    /// Builds, and again at each change. A change in the middle ends what is under way: the newest
    /// wins.
    pub(super) async fn work(&mut self, mut sources: Sources) -> anyhow::Result<Infallible> {
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
        say("Building …");
        match self.attempt().await? {
            // What the component doesn't have can only be built in.
            Outcome::Refused { reason, changed: true, .. } if lacks_module(&reason) => {
                say(&format!("{reason}. Building it anew …"));
                self.project.forget_changes().map_err(|problem| anyhow!(problem.to_string()))?;
                Ok(self.attempt().await?.line())
            }
            outcome => Ok(outcome.line()),
        }
    }

    async fn attempt(&mut self) -> anyhow::Result<Outcome> {
        let began = Instant::now();
        let goes_on = self.published.is_some();
        // A server that runs elsewhere gets the component that is published later.
        let for_dev = self.into.is_none();
        let build = Build::start(self.project.dir(), self.tools.as_deref(), for_dev)?;
        let built = build.ended().await?;
        let took = began.elapsed();
        if !built {
            return Ok(Outcome::NotBuilt { took, goes_on });
        }
        let version = self.version(for_dev).await?;
        if self.published.as_ref() == Some(&version) {
            return Ok(Outcome::Same { took });
        }
        let short: String = version.digest.chars().take(12).collect();
        let what = format!("{} KiB, sha256 {short}", version.component.len().div_ceil(1024));
        let changed = version.changes.is_some();
        let began = Instant::now();
        Ok(match self.publish(&version).await? {
            Ok(how) => {
                self.published = Some(version);
                let first = if self.told_how { String::new() } else { self.how_to_ask() };
                self.told_how = true;
                Outcome::Published { took, how, within: began.elapsed(), what, first }
            }
            Err(refusal) => {
                let reason = refusal.to_string();
                Outcome::Refused { took, reason, changed, goes_on }
            }
        })
    }

    /// Reads what was built.
    async fn version(&self, for_dev: bool) -> anyhow::Result<Version> {
        let component = if for_dev {
            self.project.dev_component()
        } else {
            build::out(&self.project).join(format!("{}.wasm", self.project.name()))
        };
        let changes = if for_dev { self.project.saved_since() } else { Ok(None) };
        let changes = changes.map_err(|problem| anyhow!(problem.to_string()))?;
        let provider = self.project.dir().join(PROVIDER);
        let read = move || {
            let component = read(&component)?;
            let digest = sha256(&component);
            let provider = fs::read_to_string(provider).ok();
            anyhow::Ok(Version { component, digest, provider, changes })
        };
        tokio::task::spawn_blocking(read).await?
    }

    /// Hands a version to the server, and returns what became of it, or the reason why it was
    /// refused.
    async fn publish(&mut self, version: &Version) -> anyhow::Result<Result<String, Refusal>> {
        if self.into.is_some() {
            return self.put_into(version).await;
        }
        let served = self.served(version);
        let outcome = self.hand_over(version, served.clone()).await?;
        // A line of the file that is served isn't one of the author's.
        let names_line = outcome.as_ref().is_err_and(|reason| reason.names_line());
        if !names_line || served == version.provider {
            return Ok(outcome);
        }
        let own = self.hand_over(version, version.provider.clone()).await?;
        Ok(if own.is_err() { own } else { outcome })
    }

    /// Returns the provider's file as the server gets it: with the stand-in for the vendor, and with
    /// the changes that the component is told.
    fn served(&self, version: &Version) -> Option<String> {
        let provider = version.provider.clone();
        let played = match (&self.stand_in, &provider) {
            (Some(stand_in), Some(provider)) => stand_in.take_part(provider, &self.vars),
            _ => None,
        };
        let provider = played.or(provider);
        let Some(changes) = &version.changes else { return provider };
        let mut table: toml::Table = provider.as_deref().unwrap_or_default().parse().ok()?;
        let config = table.entry("config").or_insert_with(|| toml::Table::new().into());
        config.as_table_mut()?.insert(DEV_SETTING.to_owned(), changes.replace('$', "$$").into());
        toml::to_string(&table).ok()
    }

    /// Lets the server that runs here take a component with this provider's file.
    async fn hand_over(
        &mut self,
        version: &Version,
        provider: Option<String>,
    ) -> anyhow::Result<Result<String, Refusal>> {
        let name = self.project.name().to_owned();
        // It may have ended while the plugin was built.
        self.server.take_if(|server| server.is_gone());
        let before = match &self.server {
            Some(server) => server.provider(&name).await?,
            None => None,
        };
        let (folder, component) = (self.folder.path().to_owned(), version.component.clone());
        let copied = name.clone();
        tokio::task::spawn_blocking(move || put(&folder, &copied, &component, provider.as_deref()))
            .await??;
        if self.server.is_none() {
            let told = self.told();
            let start =
                Server::start(&self.arete, &self.settings, &self.vars, self.env_dir(), told);
            self.server = Some(start.await?);
        }
        let Some(server) = &mut self.server else { bail!("there is no server") };
        let loaded = server.outcome(&name, &version.digest, before.as_ref()).await?;
        let told = self.told();
        Ok(loaded.map(|()| "loaded".to_owned()).map_err(|refusal| refusal.told(&told)))
    }

    /// Puts a version into the folder of a server that runs elsewhere, if that one would take it.
    async fn put_into(&mut self, version: &Version) -> anyhow::Result<Result<String, Refusal>> {
        let Some(into) = self.into.clone() else { bail!("there is no folder") };
        let name = self.project.name().to_owned();
        let (folder, bytes) = (self.folder.path().to_owned(), version.component.clone());
        let provider = version.provider.clone();
        let copy = (name.clone(), bytes.clone(), provider.clone());
        let place =
            tokio::task::spawn_blocking(move || put(&folder, &copy.0, &copy.1, copy.2.as_deref()))
                .await??;
        let file = self.folder.path().join(format!("{name}.toml"));
        if let Err(refusal) = self.check(&place, provider.is_some().then_some(file)).await? {
            return Ok(Err(refusal.told(&self.told())));
        }
        // What the operator has written is the operator's.
        let provider = provider.filter(|_| !into.join(format!("{name}.toml")).exists());
        let to = into.clone();
        tokio::task::spawn_blocking(move || put(&to, &name, &bytes, provider.as_deref())).await??;
        Ok(Ok(format!("put into {}", into.display())))
    }

    /// Returns the words in which the author is told what the server says.
    fn told(&self) -> Told {
        let name = self.project.name();
        Told {
            folder: format!("{}/", self.folder.path().display()),
            file: format!("{name}.toml"),
            explanation: self.stand_in.as_ref().map(StandIn::explanation),
        }
    }

    /// Returns the folder whose `.env` is the author's.
    fn env_dir(&self) -> Option<&Path> {
        Some(self.project.dir()).filter(|dir| dir.join(DOTENV).is_file())
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

    /// Ends the server.
    pub(super) async fn end(self) {
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
