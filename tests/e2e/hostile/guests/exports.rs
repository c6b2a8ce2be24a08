//! Each function that a guest exports: it traps there, computes there for ever, or calls itself
//! until its stack ends.

use arete_puppet::{Place, Program, Puppet};
use serde_json::json;

use super::super::beside;
use super::{assert_answers, assert_ends, puppet, run, server};
use crate::support::{App, ask};

/// The three ways, and the words that tell each.
fn ways(place: Place) -> [(&'static str, Program, &'static str); 3] {
    let program = || Program::new(place);
    [
        ("trap", program().trap(), "crashed"),
        ("spin", program().spin(), "computing time"),
        ("recurse", program().recurse(), "call stack exhausted"),
    ]
}

#[tokio::test]
async fn a_program_that_does_nothing_answers() {
    let app = server().await;
    assert_answers(&app, "nothing", &Program::new(Place::Call)).await;
    let mut stream = app.stream(ask("", json!({ "provider": "puppet", "useCache": false }))).await;
    assert_eq!(stream.finish().await.0, "done");
}

#[tokio::test]
async fn each_way_in_complete_open_stream_and_next_fails_its_own_call() {
    let app = server().await;
    for (place, stream) in [(Place::Call, false), (Place::Call, true), (Place::Next, true)] {
        for (way, program, reason) in ways(place) {
            assert_ends(&app, &format!("{way} in {place:?}"), &program, stream, reason).await;
        }
    }
}

#[tokio::test]
async fn each_way_after_the_answer_harms_nobody() {
    let app = server().await;
    for (place, stream) in [(Place::Drop, true), (Place::PostReturn, false)] {
        for (way, program, _) in ways(place) {
            let answer = run(&app, &program, stream).await;
            assert!(matches!(answer.status, 200 | 502), "{way} in {place:?}: {answer:?}");
        }
    }
    // Nothing that it does there stays with the next call.
    assert_answers(&app, "nothing", &Program::new(Place::Call)).await;
}

#[tokio::test]
async fn each_way_in_describe_is_the_providers_own_failure() {
    let ways = ways(Place::Describe);
    let app = ways.iter().fold(puppet(), |app, (way, program, _)| {
        let lines = format!(
            "component = \"puppet.wasm\"\n[config]\nprogram = {:?}\n{}",
            program.text(),
            super::LIMITS
        );
        app.file(&format!("plugins/{way}.toml"), lines)
    });
    let app = app.start().await;
    for (way, _, reason) in ways {
        let listed = app.provider(way).await;
        assert_eq!(listed["state"], "failed", "{listed}");
        assert!(listed["lastError"].as_str().unwrap().contains(reason), "{way}: {listed}");
        let refused = app.chat(ask("", json!({ "provider": way }))).await;
        refused.problem(503, "provider-unavailable");
    }
    assert_answers(&app, "nothing", &Program::new(Place::Call)).await;
}

/// Puppets whose code before any call, or beside it, is hostile.
const VARIANTS: [(&str, Puppet, &str); 7] = [
    ("start-spin", start("(loop (br 0))"), "computing time"),
    ("start-trap", start("unreachable"), "unreachable"),
    ("start-grow", start("(drop (memory.grow (i32.const 30000)))"), ""),
    ("realloc-spin", realloc("(loop (br 0)) unreachable"), "computing time"),
    ("realloc-trap", realloc("unreachable"), "crashed"),
    ("realloc-outside", realloc("(i32.const -16)"), "crashed"),
    ("realloc-askew", realloc("(i32.const 1)"), "crashed"),
];

const fn start(start: &'static str) -> Puppet {
    Puppet { start: Some(start), realloc: None }
}

const fn realloc(realloc: &'static str) -> Puppet {
    Puppet { start: None, realloc: Some(realloc) }
}

#[tokio::test]
async fn code_before_a_call_and_in_the_allocator_is_bounded_like_the_call() {
    let app = VARIANTS.iter().fold(App::with_echo().only_echo(), |app, (id, variant, _)| {
        app.plugin_file(id, variant.component()).file(&format!("plugins/{id}.toml"), super::LIMITS)
    });
    let app = app.set("LLM_MAX_RETRIES", "0").start().await;
    for (id, _, reason) in &VARIANTS {
        let answer = beside(&app, app.chat(ask("", json!({ "provider": id })))).await;
        let told = match answer.status {
            200 if reason.is_empty() => continue,
            // Refused when it was loaded.
            503 => app.provider(id).await["lastError"].to_string(),
            502 => super::super::detail(&answer),
            _ => panic!("{id}: {answer:?}"),
        };
        assert!(told.contains(reason), "{id}: {told}");
    }
}
