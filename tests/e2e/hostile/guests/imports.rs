//! Every function that a guest can import, each with arguments that no toolchain would pass.
//!
//! The list of imports is read from WIT, so a function that is added is tried here without a
//! word, and fails [`every_import_has_a_row_with_its_bound`] until its bound is written down.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use arete_puppet::{Import, Place, Program};
use proptest::prelude::*;
use regex::Regex;

use super::super::{beside, family};
use super::{IMPORTS, assert_ends, calling, puppet, run_briefly, server, told};
use crate::support::App;

/// The table of what a guest can make the host do.
const TABLE: &str = "## What a guest can make the host do";

/// A row of the table.
struct Row {
    /// Names of functions, each with its interface or resource before it, or `*` for all.
    names: Vec<String>,
    bound: String,
    charge: String,
}

impl Row {
    fn tells_of(&self, import: &Import) -> bool {
        let interface = import.interface.rsplit(['/', ':']).next().unwrap_or_default();
        self.names.iter().any(|name| {
            *name == import.function
                || *name == format!("{interface}.{}", import.function)
                || (name == "drop" && import.function.starts_with("drop "))
                || name.strip_suffix(".*").is_some_and(|of| {
                    of == interface
                        || import.function.split('.').next() == Some(of)
                        || import.interface.split('/').next() == Some(of)
                        || import.interface == of
                })
        })
    }
}

fn rows() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once(TABLE).expect("ARCHITECTURE.md has the table");
    let section = section.split("\n## ").next().unwrap();
    let names = Regex::new("`([^`]+)`").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [function, bound, charge] = cells[..] else { panic!("three cells: {line}") };
        Row {
            names: names.captures_iter(function).map(|found| found[1].to_owned()).collect(),
            bound: bound.to_owned(),
            charge: charge.to_owned(),
        }
    })
    .collect()
}

#[test]
fn every_import_has_a_row_with_its_bound() {
    let rows = rows();
    let mut missing = Vec::new();
    let mut told = BTreeSet::new();
    for import in IMPORTS.iter() {
        let found = rows.iter().enumerate().find(|(_, row)| row.tells_of(import));
        match found {
            Some((index, row)) => {
                assert!(!row.bound.is_empty() && !row.charge.is_empty(), "{}", import.function);
                told.insert(index);
            }
            None => missing.push(format!("{} {}", import.interface, import.function)),
        }
    }
    assert!(missing.is_empty(), "no row of the table tells the bound of: {missing:#?}");
    for (index, row) in rows.iter().enumerate() {
        let stale = !row.names.is_empty() && !told.contains(&index);
        assert!(!stale, "the table tells of {:?}, which no guest can import", row.names);
    }
}

/// The linker is made of the contract and of WASI, and every function that the host's own code adds
/// to it is one that they declare.
#[test]
fn nothing_is_linked_that_wit_does_not_declare() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/plugin");
    let linked = Regex::new(r#"func_wrap(?:_async|_concurrent)?\(\s*"([^"]+)""#).unwrap();
    let mut found = 0;
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for name in linked.captures_iter(&text) {
                let name = name[1].rsplit(']').next().unwrap();
                let declared = IMPORTS.iter().any(|import| import.function == name);
                assert!(declared, "{}: {name} is linked and not declared", path.display());
                found += 1;
            }
        }
    }
    assert!(3 < found, "only {found} functions are linked by hand");
}

/// Arguments by kind: what each import is called with, all places alike.
const PATTERNS: [(&str, u64); 6] = [
    ("zeros", 0),
    ("ones, which are handles", 1),
    ("a page", 65_536),
    ("the largest of 31 bits", 0x7fff_ffff),
    ("the largest of 32 bits", 0xffff_ffff),
    ("the largest of 64 bits", 0x7fff_0000_ffff_ffff),
];

