//! The look of every file, and the ends of its links.

use std::path::Path;

use super::file::File;
use crate::repository::root;

pub(super) fn check(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        if file.is("rs") && !file.text.starts_with("//!") {
            complaints
                .push(format!("{}:1: begin with `//!`: what is here, and why here", file.path));
        }
        // What vendors send is kept byte for byte, and so is what the fuzzer found.
        if !file.within(&["tests/golden", "fuzz/corpus"]) && !file.is("http") {
            complaints.extend(
                file.complain("trailing white space", |line| line.ends_with([' ', '\t', '\r'])),
            );
            if !file.text.is_empty() && !file.text.ends_with('\n') {
                complaints.push(format!("{}: end the last line", file.path));
            }
        }
        if file.is("md") {
            complaints.extend(broken_links(file));
        }
    }
    complaints
}

/// Relative links `[…](target)` to files that don't exist.
fn broken_links(file: &File) -> Vec<String> {
    let folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
    let targets = file
        .text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target);
    let relative = targets.filter(|target| !target.starts_with('#') && !target.contains(':'));
    relative
        .filter_map(|target| {
            let place = target.split(['#', ' ']).next().unwrap_or(target);
            let from = if place.starts_with('/') { Path::new("") } else { folder };
            let there = root().join(from).join(place.trim_start_matches('/')).exists();
            (!there).then(|| format!("{}: links to {place}, which isn't there", file.path))
        })
        .collect()
}
