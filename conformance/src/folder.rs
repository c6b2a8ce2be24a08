//! The folder in which the server runs for the suite, and its settings there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

use super::BadInput;
use super::cassette::Cassette;
use super::executable::Arete;
use super::project::Project;

/// The server's problems, the lines of requests, by which places in the log are marked, and all
/// that the plugin says.
const LOGS: &str = "warn,arete=info,plugin=info";

/// A folder for the server alone: component, provider files, data. Removed when dropped.
pub(super) struct Folder {
    dir: TempDir,
    pub(super) id: String,
}

impl Folder {
    pub(super) fn make(
        component: &Path,
        project: &Project,
        vendor: &str,
        cassettes: &[Cassette],
    ) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir().context("making a temporary folder")?;
        let providers = dir.path().join("providers");
        fs::create_dir(&providers).context("making a folder for providers")?;
        let id = id(component);
        let name = format!("{id}.wasm");
        fs::copy(component, providers.join(&name))
            .map_err(|error| BadInput(format!("{} can't be read: {error}", component.display())))?;
        project.write(&providers.join(format!("{id}.toml")), &name, vendor, &BTreeMap::new())?;
        for cassette in cassettes.iter().filter(|cassette| !cassette.config.is_empty()) {
            let file = format!("{}.toml", Self::id_of(&id, cassette));
            project.write(&providers.join(file), &name, vendor, &cassette.config)?;
        }
        Ok(Self { dir, id })
    }

    /// Returns the component as the server sees it.
    fn component(&self) -> PathBuf {
        self.dir.path().join("providers").join(format!("{}.wasm", self.id))
    }

    /// Returns the provider that a cassette is played with: one of its own, if it has settings of
    /// its own.
    pub(super) fn id_of(id: &str, cassette: &Cassette) -> String {
        if cassette.config.is_empty() { id.to_owned() } else { format!("{id}.{}", cassette.name) }
    }

    /// Returns a command of the server: its defaults, but no retries and no cache, so that each
    /// question is one call. Nothing of the environment is in it.
    pub(super) fn command(&self, arete: &Arete) -> Command {
        let mut command = arete.command();
        command.current_dir(self.dir.path()).env_clear();
        // Where a coverage run wants its counts, and what Windows needs for sockets.
        let kept = ["LLVM_PROFILE_FILE", "SystemRoot"];
        command.envs(std::env::vars_os().filter(|(name, _)| kept.iter().any(|it| name == it)));
        command.envs([
            ("PORT", "0"),
            ("DATA_DIR", "data"),
            ("LLM_PLUGIN_DIR", "providers"),
            ("LLM_PLUGIN_WATCH", "false"),
            ("LLM_DEFAULT_PROVIDER", "echo"),
            ("LLM_MAX_RETRIES", "0"),
            ("LLM_CACHE_ENABLED", "false"),
            // A machine that is busy compiles slowly, and each check needs the component.
            ("LLM_START_WAIT", "2m"),
            ("LLM_COMPILE_TIMEOUT", "2m"),
            // A comment in a silent stream would pass for its first event.
            ("HTTP_HEARTBEAT", "1h"),
            ("RUST_LOG", LOGS),
        ]);
        command
    }

    /// Returns the time that the server takes to compile the component; nothing if it can't.
    pub(super) async fn compiled_in(&self, arete: &Arete) -> anyhow::Result<Option<Duration>> {
        let mut check = self.command(arete);
        check.args(["plugin", "check"]).arg(self.component());
        // One that is refused is told by the server itself.
        let checked = tokio::task::spawn_blocking(move || check.output()).await?;
        let output = checked.context("`arete plugin check` can't be run")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let compiled = text.lines().find_map(|line| line.trim_start().strip_prefix("compiled "));
        let milliseconds = compiled.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        Ok(milliseconds.map(Duration::from_millis))
    }
}

/// Returns the provider's name: the component's file name, as far as names may have its characters.
fn id(component: &Path) -> String {
    let stem =
        component.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
    let named = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
    let id: String = stem.chars().map(named).take(20).collect();
    if id.is_empty() { "plugin".to_owned() } else { id }
}
