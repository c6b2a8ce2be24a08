//! The cost of a call by the language that its plugin is written in: each that is built, before a
//! vendor of its own that answers with the plugin's own cassette.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mock_vendor::{MockVendor, Reply};
use serde_json::Value;
use tempfile::TempDir;

use crate::bench::{Bench, Components};
use crate::load::Question;
use crate::questions::chat;
use crate::rounds::{Side, Takes};
use crate::table::{self, memory, time};

const HEAD: [&str; 7] =
    ["Plugin", "Language", "Component", "CPU a call", "p50", "p99", "CPU to the least"];
/// A plain question and its answer.
const CASSETTE: &str = "cassettes/plain";

/// A plugin and what its vendor answers.
struct Plugin {
    name: String,
    language: &'static str,
    /// The component that its provider's file names, and its size.
    component: String,
    bytes: u64,
    question: Question,
    /// None: it has no vendor.
    reply: Option<Reply>,
}

/// One call at a time through each.
pub(crate) async fn run(bench: &mut Bench, components: &Components) -> Result<String> {
    let plugins = plugins(components)?;
    let folder = TempDir::new()?;
    let files = folder.path().join("plugins");
    fs::create_dir(&files)?;
    let mut vendors = Vec::new();
    for plugin in &plugins {
        let vendor = MockVendor::start().await;
        if let Some(reply) = &plugin.reply {
            vendor.always(reply.clone());
        }
        fs::write(files.join(format!("{}.toml", plugin.name)), file(plugin, vendor.url()))?;
        if !plugin.component.starts_with("bundled:") {
            fs::copy(components.others.join(&plugin.component), files.join(&plugin.component))?;
        }
        vendors.push(vendor);
    }
    let server = bench
        .stage
        .arete(folder.path(), "http://127.0.0.1:9", &[("LLM_PLUGIN_DIR", "plugins")])
        .await?;
    let sides: Vec<_> = plugins
        .iter()
        .zip(&vendors)
        .map(|(plugin, vendor)| Side {
            name: plugin.name.clone(),
            address: &server.address,
            server: Some(&server),
            questions: vec![plugin.question.clone()],
            vendor,
            takes: if plugin.reply.is_some() { Takes::Call } else { Takes::Nothing },
        })
        .collect();
    let measured = bench.compare(&sides, 1).await?;
    let cost = |index: usize| measured.get(index).and_then(|side| side.median(|round| round.cpu));
    let least =
        (0..measured.len()).filter(|index| plugins[*index].reply.is_some()).filter_map(cost);
    let least = least.reduce(f64::min);
    let shown = |figure: Option<f64>| figure.map_or_else(String::new, time);
    let rows: Vec<_> = plugins
        .iter()
        .zip(&measured)
        .enumerate()
        .map(|(index, (plugin, side))| {
            [
                format!("`{}`", plugin.name),
                plugin.language.to_owned(),
                memory(plugin.bytes as f64),
                shown(cost(index)),
                shown(side.median(|round| round.p50)),
                shown(side.median(|round| round.p99)),
                cost(index)
                    .zip(least)
                    .map_or_else(String::new, |(own, least)| format!("{:.1}", own / least)),
            ]
        })
        .collect();
    Ok(table::lines(&HEAD, &rows, 2))
}

/// The plugins of this repository that have cassettes and are built.
fn plugins(components: &Components) -> Result<Vec<Plugin>> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins"));
    let mut plugins = Vec::new();
    for entry in fs::read_dir(&root)? {
        let folder = entry?.path();
        let Some(name) = folder.file_name().and_then(|name| name.to_str()).map(str::to_owned)
        else {
            continue;
        };
        let cassette = folder.join(CASSETTE);
        if !cassette.is_dir() {
            continue;
        }
        let file = format!("{name}.wasm");
        let (component, bytes) = match [&components.bundled, &components.others]
            .map(|folder| fs::metadata(folder.join(&file)))
        {
            [Ok(found), _] => (format!("bundled:{name}"), found.len()),
            [_, Ok(found)] => (file, found.len()),
            _ => continue,
        };
        let question = fs::read_to_string(cassette.join("question.json"))?;
        let reply = fs::read_to_string(cassette.join("response.http")).ok();
        let reply = reply
            .map(|text| recorded(&text))
            .transpose()
            .with_context(|| format!("the cassette of {name}"))?;
        let question = asked(&question, &name)?;
        plugins.push(Plugin {
            language: language(&folder),
            name,
            component,
            bytes,
            question,
            reply,
        });
    }
    plugins.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(plugins)
}

/// By what its tools need.
fn language(folder: &Path) -> &'static str {
    let tools =
        [("Cargo.toml", "Rust"), ("package.json", "TypeScript"), ("pyproject.toml", "Python")];
    tools
        .iter()
        .find(|(file, _)| folder.join(file).is_file())
        .map_or("C", |(_, language)| *language)
}

/// A provider's file before this vendor.
fn file(plugin: &Plugin, vendor: &str) -> String {
    let component = &plugin.component;
    let config = format!("[config]\nbase-url = \"{vendor}\"\nmodel = \"m\"\n");
    let granted =
        format!("component = \"{component}\"\n{config}[[outbound]]\norigin = \"{vendor}\"\n");
    if plugin.reply.is_some() { granted } else { format!("component = \"{component}\"\n") }
}

/// The recorded question, to this provider, which may not answer from the cache.
fn asked(question: &str, provider: &str) -> Result<Question> {
    let mut body: Value = serde_json::from_str(question)?;
    body["provider"] = provider.into();
    body["useCache"] = false.into();
    Ok(Question { body: body.to_string().into(), ..chat() })
}

/// The recorded answer: a head of a status and headers, a blank line and a body.
fn recorded(text: &str) -> Result<Reply> {
    let (head, body) = text.split_once("\n\n").context("there is no blank line behind the head")?;
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split_whitespace().nth(1))
        .context("there is no status")?;
    let reply = Reply::status(status.parse()?);
    let headers = lines.filter_map(|line| line.split_once(": "));
    Ok(headers.fold(reply, |reply, (name, value)| reply.header(name, value)).body(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plain_cassette_can_be_asked() {
        let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins"));
        let mut found = 0;
        for entry in fs::read_dir(root).unwrap() {
            let cassette = entry.unwrap().path().join(CASSETTE);
            if let Ok(question) = fs::read_to_string(cassette.join("question.json")) {
                asked(&question, "some").unwrap();
                found += 1;
            }
            if let Ok(response) = fs::read_to_string(cassette.join("response.http")) {
                recorded(&response).unwrap();
            }
        }
        assert!(found > 0);
    }
}
