//! A provider's file: the TOML by which an operator defines a provider. It grants; a component only
//! asks.
//!
//! Everything that is wrong with a file is told at once, with lines. No message shows a header's
//! value, nor that of a variable.

mod aws;
mod credentials;
mod endpoints;
mod expand;
mod fields;
mod reader;

use std::collections::BTreeMap;
use std::path::Path;

use http::{HeaderName, HeaderValue};
use secrecy::SecretString;
use toml::de::{DeTable, DeValue};

use self::credentials::{credential, query};
use self::endpoints::endpoints;
pub(crate) use self::reader::Problems;
use self::reader::{ENTRIES_MAX, Reader};
use crate::config::{Limit, Limits, Vars};
use crate::digest::Sha256Digest;
use crate::egress::{self, Grant};
use crate::plugin::bundled;
use crate::plugin::definition::{Definition, MissingSettings, Source};

const KEYS: [&str; 6] = ["enabled", "component", "sha256", "config", "outbound", "limits"];
const OUTBOUND_KEYS: [&str; 8] =
    ["origin", "paths", "methods", "headers", "query", "token", "sign", "private"];

/// The largest file. A real one has some hundred bytes.
pub(super) const BYTES_MAX: usize = 64 << 10;

/// The context in which a provider's file is read.
pub(crate) struct Surroundings<'a> {
    /// The provider's name: the file's, without `.toml`.
    pub(crate) id: &'a str,
    /// The folder that components lie in. None: only bundled ones can be named.
    pub(crate) folder: Option<&'a Path>,
    /// The values of variables.
    pub(crate) vars: &'a Vars,
    /// The limits where the file sets none, and the ceilings of some.
    pub(crate) limits: &'a Limits,
}

/// The content of a provider's file.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// There is such a provider.
    Enabled(Box<Definition>),
    /// There is none, not even a bundled one of this name.
    Disabled,
}

/// Reads a provider's file.
///
/// # Errors
/// All mistakes, each with its line.
pub(crate) fn parse(text: &str, around: &Surroundings<'_>) -> Result<Parsed, Problems> {
    let document = DeTable::parse(text).map_err(|error| Problems::of_syntax(text, &error))?;
    let mut reader = Reader::new(text, around.vars);
    let table = document.get_ref();
    reader.known(table, &KEYS, "a provider's file");

    let enabled =
        table.get("enabled").is_none_or(|value| reader.boolean(value, "enabled").unwrap_or(true));
    let component = component(&mut reader, table, around);
    let pin = table.get("sha256").and_then(|value| {
        let hex = reader.text(value, "sha256")?;
        let digest = Sha256Digest::from_hex(&hex);
        if digest.is_none() {
            reader.complain(
                value,
                "sha256 must be 64 hexadecimal digits, as sha256sum prints them".to_owned(),
            );
        }
        digest
    });
    let config = config(&mut reader, table);
    let grants = grants(&mut reader, table);
    let limits = limits(&mut reader, table, around.limits);
    let missing = missing(&reader, around);
    reader.finish()?;
    if !enabled {
        return Ok(Parsed::Disabled);
    }
    Ok(Parsed::Enabled(Box::new(Definition {
        id: around.id.into(),
        component,
        pin,
        config,
        grants: grants.into(),
        missing,
        limits,
    })))
}

/// `"bundled:claude"`, or a file beside this one; without a word of it, the one that has the
/// provider's name.
fn component(reader: &mut Reader<'_>, table: &DeTable<'_>, around: &Surroundings<'_>) -> Source {
    let beside = |name: &str| Source::File(around.folder.unwrap_or(Path::new("")).join(name));
    let own = format!("{}.wasm", around.id);
    let Some(value) = table.get("component") else { return beside(&own) };
    let Some(text) = reader.text(value, "component") else { return beside(&own) };
    if let Some(name) = text.strip_prefix("bundled:") {
        if let Some(name) = bundled::name(name) {
            return Source::Bundled(name);
        }
        let known = bundled::names().collect::<Vec<_>>().join(", ");
        let written = value.get_ref().as_str().unwrap_or(name).trim_start_matches("bundled:");
        reader.complain(value, format!("no component {written:?} is bundled; there are: {known}"));
    } else if text.contains(['/', '\\'])
        || Path::new(&text).extension().is_none_or(|extension| extension != "wasm")
    {
        let problem = "component must be a .wasm file in the same folder, without a path, or \"bundled:<name>\"";
        reader.complain(value, problem.to_owned());
    }
    beside(&text)
}

fn config(reader: &mut Reader<'_>, table: &DeTable<'_>) -> BTreeMap<String, String> {
    let mut config = BTreeMap::new();
    for (key, value) in reader.table(table.get("config"), "config") {
        let place = format!("config.{key}");
        if let Some(expanded) = reader.scalar(value, &place) {
            let secret = expanded.names.iter().find(|name| looks_secret(name));
            if let Some(name) = secret {
                let problem = format!(
                    "{place} would give ${{{name}}} to the plugin, which must see no secret; attach it under \
                     [[outbound]]: headers = {{ <header> = \"${{{name}}}\" }}"
                );
                reader.complain(value, problem);
            }
            if expanded.missing.is_empty() {
                config.insert(key.to_owned(), expanded.text);
            }
        }
    }
    config
}

