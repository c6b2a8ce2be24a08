//! A server under measurement: a process of its own on a port of its own, and what it costs.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// How long a server may take to start: debug builds compile components for seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// What Linux counts processors' time in, for programs: on every machine it runs on here.
const TICK: Duration = Duration::from_millis(10);

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    pub(crate) started: Instant,
}

impl Server {
    /// Arete with its default settings but for the port, the vendor, and lines that a program can read. Its own `.env`
    /// and data are in `folder`.
    pub(crate) async fn arete(binary: &Path, folder: &Path, vendor: &str, threads: usize) -> Result<Self> {
        Self::arete_with(binary, folder, vendor, threads, &[]).await
    }

    /// The same with other settings beside these.
    pub(crate) async fn arete_with(
        binary: &Path,
        folder: &Path,
        vendor: &str,
        threads: usize,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let mut command = Command::new(binary);
        command
            .env("PORT", "0")
            .env("LOG_FORMAT", "json")
            .env("ANTHROPIC_BASE_URL", vendor)
            .env("ANTHROPIC_API_KEY", "sk-of-the-benchmark")
            .envs(settings.iter().copied())
            .current_dir(folder);
        let log = folder.join("arete.log");
        Self::start(command.stderr(File::create(&log)?), &log, threads, |line| {
            let line: Value = serde_json::from_str(line).ok()?;
            Some(line["address"].as_str()?.to_owned())
        })
        .await
    }

    /// The reference: this program in its other role.
    pub(crate) async fn native(folder: &Path, vendor: &str, threads: usize) -> Result<Self> {
        let log = folder.join("native.log");
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--native", vendor]).stdout(File::create(&log)?);
        Self::start(&mut command, &log, threads, |line| Some(line.to_owned())).await
    }

    async fn start(
        command: &mut Command,
        log: &Path,
        threads: usize,
        address: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        command.env("TOKIO_WORKER_THREADS", threads.to_string()).stdin(Stdio::null());
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("{command:?} can't be started"))?;
        let mut server = Self { child, address: String::new(), started };
        while started.elapsed() < PATIENCE {
            let said = fs::read_to_string(log)?;
            // A line counts once its end is written.
            if let Some(address) = said.rsplit_once('\n').and_then(|(lines, _)| lines.lines().find_map(&address)) {
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

    /// The processors' time it has used so far, where the system tells.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // The second field, the name, may hold anything; the 14th and 15th are for programs and for the system.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let user: u32 = fields.next()?.parse().ok()?;
        let system: u32 = fields.next()?.parse().ok()?;
        Some(TICK * (user + system))
    }

    /// The memory it has, in bytes, where the system tells.
    pub(crate) fn resident(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error: that it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
