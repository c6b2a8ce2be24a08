//! A server under measurement: a process of its own on cores of its own and a port of its own.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::machine::Cores;
use crate::process::Process;

/// The longest start of a server: compiling a large component takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// The credential that servers attach. The vendor takes any.
pub(crate) const KEY: &str = "sk-of-the-benchmark";

/// The settings that servers are started with.
pub(crate) struct Stage {
    /// Arete's binary.
    pub(crate) arete: PathBuf,
    pub(crate) cores: Cores,
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
    pub(crate) address: String,
    pub(crate) started: Instant,
}

impl Stage {
    /// Arete with its default settings but for the port, the vendor, lines of the log that a
    /// program can read, and these. Its `.env` and data are in `folder`.
    pub(crate) async fn arete(
        &self,
        folder: &Path,
        vendor: &str,
        settings: &[(&str, &str)],
    ) -> Result<Server> {
        let log = folder.join("arete.log");
        let mut command = Command::new(&self.arete);
        command.env_clear().env("PORT", "0").env("LOG_FORMAT", "json");
        command
            .env("ANTHROPIC_BASE_URL", vendor)
            .env("ANTHROPIC_API_KEY", KEY)
            .envs(settings.iter().copied());
        command.current_dir(folder).stderr(empty(&log)?);
        self.start(command, log, |line| {
            let line: Value = serde_json::from_str(line).ok()?;
            Some(line["address"].as_str()?.to_owned())
        })
        .await
    }

    /// The reference: this program in its other role.
    pub(crate) async fn native(&self, folder: &Path, vendor: &str) -> Result<Server> {
        let log = folder.join("native.log");
        let mut command = Command::new(std::env::current_exe()?);
        command.env_clear().args(["--native", vendor]).stdout(empty(&log)?);
        self.start(command, log, |line| Some(line.to_owned())).await
    }

    async fn start(
        &self,
        mut command: Command,
        log: PathBuf,
        address: impl Fn(&str) -> Option<String>,
    ) -> Result<Server> {
        // As many as it takes by itself on the cores it is pinned to; where nothing can be pinned,
        // as many all the same.
        command
            .env("TOKIO_WORKER_THREADS", self.cores.of_servers().to_string())
            .stdin(Stdio::null());
        let started = Instant::now();
        let child = self
            .cores
            .start(&mut command)
            .with_context(|| format!("{command:?} can't be started"))?;
        let mut server = Server { child, log, address: String::new(), started };
        while started.elapsed() < PATIENCE {
            let said = fs::read_to_string(&server.log)?;
            // A line counts once its end is written.
            if let Some(address) =
                said.rsplit_once('\n').and_then(|(lines, _)| lines.lines().find_map(&address))
            {
                server.address = address;
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                bail!("{command:?} ended ({status}):\n{said}");
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bail!("{command:?} doesn't listen after {PATIENCE:?}")
    }
}

impl Server {
    pub(crate) fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// Empties its log, which gets a line for each request.
    pub(crate) fn forget_log(&self) -> Result<()> {
        Ok(File::options().write(true).open(&self.log)?.set_len(0)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error: that it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file that is appended to, so that it can be emptied while a server writes into it.
fn empty(path: &Path) -> Result<File> {
    File::create(path)?;
    Ok(OpenOptions::new().append(true).open(path)?)
}
