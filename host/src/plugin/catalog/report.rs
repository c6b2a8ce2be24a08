//! Admission for a person who asks: everything that is known of a component, whether or not it is
//! taken.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};

use super::file::{self, Parsed, Surroundings};
use super::provider_dir::{self, ProviderDir};
use crate::config::{Limit, PluginConfig};
use crate::digest::Sha256Digest;
use crate::egress::{self, Tls};
use crate::plugin::call::Provider;
use crate::plugin::definition::{Definition, Source};
use crate::plugin::load::{self, CodeCache, Compiler, ComponentShape};
use crate::plugin::runtime::Runtime;

/// The findings of an admission.
pub struct Report {
    /// The component's size and digest, if it could be read.
    pub read: Option<(usize, Sha256Digest)>,
    /// The component's shape, if it is one.
    pub shape: Option<ComponentShape>,
    /// The memory that it may have, in words.
    pub room: String,
    /// The time that compiling took.
    pub compiled_in: Option<Duration>,
    /// Notes for an operator.
    pub advice: Vec<String>,
    /// The provider, or why there is none.
    pub outcome: anyhow::Result<Arc<Provider>>,
}

/// Admits a component as the server would, under the name of its provider's file or, without one,
/// its own.
///
/// # Errors
/// When nothing could be checked: the engine doesn't start, a file can't be read.
pub async fn examine(
    config: &PluginConfig,
    component: &Path,
    file: Option<&Path>,
) -> anyhow::Result<Report> {
    let code = CodeCache::none(Compiler::new(&config.compile));
    let runtime = Runtime::new(config, code).context("starting the WebAssembly engine")?;
    let tls = Tls::with_ca_file(config.ca_file.as_deref())?;
    let mut report = Report {
        read: None,
        shape: None,
        room: String::new(),
        compiled_in: None,
        advice: vec![],
        outcome: Err(anyhow!("not tried")),
    };
    let definition = match define(config, component, file) {
        Ok(definition) => definition,
        Err(problem) => {
            report.outcome = Err(problem);
            return Ok(report);
        }
    };
    report.room =
        format!("it may have {}", Limit::Memory.show(definition.limits.raw(Limit::Memory)));
    let admission = load::admit(&runtime, &tls, definition).await;
    report.read = admission.read;
    report.shape = admission.shape;
    report.compiled_in = admission.code.map(|code| code.took);
    report.advice = admission.advice;
    report.outcome = admission.outcome;
    Ok(report)
}

/// Returns notes on what the providers' files grant, each with its provider's name. Blocks: reads
/// files.
///
/// # Errors
/// When the folder can't be read.
pub fn advise_on_grants(config: &PluginConfig) -> anyhow::Result<Vec<String>> {
    let wanted = ProviderDir::new(config).scan()?;
    let definitions = wanted.values().filter_map(|wanted| wanted.definition.as_ref().ok());
    let advice = definitions.flat_map(|definition| {
        let advice = definition.grants.iter().flat_map(egress::advice);
        advice.map(move |advice| format!("provider {}: {advice}", definition.id))
    });
    Ok(advice.collect())
}

/// The component is the one that was named, whatever the file says: it may not be in its place yet.
fn define(
    config: &PluginConfig,
    component: &Path,
    file: Option<&Path>,
) -> anyhow::Result<Definition> {
    let source = Source::File(component.to_owned());
    let named = file.unwrap_or(component);
    let id = named.file_stem().and_then(|stem| stem.to_str()).filter(|id| provider_dir::is_id(id));
    let id =
        id.with_context(|| format!("{} can't be the name of a provider's file", named.display()))?;
    let Some(file) = file else { return Ok(Definition::ungranted(id, source, &config.limits)) };
    let text = provider_dir::read_file(file)?;
    let around = Surroundings {
        id,
        folder: Some(file.parent().unwrap_or(Path::new(""))),
        vars: &config.vars,
        limits: &config.limits,
    };
    match file::parse(&text, &around)
        .map_err(|problems| anyhow!("{}: {problems}", file.display()))?
    {
        Parsed::Enabled(definition) => Ok(Definition { component: source, ..*definition }),
        Parsed::Disabled => Err(anyhow!("{} turns the provider off", file.display())),
    }
}
