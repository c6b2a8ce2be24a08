//! The graph of a crate's files: one edge for each file that names an item of another.
//!
//! The rule, exactly:
//!
//! - A node is a file. Inline modules belong to the file they stand in.
//! - A file depends on another if it names an item that the other one defines: in a private `use`,
//!   in a path anywhere in its code, in the arguments of a macro or of an attribute.
//! - A name is followed through imports and re-exports to the file that defines the item. An item
//!   that no file defines visibly, such as one made by a macro, belongs to the module it is asked
//!   of.
//! - `mod` declarations, names of modules alone, and re-exports (`use` with a visibility) aren't
//!   edges: a parent may declare its children and pass on what is theirs. What a parent's code
//!   itself uses of a child is an edge, and so is what a child uses of its parent's own items.
//! - Test code (`#[cfg(test)]`, and files that only such a module declares) doesn't count.
//!
//! Files on a circle can't be read, tested or moved one without the other.

mod graph;
mod resolve;
mod source;

use anyhow::Result;

pub(super) use self::graph::Graph;
use super::file::File;

/// The crates that are checked, by the file of their root module.
const CRATES: &[&str] = &[
    "host/src/lib.rs",
    "host/src/main.rs",
    "conformance/src/lib.rs",
    "guest-build/src/lib.rs",
    "mock-vendor/src/lib.rs",
    "plugin-kit/src/lib.rs",
    "vars/src/lib.rs",
    "xtask/src/main.rs",
    "xtask/bench/src/main.rs",
];

/// Complains about every circle, by its shortest one.
pub(super) fn check(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for root in CRATES {
        if files.iter().all(|file| file.path != *root) {
            continue;
        }
        match graph(files, root) {
            Ok(graph) => complaints.extend(circles(&graph)),
            Err(error) => complaints.push(format!("{error:#}")),
        }
    }
    complaints
}

/// Returns the graph of the crate whose root module is this file; empty if there is no such file.
///
/// # Errors
/// A file of the crate can't be parsed.
pub(super) fn graph(files: &[File], root: &str) -> Result<Graph> {
    let modules = source::read(files, root)?;
    Ok(resolve::edges(&modules))
}

fn circles(graph: &Graph) -> Vec<String> {
    let circles = graph.circles().into_iter();
    let complaint = |circle: Vec<&str>| {
        format!(
            "{}: these files need each other; move what both need below both",
            circle.join(" → ")
        )
    };
    circles.map(complaint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    fn complaints(files: &[File]) -> Vec<String> {
        circles(&graph(files, "src/lib.rs").unwrap())
    }

    fn edges(files: &[File]) -> Vec<String> {
        let graph = graph(files, "src/lib.rs").unwrap();
        graph.edges().map(|(from, to)| format!("{from} {to}")).collect()
    }

    #[test]
    fn a_circle_is_found_and_the_shortest_shown() {
        let files = [
            file("src/lib.rs", "mod a; mod b; mod c;"),
            file("src/a.rs", "use crate::b::B; pub struct A;"),
            file("src/b.rs", "pub struct B(super::c::C);"),
            file(
                "src/c.rs",
                "use crate::{a::A, b::{self, B as _}}; pub struct C; fn f() { b::g() }",
            ),
        ];
        let found = complaints(&files);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("src/b.rs → src/c.rs → src/b.rs: "), "{found:?}");
    }

    #[test]
    fn a_parent_may_declare_and_pass_on_what_is_its_childrens() {
        let files = [
            file("src/lib.rs", "mod a; mod b;"),
            file("src/a.rs", "mod x; pub use x::X; pub(crate) use self::x::*; pub struct Own;"),
            file("src/a/x.rs", "use super::Own; pub struct X; pub struct Y;"),
            file("src/b.rs", "use crate::a::{X, Y};"),
        ];
        assert_eq!(edges(&files), ["src/a/x.rs src/a.rs", "src/b.rs src/a/x.rs"]);
        assert!(complaints(&files).is_empty());
    }

    #[test]
    fn a_parent_that_uses_its_child_and_is_used_by_it_is_on_a_circle() {
        for body in ["use self::x::X;", "fn f() { x::X; }", "pub use x::X; fn f(_: X) {}"] {
            let files = [
                file("src/lib.rs", "mod a;"),
                file("src/a.rs", &format!("mod x; pub struct Own; {body}")),
                file("src/a/x.rs", "use super::Own; pub struct X;"),
            ];
            assert_eq!(complaints(&files).len(), 1, "{body}");
        }
    }

    #[test]
    fn paths_are_seen_in_macros_attributes_and_inline_modules() {
        let text = [
            "fn f() { m!(\"{}\", crate::b::g()) }",
            "#[m(body = crate::b::B)] struct S;",
            "mod inner { fn f() { super::super::b::g() } }",
            "use crate::b; fn f() -> Vec<b::B> { todo!() }",
        ];
        for text in text {
            let files = [
                file("src/lib.rs", "mod a; mod b;"),
                file("src/a.rs", text),
                file("src/b.rs", "pub struct B; pub fn g() {}"),
            ];
            assert_eq!(edges(&files), ["src/a.rs src/b.rs"], "{text}");
        }
    }

    #[test]
    fn tests_and_names_of_modules_alone_are_no_edges() {
        let files = [
            file("src/lib.rs", "mod a; mod b; #[cfg(all(test, unix))] mod tests;"),
            file("src/a.rs", "use crate::b; #[cfg(test)] mod tests { use crate::b::B; }"),
            file("src/b.rs", "pub struct B;"),
            file("src/tests.rs", "use crate::b::B;"),
        ];
        assert!(edges(&files).is_empty(), "{:?}", edges(&files));
    }
}