/// Returns true if a variable of this name is likely to hold a credential.
fn looks_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["API_KEY", "APIKEY", "SECRET", "PASSWORD", "ACCESS_TOKEN", "AUTH_TOKEN", "CREDENTIAL"]
        .iter()
        .any(|part| name.contains(part))
        || name.ends_with("_KEY")
        || name.ends_with("_TOKEN")
}

fn grants(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Vec<Grant> {
    let mut grants: Vec<Grant> = Vec::new();
    let entries = reader.array(table.get("outbound"), "outbound", "[[outbound]]");
    if let Some(extra) = entries.get(ENTRIES_MAX) {
        reader.complain(extra, format!("a provider has at most {ENTRIES_MAX} origins"));
    }
    for entry in entries.iter().take(ENTRIES_MAX) {
        let DeValue::Table(table) = entry.get_ref() else {
            reader.complain(
                entry,
                "outbound is written as [[outbound]], a table for each origin".to_owned(),
            );
            continue;
        };
        reader.known(table, &OUTBOUND_KEYS, "[[outbound]]");
        let headers = headers(reader, table);
        let query = query(reader, table);
        let credential = credential(reader, table, &headers);
        let private = table
            .get("private")
            .is_some_and(|value| reader.boolean(value, "outbound.private").unwrap_or(false));
        let Some(value) = table.get("origin") else {
            let example = "origin = \"https://api.example.com\"";
            reader.complain(entry, format!("[[outbound]] needs an origin, such as {example}"));
            continue;
        };
        let Some(origin) =
            reader.scalar(value, "outbound.origin").filter(|origin| origin.missing.is_empty())
        else {
            continue;
        };
        match endpoints(reader, table, (value, &origin)) {
            Some((origin, _)) if origin.ascii_serialization().contains('*') => {
                reader.complain(
                    value,
                    "outbound.origin must name one host: there are no wildcards".to_owned(),
                );
            }
            Some((origin, _)) if grants.iter().any(|grant| grant.origin == origin) => {
                let shown = match value.get_ref().as_str().filter(|text| text.contains('$')) {
                    Some(written) => written.to_owned(),
                    None => origin.ascii_serialization(),
                };
                reader.complain(value, format!("{shown} is granted twice"));
            }
            Some((origin, endpoints)) => {
                grants.push(Grant { origin, headers, private, endpoints, query, credential });
            }
            None => {}
        }
    }
    grants
}

/// Headers of one origin. One whose value is empty isn't attached, so that `"${TOKEN:-}"` makes a
/// credential optional.
fn headers(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Vec<(HeaderName, SecretString)> {
    let mut headers = Vec::new();
    let entries = reader.table(table.get("headers"), "outbound.headers");
    for (index, (key, value)) in entries.into_iter().enumerate() {
        if index == ENTRIES_MAX {
            reader.complain(value, format!("an origin has at most {ENTRIES_MAX} headers"));
            break;
        }
        let place = format!("outbound.headers.{key}");
        let name = match HeaderName::from_bytes(key.as_bytes()) {
            Ok(name) if egress::is_of_the_host(&name) => {
                reader.complain(
                    value,
                    format!("{place}: this header is the connection's own and can't be set"),
                );
                continue;
            }
            Ok(name) => name,
            Err(_) => {
                reader.complain(value, format!("{key:?} can't be the name of an HTTP header"));
                continue;
            }
        };
        let Some(expanded) = reader.scalar(value, &place) else { continue };
        if HeaderValue::from_str(&expanded.text).is_err() {
            reader.complain(
                value,
                format!("{place} holds characters that can't stand in an HTTP header"),
            );
        } else if expanded.missing.is_empty() && !expanded.text.is_empty() {
            headers.push((name, SecretString::from(expanded.text)));
        }
    }
    headers
}

fn limits(reader: &mut Reader<'_>, table: &DeTable<'_>, defaults: &Limits) -> Limits {
    let mut limits = defaults.clone();
    let keys = Limit::ALL.map(Limit::key);
    if let Some(table) = table.get("limits").and_then(|value| value.get_ref().as_table()) {
        reader.known(table, &keys, "[limits]");
    }
    for (key, value) in reader.table(table.get("limits"), "limits") {
        let Some(limit) = Limit::named(key) else { continue };
        let Some(text) = reader.scalar(value, key).filter(|text| text.missing.is_empty()) else {
            continue;
        };
        match limit.read(&text.text) {
            Ok(given) if limit.is_ceiling() && defaults.raw(limit) < given => {
                let most = limit.show(defaults.raw(limit));
                let setting = limit.setting();
                reader.complain(
                    value,
                    format!("limits.{key} can't be above {setting} ({most}); raise that first"),
                );
            }
            Ok(given) => limits.set(limit, given),
            // Shown as it is written, without the values of variables.
            Err(rule) => {
                let written = value.get_ref().as_str().unwrap_or(&text.text);
                reader.complain(value, format!("limits.{key} {rule}, not {written:?}"));
            }
        }
    }
    limits
}

/// Returns the variables that the file names and that have no value, if there are any.
fn missing(reader: &Reader<'_>, around: &Surroundings<'_>) -> Option<MissingSettings> {
    let names: Vec<String> = reader.missing().map(str::to_owned).collect();
    let in_folder = around.folder.is_some();
    (!names.is_empty()).then(|| MissingSettings { provider: around.id.into(), names, in_folder })
}

#[cfg(test)]
mod tests;
