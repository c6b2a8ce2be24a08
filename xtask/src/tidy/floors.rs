//! The floors of the host: its rooms, the modules that `lib.rs` declares, in the order in which
//! they need each other.
//!
//! A room stands one floor above the highest room that it depends on; on floor 1 are rooms that
//! depend on none. Rooms that need each other share a floor and are listed together.
//! `ARCHITECTURE.md` shows the table, and a rule keeps it current.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::file::File;
use super::modules::{self, Graph};

const FOLDER: &str = "host/src/";
/// The document that shows the table between these two lines.
pub(super) const DOCS: &str = "ARCHITECTURE.md";
const BEGIN: &str = "<!-- made by cargo xtask floors -->\n";
const END: &str = "<!-- end of floors -->\n";

/// Complains if the document's table isn't the code's. A document without the markers passes.
pub(super) fn check(files: &[File]) -> Vec<String> {
    let Some(docs) = files.iter().find(|file| file.path == DOCS) else { return Vec::new() };
    match table(files).map(|table| with_table(&docs.text, &table)) {
        Ok(Some(text)) if text != docs.text => {
            vec![format!(
                "{DOCS}: the table of floors isn't current; `cargo xtask floors --docs` writes it"
            )]
        }
        // A file that can't be parsed is complained of by the rule about circles.
        _ => Vec::new(),
    }
}

/// Returns the document with this table between its markers; `None` if it has none.
pub(super) fn with_table(docs: &str, table: &str) -> Option<String> {
    let (before, rest) = docs.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some([before, BEGIN, "\n", table, "\n", END, after].concat())
}

/// Returns the table in Markdown, the highest floor first.
///
/// # Errors
/// A file of the host can't be parsed.
pub(super) fn table(files: &[File]) -> Result<String> {
    let rooms = rooms(&modules::graph(files, "host/src/lib.rs")?);
    let mut floors: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for room in rooms.nodes() {
        let group: Vec<String> =
            rooms.group(room).into_iter().map(|room| format!("`{room}`")).collect();
        floors.entry(floor(&rooms, room)).or_default().insert(group.join(" ⇄ "));
    }
    let rows = floors.iter().rev().map(|(floor, rooms)| {
        let rooms: Vec<_> = rooms.iter().map(String::as_str).collect();
        format!("| {floor} | {} |\n", rooms.join(", "))
    });
    Ok(["| Floor | Rooms |\n|---|---|\n".to_owned()].into_iter().chain(rows).collect())
}

/// The graph of rooms. The root module itself is none.
fn rooms(files: &Graph) -> Graph {
    let room = |file: &str| {
        let name = file.strip_prefix(FOLDER)?.split('/').next()?.trim_end_matches(".rs").to_owned();
        (name != "lib").then_some(name)
    };
    let mut rooms = Graph::default();
    files.nodes().filter_map(room).for_each(|name| rooms.add_node(&name));
    for (from, to) in files.edges() {
        if let (Some(from), Some(to)) = (room(from), room(to)) {
            rooms.add(&from, &to);
        }
    }
    rooms
}

/// The floor of a room: 1 more than the highest below its group.
fn floor(rooms: &Graph, room: &str) -> usize {
    let group = rooms.group(room);
    let below = rooms.edges().filter(|(from, to)| group.contains(from) && !group.contains(to));
    1 + below.map(|(_, to)| floor(rooms, to)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_stand_above_what_they_need_and_the_document_has_to_say_so() {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let table = "| Floor | Rooms |\n|---|---|\n| 3 | `top` |\n| 2 | `a` ⇄ `b`, `c` |\n| 1 | `ground` |\n";
        let files = |docs: &str| {
            vec![
                file("host/src/lib.rs", "mod top; mod a; mod b; mod c; mod ground;"),
                file("host/src/top.rs", "mod x; use crate::a::A;"),
                file("host/src/top/x.rs", "use crate::ground::G;"),
                file("host/src/a.rs", "use crate::{b::B, ground::G}; pub struct A;"),
                file("host/src/b.rs", "use crate::a::A; pub struct B;"),
                file("host/src/c.rs", "use crate::ground::G;"),
                file("host/src/ground.rs", "pub struct G;"),
                file(DOCS, docs),
            ]
        };
        assert_eq!(super::table(&files("")).unwrap(), table);
        assert!(check(&files("no markers")).is_empty());
        let stale = format!("# A\n{BEGIN}{END}");
        assert_eq!(check(&files(&stale)).len(), 1);
        assert!(check(&files(&with_table(&stale, table).unwrap())).is_empty());
    }
}
