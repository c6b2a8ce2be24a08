//! `origin`, `paths` and `methods` of an `[[outbound]]`.

use std::fmt;

use http::Method;
use toml::de::DeTable;
use url::{Origin, Url};

use super::expand::Expanded;
use super::reader::{ENTRIES_MAX, Reader, Spanned};
use crate::config::base_url;
use crate::egress::{Endpoints, PathPattern};

/// Reads the origin and the endpoints there.
pub(super) fn endpoints(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    origin: (&Spanned<'_>, &Expanded),
) -> Option<(Origin, Endpoints)> {
    let paths = list(reader, table, "paths", PathPattern::parse);
    let methods = list(reader, table, "methods", method);
    let (value, expanded) = origin;
    let url = match base_url(&expanded.text) {
        Ok(url) => url,
        Err(problem) => {
            reader.complain(value, format!("outbound.origin {problem}"));
            return None;
        }
    };
    let origin = url.origin();
    let base = url.path().trim_end_matches('/');
    // A variable is a base URL as a rule, which may have a path, and stands in [config] too.
    if !base.is_empty() && !expanded.whole {
        // The value of a variable isn't shown.
        let shown = expanded.names.is_empty().then_some(&url);
        reader.complain(value, path_in_origin(shown));
        return None;
    }
    if paths.is_some() && !base.is_empty() && PathPattern::parse(base).is_err() {
        let problem =
            "outbound.origin has a path that can be read in two ways, so no paths can be below it";
        reader.complain(value, problem.to_owned());
        return None;
    }
    Some((origin, Endpoints { base: base.to_owned(), paths, methods }))
}

/// The sentence for an origin that is written with a path.
fn path_in_origin(url: Option<&Url>) -> String {
    const RULE: &str = "outbound.origin is a scheme, a host and perhaps a port, and has no path; to \
                        grant only what is below that path, write";
    let Some(url) = url else {
        return format!("{RULE} it as an entry of paths, such as paths = [\"/v1/*\"]");
    };
    let origin = url.origin().ascii_serialization();
    let path = url.path().trim_end_matches('/');
    format!("{RULE} origin = {origin:?} and paths = [{:?}]", format!("{path}/*"))
}

/// Reads a list of texts; a list that is there has an entry.
fn list<T, E: fmt::Display>(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    key: &str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Option<Vec<T>> {
    let value = table.get(key)?;
    let place = format!("outbound.{key}");
    let example = match key {
        "paths" => "paths = [\"/v1/messages\"]",
        _ => "methods = [\"POST\"]",
    };
    let entries = reader.list(value, &place, example);
    if entries.is_empty() && value.get_ref().is_array() {
        reader.complain(
            value,
            format!(
                "{place} is empty, which would let nothing through; without it, all are granted"
            ),
        );
    }
    if let Some(extra) = entries.get(ENTRIES_MAX) {
        reader.complain(extra, format!("{place} has at most {ENTRIES_MAX} entries"));
    }
    let mut list = Vec::new();
    for entry in entries.iter().take(ENTRIES_MAX) {
        let Some(text) = reader.text(entry, &place) else { continue };
        match read(&text) {
            Ok(item) => list.push(item),
            // The value of a variable isn't shown, here as elsewhere.
            Err(_) if entry.get_ref().as_str().is_some_and(|written| written != text) => {
                let problem = format!("{place}: with the value of its variable, it can't be used");
                reader.complain(entry, problem);
            }
            Err(problem) => reader.complain(entry, format!("{place}: {text:?} {problem}")),
        }
    }
    Some(list)
}

/// A text that isn't a method for providers.
#[derive(Debug, thiserror::Error)]
#[error("must be a method that a provider may use, in capitals, such as \"POST\"")]
struct NoMethod;

/// Methods are told apart by case, and all that vendors use are upper case.
fn method(text: &str) -> Result<Method, NoMethod> {
    let upper = !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    let allowed = upper && text.len() <= 32 && !matches!(text, "CONNECT" | "TRACE");
    Method::from_bytes(text.as_bytes()).ok().filter(|_| allowed).ok_or(NoMethod)
}
