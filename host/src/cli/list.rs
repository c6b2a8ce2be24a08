//! `arete plugin list`: the providers as the server would load them.

use std::process::ExitCode;

use super::terminal::say;
use crate::config::PluginConfig;
use crate::plugin::{Loader, SlotState};
use crate::turns::Turns;

/// Lists the providers.
pub(super) async fn run(config: &PluginConfig) -> anyhow::Result<ExitCode> {
    let mut config = config.clone();
    if config.code_dir.parent().is_none_or(|data_dir| !data_dir.is_dir()) {
        // Who lists doesn't want a folder made.
        config.code_cache_bytes = 0;
    }
    let mut loader = Loader::start(&config, Turns::of_this_machine()).await?;
    loader.settle().await;
    let all = loader.providers().all();
    let width = all.keys().map(String::len).max().unwrap_or_default().max("PROVIDER".len());
    say(&format!(
        "{:<width$}  {:<12}  {:<16}  {:<12}  MAY REACH",
        "PROVIDER", "STATE", "VENDOR", "SHA256"
    ));
    let mut failed = false;
    for (id, slot) in all.iter() {
        match &slot.state {
            SlotState::Ready(provider) | SlotState::Stale(provider, _) => {
                let state =
                    if provider.definition.missing.is_none() { "ready" } else { "unconfigured" };
                let vendor = format!("{} {}", provider.info.vendor, provider.info.version);
                let digest: String = provider.digest.to_string().chars().take(12).collect();
                let grants = &provider.definition.grants;
                let origins: Vec<String> =
                    grants.iter().map(|grant| grant.origin.ascii_serialization()).collect();
                say(&format!(
                    "{id:<width$}  {state:<12}  {vendor:<16}  {digest}  {}",
                    origins.join(", ")
                ));
                if let Some(missing) = &provider.definition.missing {
                    say(&format!("{:<width$}  {missing}", ""));
                }
            }
            SlotState::Failed(reason) => {
                failed = true;
                say(&format!("{id:<width$}  {:<12}  {reason}", "failed"));
            }
            // None is left in this state: all have settled.
            SlotState::Loading => {}
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
