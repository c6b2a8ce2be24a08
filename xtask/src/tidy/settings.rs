//! `.env.example` names the settings that the code reads, all of them and no others.
//!
//! A setting's name is a string literal of capitals in `host/src/config.rs` or below it, above its
//! tests, or a variable `${NAME}` in the file of a bundled provider. That the example's values are
//! the defaults is a test beside the parser. The table that the example is made of is read by
//! nobody else, so its names don't count.

use std::collections::BTreeSet;

use super::file::File;

const EXAMPLE: &str = ".env.example";
const CODE: &str = "host/src/config";
const TABLE: &str = "host/src/config/settings.rs";
const BUNDLED: &str = "host/src/plugin/bundled";

pub(super) fn check(files: &[File]) -> Vec<String> {
    let code =
        files.iter().filter(|file| file.is("rs") && file.within(&[CODE]) && file.path != TABLE);
    let code =
        code.map(|file| file.text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default());
    let literals = code.flat_map(|code| code.split('"'));
    let bundled = files.iter().filter(|file| file.is("toml") && file.within(&[BUNDLED]));
    let variables = bundled.flat_map(|file| file.text.split("${").skip(1));
    let variables = variables.filter_map(|rest| rest.split([':', '}']).next());
    let read: BTreeSet<_> = literals.chain(variables).filter(|literal| is_name(literal)).collect();
    let example =
        files.iter().find(|file| file.path == EXAMPLE).map_or("", |file| file.text.as_str());
    let lines = example.lines().map(|line| line.trim_start_matches(['#', ' ']));
    let shown: BTreeSet<_> =
        lines.filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    let shown: BTreeSet<_> = shown.into_iter().filter(|name| is_name(name)).collect();

    let missing = read.difference(&shown).map(|name| {
        format!("{EXAMPLE}: says nothing of {name}, which {CODE} or a bundled provider reads; add it to {TABLE} with default, meaning and unit, and run `cargo xtask docs`")
    });
    let unknown = shown.difference(&read).map(|name| {
        format!(
            "{EXAMPLE}: has {name}, which neither {CODE} nor a bundled provider reads; take it out of {TABLE}, and run `cargo xtask docs`"
        )
    });
    missing.chain(unknown).collect()
}

fn is_name(text: &str) -> bool {
    // Cargo's own variables are no settings.
    text.len() > 1
        && !text.starts_with("CARGO_")
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}
