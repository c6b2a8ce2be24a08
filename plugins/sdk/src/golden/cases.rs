//! The files themselves: finding them, laying them out, comparing them.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use crate::json::{self, Object};

/// A case: what is given, and the file that says what has to come of it.
pub struct Case {
    /// The file's name without its extension.
    pub name: String,
    /// The given text.
    pub text: String,
    expected: PathBuf,
}

impl Case {
    /// Compares, or writes anew.
    #[track_caller]
    pub fn check(&self, found: &str) {
        let found = pretty(found, 0) + "\n";
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&self.expected, found).unwrap();
            return;
        }
        let expected = fs::read_to_string(&self.expected).unwrap_or_default();
        if let Some(diff) = diff(&expected, &found) {
            panic!("{} differs (UPDATE_GOLDEN=1 accepts it):\n{diff}", self.expected.display());
        }
    }
}

/// All cases of a folder, such as `streams`, in the order of their names.
pub fn cases(provider: &str, folder: &str, extension: &str) -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/golden")
        .join(provider)
        .join(folder);
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let inputs = files.filter(|path| {
        path.extension().is_some_and(|it| it == extension)
            && !path.to_string_lossy().ends_with(".expected.json")
    });
    let mut cases: Vec<Case> = inputs
        .map(|path| Case {
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            text: fs::read_to_string(&path).unwrap(),
            expected: path.with_extension("expected.json"),
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!cases.is_empty(), "no cases in {}", folder.display());
    cases
}

/// The lines that differ, each with its number; absent when none does.
fn diff(expected: &str, found: &str) -> Option<String> {
    let (mut expected, mut found) = (expected.lines(), found.lines());
    let mut differing = String::new();
    for number in 1.. {
        match (expected.next(), found.next()) {
            (None, None) => break,
            (expected, found) if expected == found => {}
            (expected, found) => {
                let line = |sign, line: Option<&str>| {
                    line.map(|line| format!("{number:4} {sign} {line}\n"))
                };
                differing.extend(line('-', expected).into_iter().chain(line('+', found)));
            }
        }
    }
    (!differing.is_empty()).then_some(differing)
}

/// Lays JSON out without touching its digits: what fits into a line stays in one.
fn pretty(text: &str, indent: usize) -> String {
    let line = one_line(text);
    if indent + line.len() <= 110 {
        return line;
    }
    let pad = " ".repeat(indent + 2);
    let (open, items, close) = if let Ok(object) = Object::parse(text) {
        let item = |(key, value): (Cow<str>, json::Raw)| {
            format!("{pad}{}: {}", json::text(&key), pretty(value.get(), indent + 2))
        };
        ('{', object.into_iter().map(item).collect::<Vec<_>>(), '}')
    } else if let Ok(list) = serde_json::from_str::<Vec<&serde_json::value::RawValue>>(text) {
        let item = |value: &serde_json::value::RawValue| {
            format!("{pad}{}", pretty(value.get(), indent + 2))
        };
        ('[', list.into_iter().map(item).collect(), ']')
    } else {
        return line;
    };
    format!("{open}\n{}\n{}{close}", items.join(",\n"), " ".repeat(indent))
}

fn one_line(text: &str) -> String {
    let mut line = String::new();
    let mut quoted = false;
    let mut escaped = false;
    for letter in text.chars().filter(|letter| !"\n\r\t".contains(*letter)) {
        match letter {
            ' ' if !quoted => {}
            ':' | ',' if !quoted => line.extend([letter, ' ']),
            _ => line.push(letter),
        }
        quoted ^= letter == '"' && !escaped;
        escaped = quoted && letter == '\\' && !escaped;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::STRING;

    #[test]
    fn the_layout_keeps_strings_and_digits() {
        assert_eq!(one_line("{ \"a:,b\\\"\" :\n[1.10,2] }"), "{\"a:,b\\\"\": [1.10, 2]}");
        assert_eq!(diff("a\nb\n", "a\nc\n").as_deref(), Some("   2 - b\n   2 + c\n"));
        assert_eq!(
            Object::parse("{\"s\":\"x\"}").unwrap().require_as::<String>("s", STRING).unwrap(),
            "x"
        );
    }
}
