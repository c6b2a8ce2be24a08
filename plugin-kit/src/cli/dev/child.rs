//! A build under way, as a process: compilers can't be told to stop, but they can be ended.

use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::Context;
use tokio::task::JoinHandle;

/// `arete plugin build` in a process of its own. Dropping it ends the process and all that it
/// started.
pub(super) struct Build {
    #[cfg_attr(not(unix), allow(dead_code, reason = "elsewhere a build runs to its end"))]
    pid: u32,
    /// Waits for it in a thread. Nothing once it has ended.
    waiting: Option<JoinHandle<io::Result<ExitStatus>>>,
}

impl Build {
    /// Begins. The words of compilers go to standard error as it is.
    pub(super) fn start(dir: &Path, tools: Option<&Path>, for_dev: bool) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("this program's own file isn't known")?;
        let mut command = Command::new(program);
        command.arg("build").arg(dir).stdin(Stdio::null()).stdout(Stdio::null());
        if let Some(tools) = tools {
            command.arg("--tools").arg(tools);
        }
        if for_dev {
            command.arg("--for-dev");
        }
        // A group of its own, so that the compilers can be ended with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().context("a build can't be started")?;
        let pid = child.id();
        Ok(Self { pid, waiting: Some(tokio::task::spawn_blocking(move || child.wait())) })
    }

    /// Waits for its end, and returns whether it went well.
    pub(super) async fn ended(mut self) -> anyhow::Result<bool> {
        let Some(waiting) = self.waiting.as_mut() else { return Ok(false) };
        let status = waiting.await;
        self.waiting = None;
        Ok(status?.context("a build can't be waited for")?.success())
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        // One that has ended by itself is no longer ours: its number may be another's.
        if self.waiting.as_ref().is_none_or(JoinHandle::is_finished) {
            return;
        }
        #[cfg(unix)]
        if let Some(group) = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw) {
            // Fails only if it ends at this very moment.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}
