//! `arete plugin check`: the server's own admission, told in full.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use super::terminal::{EX_USAGE, say};
use crate::config::PluginConfig;
use crate::egress::Grant;
use crate::plugin::{Parts, Report, examine};

/// Checks a component.
pub(super) async fn run(
    config: &PluginConfig,
    file: &Path,
    provider: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    if !file.is_file() {
        say(&format!("{} is no file", file.display()));
        return Ok(ExitCode::from(EX_USAGE));
    }
    let report = examine(config, file, provider).await?;
    say(&render(file, &report));
    Ok(if report.outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn render(file: &Path, report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String doesn't fail.
    let _ = write_report(&mut text, file, report);
    text.trim_end().to_owned()
}

fn write_report(text: &mut String, file: &Path, report: &Report) -> std::fmt::Result {
    writeln!(text, "{}", file.display())?;
    if let Some((size, digest)) = &report.read {
        writeln!(text, "  size        {size} bytes")?;
        writeln!(text, "  sha256      {digest}")?;
    }
    if let Some(shape) = &report.shape {
        let contract = shape.contract.as_deref().unwrap_or("none");
        writeln!(text, "  contract    arete:provider {contract}")?;
        writeln!(text, "  exports     {}", shape.exports.join(", "))?;
        for (index, import) in shape.imports.iter().enumerate() {
            let label = if index == 0 { "imports" } else { "" };
            let given = if import.provided { "" } else { "   <- not given to any provider" };
            writeln!(text, "  {label:<11} {}{given}", import.name)?;
        }
        let (memories, tables) = (shape.memories, shape.tables);
        writeln!(
            text,
            "  memory      {}, the largest beginning with {} KiB; {}",
            memories.count,
            memories.largest >> 10,
            report.room
        )?;
        let Parts { count, largest } = tables;
        writeln!(text, "  tables      {count}, the largest beginning with {largest} elements")?;
        if let Some(took) = report.compiled_in {
            writeln!(text, "  compiled    in {} ms", took.as_millis())?;
        }
    }
    if let Ok(provider) = &report.outcome {
        let info = &provider.info;
        writeln!(text, "  describes   {} {}", info.vendor, info.version)?;
        let model = info.default_model.as_deref().unwrap_or("none");
        writeln!(text, "  models      {} (default {model})", info.models.join(", "))?;
        let grants = &provider.definition.grants;
        let origins: Vec<String> = grants.iter().map(reach).collect();
        writeln!(
            text,
            "  may reach   {}",
            if origins.is_empty() { "nobody".into() } else { origins.join(", ") }
        )?;
        if let Some(missing) = &provider.definition.missing {
            writeln!(text, "  note        {missing}")?;
        }
    }
    for advice in &report.advice {
        writeln!(text, "  note        {}", advice.replace('\n', "\n              "))?;
    }
    match &report.outcome {
        Ok(_) => writeln!(text, "The server would take it."),
        Err(reason) => writeln!(text, "The server would not take it: {reason:#}"),
    }
}

/// Returns an origin with the endpoints that are granted there, and the credential that is minted
/// or signs.
fn reach(grant: &Grant) -> String {
    let origin = grant.origin.ascii_serialization();
    let endpoints = Some(grant.endpoints.to_string()).filter(|endpoints| !endpoints.is_empty());
    let credential = grant.credential.as_ref().map(ToString::to_string);
    match endpoints.into_iter().chain(credential).collect::<Vec<_>>().join("; ") {
        all if all.is_empty() => origin,
        more => format!("{origin} ({more})"),
    }
}
