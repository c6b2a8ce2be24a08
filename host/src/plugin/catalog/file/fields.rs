//! The fields of a table within a table: those that have to be there, and those that needn't.

use toml::de::{DeTable, DeValue};
use url::Url;

use super::reader::{Reader, Spanned};
use crate::config::base_url;

/// Returns a table, if it is one; complains about keys that it can't have.
pub(super) fn fields<'t, 'i>(
    reader: &mut Reader<'_>,
    value: &'t Spanned<'i>,
    place: &str,
    known: &[&str],
) -> Option<&'t DeTable<'i>> {
    let DeValue::Table(table) = value.get_ref() else {
        reader.complain(value, format!("{place} must be a table of keys and values"));
        return None;
    };
    reader.known(table, known, place);
    Some(table)
}

/// Returns a text that has to be there.
pub(super) fn required(
    reader: &mut Reader<'_>,
    (value, table): (&Spanned<'_>, &DeTable<'_>),
    place: &str,
    key: &str,
    example: &str,
) -> Option<String> {
    if !table.contains_key(key) {
        reader.complain(value, format!("{place} needs {key}, such as {key} = {example:?}"));
    }
    optional(reader, table, place, key)
}

/// Returns a text that needn't be there. An empty one isn't.
pub(super) fn optional(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    place: &str,
    key: &str,
) -> Option<String> {
    let text = reader.text(table.get(key)?, &format!("{place}.{key}"))?;
    Some(text).filter(|text| !text.is_empty())
}

/// Returns an address.
pub(super) fn address(
    reader: &mut Reader<'_>,
    value: &Spanned<'_>,
    place: &str,
    text: &str,
) -> Option<Url> {
    match base_url(text) {
        Ok(url) => Some(url),
        Err(problem) => {
            reader.complain(value, format!("{place} {problem}"));
            None
        }
    }
}
