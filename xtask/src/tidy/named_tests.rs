//! Tests that a document names as what holds a promise: each is in the file that the name links to.

use super::file::File;

/// The document of promises.
const DOCUMENT: &str = "SECURITY.md";

pub(super) fn check(files: &[File]) -> Vec<String> {
    let Some(document) = files.iter().find(|file| file.path == DOCUMENT) else { return vec![] };
    let missing = named(&document.text).filter(|(name, path)| {
        let file = files.iter().find(|file| file.path == *path);
        !file.is_some_and(|file| file.text.contains(&format!("fn {name}(")))
    });
    missing
        .map(|(name, path)| {
            format!("{DOCUMENT}: names the test {name}, which isn't in {path}; name the test that holds the promise now")
        })
        .collect()
}

/// Links of the form ``[`name`](path.rs)``.
fn named(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("[`").skip(1).filter_map(|rest| {
        let (name, rest) = rest.split_once("`](")?;
        let (path, _) = rest.split_once(')')?;
        path.ends_with(".rs").then_some((name, path))
    })
}
