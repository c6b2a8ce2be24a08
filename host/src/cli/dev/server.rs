//! The real server, in this process, with settings for one author on one machine.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use arete_author::Project;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;

use crate::api;
use crate::app::App;
use crate::cli::build;
use crate::config::{Config, Vars};
use crate::digest::Sha256Digest;
use crate::http::server;
use crate::plugin::{Change, Providers, Slot, SlotState};

/// How long the server may take to look at a new version and compile it.
const LOADING_MAX: Duration = Duration::from_secs(120);

/// A running server.
pub(super) struct Server {
    address: SocketAddr,
    providers: Providers,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

/// The author's settings, and over them what makes the server this project's: its own folders,
/// nobody else's door, and every question asked anew.
pub(super) fn settings(vars: Vars, project: &Project, plugins: &Path, port: u16) -> Vars {
    let data = build::out(project).join("server");
    let own = [
        ("HOST", "127.0.0.1"),
        ("PORT", &port.to_string()),
        ("ARETE_API_KEYS", ""),
        ("DATA_DIR", &data.to_string_lossy()),
        ("LLM_PLUGIN_DIR", &plugins.to_string_lossy()),
        ("LLM_PLUGIN_WATCH", "true"),
        ("LLM_DEFAULT_PROVIDER", project.name()),
        ("LLM_CACHE_ENABLED", "false"),
        ("SHUTDOWN_GRACE", "1s"),
    ];
    own.into_iter().fold(vars, |vars, (name, value)| vars.with(name, value))
}

impl Server {
    /// Starts; what lies in the plugin folder is loaded then, or refused.
    pub(super) async fn start(config: Config) -> anyhow::Result<Self> {
        let address = config.server.address;
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("{address} can't be listened at; choose another port with --port, or 0 for a free one")
        })?;
        let address = listener.local_addr()?;
        let app = App::build(&config).await?;
        let front = api::front(&app, &config.server);
        let (stop, stopped) = oneshot::channel();
        let providers = app.providers.clone();
        let serving = tokio::spawn(async move {
            // Also when the sender is gone.
            let stopped = async { drop(stopped.await) };
            server::run(listener, front, &config.server, &app.stop, stopped).await;
            app.chat.cache().close().await;
        });
        Ok(Self { address, providers, stop, serving })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What happens to its providers from now on.
    pub(super) fn changes(&self) -> broadcast::Receiver<Change> {
        self.providers.changes()
    }

    /// How a version is: answering, or refused for a reason. Nothing if the server has yet to look
    /// at it.
    pub(super) fn state(&self, name: &str, digest: Sha256Digest) -> Option<Result<(), String>> {
        settled(&*self.providers.get(name)?, digest)
    }

    /// Waits until the server has taken or refused the version that was put into its folder.
    pub(super) async fn outcome(
        &self,
        name: &str,
        digest: Sha256Digest,
        mut changes: broadcast::Receiver<Change>,
    ) -> Result<(), String> {
        let settled = async {
            loop {
                let slot = match changes.recv().await {
                    Ok(change) if change.id != name => continue,
                    Ok(change) => change.slot,
                    Err(broadcast::error::RecvError::Lagged(_)) => self.providers.get(name),
                    Err(broadcast::error::RecvError::Closed) => {
                        return Err("the server has ended".to_owned());
                    }
                };
                if let Some(settled) = slot.and_then(|slot| settled(&slot, digest)) {
                    return settled;
                }
            }
        };
        let late = || Err(format!("the server didn't look at it within {LOADING_MAX:?}"));
        tokio::time::timeout(LOADING_MAX, settled).await.unwrap_or_else(|_| late())
    }

    /// Ends it, and what it is still asked after a moment.
    pub(super) async fn stop(self) {
        // Fails if it has ended already.
        let _ = self.stop.send(());
        let _ = self.serving.await;
    }
}

fn settled(slot: &Slot, digest: Sha256Digest) -> Option<Result<(), String>> {
    match &slot.state {
        SlotState::Ready(provider) => (provider.digest == digest).then_some(Ok(())),
        SlotState::Stale(_, reason) | SlotState::Failed(reason) => Some(Err(reason.clone())),
        SlotState::Loading => None,
    }
}