#[tokio::test]
async fn every_import_takes_odd_arguments_and_ends_at_most_its_own_call() {
    let app = server().await;
    for (index, import) in IMPORTS.iter().enumerate() {
        let calls = PATTERNS.map(|(_, argument)| {
            let arguments = vec![argument; import.arguments()];
            let program = Program::new(Place::Call).call(index, import, &arguments);
            let app = &app;
            async move { told(app, "brief", &program, false).await }
        });
        let answers = beside(&app, futures_util::future::join_all(calls)).await;
        for (answer, (arguments, _)) in answers.iter().zip(PATTERNS) {
            let what = format!("{} {} with {arguments}", import.interface, import.function);
            assert!(matches!(answer.status, 200 | 502 | 504), "{what}: {answer:?}");
        }
    }
}

/// Any calls in any order, with handles that earlier ones may have given.
#[test]
fn whatever_is_called_in_whatever_order_only_the_caller_ends() {
    let argument = prop_oneof![
        4 => 0..4_u64,
        2 => Just(8_192_u64),
        2 => Just(Program::last()),
        1 => Just(131_072_u64),
        1 => Just(u64::from(u32::MAX)),
        1 => Just(1 << 31),
        1 => 0..300_u64,
        1 => any::<u64>(),
    ];
    let call = (0..IMPORTS.len(), proptest::collection::vec(argument, 16));
    let strategy = proptest::collection::vec(call, 1..8);
    family(
        128,
        &strategy,
        async || puppet().start().await,
        async |app: &App, calls| {
            let program =
                calls.into_iter().fold(Program::new(Place::Call), |program, (index, arguments)| {
                    program.call(index, &IMPORTS[index], &arguments)
                });
            let answer = run_briefly(app, &program, false).await;
            match answer.status {
                200 | 502 | 504 => Ok(()),
                _ => Err(format!("{answer:?}")),
            }
        },
    );
}

#[tokio::test]
async fn texts_that_are_none_end_the_guest_before_anything_is_done_with_them() {
    let app = server().await;
    let written = || Program::new(Place::Call).write(8_192, b"\xff\xfe\xc0\xaf");
    for (interface, function, arguments) in [
        ("arete:provider/config", "get", [8_192, 4, 64, 0, 0]),
        ("arete:provider/log", "write", [2, 8_192, 4, 0, 0]),
        ("arete:provider/log", "write", [2, 0, u64::from(u32::MAX), 0, 0]),
        ("arete:provider/log", "write", [9, 8_192, 0, 0, 0]),
    ] {
        let program = calling(written(), interface, function, &arguments);
        assert_ends(&app, function, &program, false, "crashed").await;
    }
}

#[tokio::test]
async fn calls_that_cost_the_guest_little_are_charged_too() {
    let app = server().await;
    for (interface, function) in [
        ("wasi:clocks/monotonic-clock", "now"),
        ("wasi:clocks/wall-clock", "now"),
        ("wasi:random/random", "get-random-u64"),
        ("wasi:random/insecure-seed", "insecure-seed"),
        ("wasi:cli/environment", "get-environment"),
        ("wasi:filesystem/preopens", "get-directories"),
        ("arete:provider/config", "get"),
    ] {
        // What it returns goes to the same place each time.
        let arguments = if function == "get" { vec![8_192, 4, 64] } else { vec![64] };
        let program = calling(Program::new(Place::Call), interface, function, &arguments);
        assert_ends(&app, function, &program.again(1 << 40), false, "computing time").await;
    }
}

#[tokio::test]
async fn random_bytes_and_writes_are_taken_up_to_their_bound() {
    let app = server().await;
    let random = |length| {
        calling(Program::new(Place::Call), "wasi:random/random", "get-random-bytes", &[length, 64])
    };
    super::assert_answers(&app, "as many as may be", &random(64 << 10)).await;
    assert_ends(&app, "one more", &random((64 << 10) + 1), false, "crashed").await;
    assert_ends(&app, "all", &random(u64::MAX), false, "crashed").await;
    let written = |function, length| {
        let stdout = calling(Program::new(Place::Call), "wasi:cli/stdout", "get-stdout", &[]);
        calling(stdout, "wasi:io/streams", function, &[1, 0, length, 64])
    };
    for (function, bound) in
        [("output-stream.write", 64 << 10), ("output-stream.blocking-write-and-flush", 4 << 10)]
    {
        super::assert_answers(&app, function, &written(function, bound)).await;
        assert_ends(&app, function, &written(function, bound + 1), false, "crashed").await;
    }
}
