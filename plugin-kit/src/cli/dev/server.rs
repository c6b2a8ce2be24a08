//! The real server as a process, with settings for one author on one machine.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use arete_conformance::{Arete, LogLine, ProviderDetail, ProviderState};
use arete_plugin_kit::Project;
use arete_vars::Vars;

use crate::cli::{build, complain};

/// The longest time that the server may take to look at a new version and compile it.
const LOADING_MAX: Duration = Duration::from_secs(120);
/// The time between two looks at how a new version is.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// The part of the log that an author sees: what the plugin logs, and what goes wrong.
const LOGS: &str = "warn,plugin=trace";
/// The compiled code that is kept for the next start, in bytes: that of the largest plugin, and not of
/// each version that was saved.
const CODE_BYTES: &str = "67108864";
/// The line that tells where the server listens, whatever else is logged.
const LISTENING: &str = "arete[{address}]=info";
/// The port that the server takes where the setting PORT isn't set.
const PORT: &str = "3000";

/// Settings of a server, each of which wins over the environment and over `.env`.
pub(super) type Settings = Vec<(String, String)>;

/// The server's settings that make it this project's: its own folders, no door for others, and
/// every request answered anew. All others are the author's.
pub(super) fn settings(
    vars: &Vars,
    project: &Project,
    plugins: &Path,
    port: Option<u16>,
) -> Settings {
    let data = build::out(project).join("server");
    let port = port.map(|port| port.to_string());
    let port = port.as_deref().or(vars.get("PORT")).unwrap_or(PORT);
    let filter = vars.get("RUST_LOG").unwrap_or(LOGS);
    let own = [
        ("HOST", "127.0.0.1"),
        ("PORT", port),
        ("ARETE_API_KEYS", ""),
        ("DATA_DIR", &data.to_string_lossy()),
        ("LLM_PLUGIN_DIR", &plugins.to_string_lossy()),
        ("LLM_PLUGIN_WATCH", "true"),
        ("LLM_DEFAULT_PROVIDER", project.name()),
        ("LLM_CACHE_ENABLED", "false"),
        ("LLM_CODE_CACHE_MAX_BYTES", CODE_BYTES),
        ("SHUTDOWN_GRACE", "1s"),
        ("RUST_LOG", &format!("{filter},{LISTENING}")),
    ];
    own.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// The author's words for what the server knows by other names.
#[derive(Clone)]
pub(super) struct Told {
    /// The plugin folder of the server.
    pub(super) folder: String,
    /// The name that the provider's file has there.
    pub(super) file: String,
    /// The reason why the plugin may not reach an origin, as far as the stand-in is one.
    pub(super) explanation: Option<String>,
}

impl Told {
    /// Returns what the server says, with the file of the project in it.
    fn translated(&self, said: &str) -> String {
        said.replace(&self.folder, "").replace(&self.file, super::PROVIDER)
    }
}

/// A running server.
pub(super) struct Server(arete_conformance::Server);

impl Server {
    /// Starts; what lies in the plugin folder is loaded then, or refused. Its log is shown in the
    /// form that the author has set.
    pub(super) async fn start(
        arete: &Arete,
        settings: &Settings,
        vars: &Vars,
        env_dir: Option<&Path>,
        told: Told,
    ) -> anyhow::Result<Self> {
        let as_written =
            vars.get("LOG_FORMAT").is_some_and(|form| form.eq_ignore_ascii_case("json"));
        let mut command = arete.command();
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        if let Some(dir) = env_dir {
            command.current_dir(dir);
        }
        let started = arete_conformance::Server::start(command, move |line| {
            // It is told beside the way to ask; why a server didn't start is told by the error.
            if line.is_event() && line.field("message") != Some("Listening") {
                let says = if as_written { line.raw().to_owned() } else { shown(line) };
                complain(&told.translated(&says));
                if let Some(explanation) = told.explanation.as_ref().filter(|_| is_denial(&says)) {
                    complain(explanation);
                }
            }
        });
        started.await.map(Self).map_err(explained)
    }

    /// Returns the address at which it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Waits until it has ended.
    pub(super) async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        self.0.ended().await
    }

    /// Returns whether it has ended.
    pub(super) fn is_gone(&self) -> bool {
        self.0.is_gone()
    }

    /// Returns the provider of this name as it is now.
    pub(super) async fn provider(&self, name: &str) -> anyhow::Result<Option<ProviderDetail>> {
        self.0.provider(name).await
    }

    /// Waits until the server has taken or refused the version that was put into its folder, and
    /// returns the reason why it was refused.
    pub(super) async fn outcome(
        &self,
        name: &str,
        digest: &str,
        before: Option<&ProviderDetail>,
    ) -> anyhow::Result<Result<(), Refusal>> {
        let began = Instant::now();
        while began.elapsed() < LOADING_MAX {
            let now = match self.provider(name).await {
                Err(_) if self.0.is_gone() => return Ok(Err(Refusal::new("the server has ended"))),
                now => now?,
            };
            let settled = now.filter(|now| Some(now) != before);
            if let Some(settled) = settled.and_then(|now| settled_as(now, digest)) {
                return Ok(settled);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(Err(Refusal::new(format!("the server didn't look at it within {LOADING_MAX:?}"))))
    }

    /// Ends it, and what it is still asked after a moment.
    pub(super) async fn stop(self) {
        self.0.stop().await;
    }
}

/// The reason why the server doesn't take a component, in its words.
#[derive(Debug)]
pub(super) struct Refusal(String);

impl Refusal {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// Returns it in the author's words.
    pub(super) fn told(&self, told: &Told) -> Self {
        Self(told.translated(&self.0))
    }

    /// Returns true if it names a line of the provider's file.
    pub(super) fn names_line(&self) -> bool {
        self.0.contains("line ")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.trim_end_matches('.'))
    }
}

/// Returns how a provider's newest version is: answering, or refused for a reason. Nothing while it
/// is being loaded, or if it is another version that answers.
fn settled_as(provider: ProviderDetail, digest: &str) -> Option<Result<(), Refusal>> {
    match provider.state {
        ProviderState::Ready | ProviderState::Unconfigured => {
            (provider.sha256.as_deref() == Some(digest)).then_some(Ok(()))
        }
        ProviderState::Stale | ProviderState::Failed => {
            let reason = provider.last_error.unwrap_or_else(|| "the server doesn't say why".into());
            Some(Err(Refusal::new(reason)))
        }
        ProviderState::Loading => None,
    }
}

/// Returns a line of the log with the time of day.
fn shown(line: &LogLine) -> String {
    let time = line.field("timestamp").and_then(|time| time.get(11..19)).unwrap_or_default();
    format!("{time} {}", line.shown())
}

/// Returns true for the line about an origin that isn't granted.
fn is_denial(line: &str) -> bool {
    line.contains("[[outbound]]")
}

/// Adds what the author can do to the reason why the server didn't start.
fn explained(error: anyhow::Error) -> anyhow::Error {
    match error.to_string() {
        said if said.contains("can't be listened at") => {
            anyhow!("{said}\nChoose another port with --port, or 0 for a free one.")
        }
        _ => error,
    }
}
