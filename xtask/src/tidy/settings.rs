//! `.env.example` names the settings that the code reads, all of them and no others.
//!
//! A setting's name is a string literal of capitals in `host/src/config.rs`, above its tests. That the example's values
//! are the defaults is a test beside the parser.

use std::collections::BTreeSet;

use super::File;

const EXAMPLE: &str = ".env.example";
const CODE: &str = "host/src/config.rs";

pub(super) fn check(files: &[File]) -> Vec<String> {
    let text = |path| files.iter().find(|file| file.path == path).map_or("", |file| file.text.as_str());
    let code = text(CODE).split("#[cfg(test)]").next().unwrap_or_default();
    let read: BTreeSet<_> = code.split('"').filter(|literal| is_name(literal)).collect();
    let lines = text(EXAMPLE).lines().map(|line| line.trim_start_matches(['#', ' ']));
    let shown: BTreeSet<_> = lines.filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    let shown: BTreeSet<_> = shown.into_iter().filter(|name| is_name(name)).collect();

    let missing = read.difference(&shown).map(|name| {
        format!("{EXAMPLE}: says nothing of {name}, which {CODE} reads; add it with meaning, unit and default")
    });
    let unknown =
        shown.difference(&read).map(|name| format!("{EXAMPLE}: has {name}, which {CODE} doesn't read; take it out"));
    missing.chain(unknown).collect()
}

fn is_name(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}
