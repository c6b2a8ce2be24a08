//! Answers of a guest: lists without memory behind them, tags that no variant has, texts that are
//! none, streams that it doesn't have.

use arete_puppet::{Place, Program, RESULT_COMPLETION, RESULT_DELTAS, RESULT_INFO};
use proptest::prelude::*;

use super::super::{detail, family};
use super::{assert_ends, puppet, run, server};
use crate::support::App;

const MANY: u64 = u32::MAX as u64;
/// The addresses of a completion's fields.
const ID: u64 = RESULT_COMPLETION + 4;
const PARTS: u64 = RESULT_COMPLETION + 20;
const REASON: u64 = RESULT_COMPLETION + 28;
const USAGE: u64 = RESULT_COMPLETION + 40;

#[tokio::test]
async fn a_completion_that_cannot_be_is_refused() {
    let app = server().await;
    let program = || Program::new(Place::Call);
    for (what, program) in [
        ("a result of neither kind", program().store(RESULT_COMPLETION, 9)),
        ("more parts than memory", program().store(PARTS + 4, MANY)),
        ("parts behind memory", program().store(PARTS, MANY - 7)),
        ("parts askew", program().store(PARTS, 65_537)),
        ("a text behind memory", program().store(ID, MANY - 1)),
        ("a text longer than memory", program().store(ID + 4, MANY)),
        (
            "a text that isn't UTF-8",
            program().write(8_192, b"\xff\xfe").store(ID, 8_192).store(ID + 4, 2),
        ),
        (
            "half of a character",
            program().write(8_192, b"\xf0\x9f\x92").store(ID, 8_192).store(ID + 4, 3),
        ),
        ("a reason without a name", program().store(REASON, 200)),
        ("an option of neither kind", program().store(USAGE, 2)),
        ("a part without a name", program().store(Program::at(PARTS as u32), 99)),
    ] {
        assert_ends(&app, what, &program, false, "").await;
    }
}

#[tokio::test]
async fn a_giant_completion_is_refused_by_its_limit() {
    let app = server().await;
    // Nothing but zeros: parts that are empty texts.
    let parts = |count: u64| {
        Program::new(Place::Call).grow(440).store(PARTS, 131_072).store(PARTS + 4, count)
    };
    for (what, program) in [
        (
            "a text of 20 MiB",
            Program::new(Place::Call)
                .grow(440)
                .fill(131_072, 20 << 20, 120)
                .store(ID, 131_072)
                .store(ID + 4, 20 << 20),
        ),
        ("half a million empty parts", parts(500_000)),
    ] {
        let answer = run(&app, &program, false).await;
        assert_eq!(answer.status, 502, "{what}: {} bytes", answer.body.len());
        assert!(detail(&answer).contains("puppet"), "{what}: {}", detail(&answer));
    }
}

#[tokio::test]
async fn deltas_that_cannot_be_are_refused_and_a_stream_that_is_none_too() {
    let app = server().await;
    let next = || Program::new(Place::Next);
    for (what, program) in [
        ("a result of neither kind", next().store(RESULT_DELTAS, 9)),
        ("more deltas than memory", next().store(RESULT_DELTAS + 8, MANY)),
        ("deltas behind memory", next().store(RESULT_DELTAS + 4, MANY - 7)),
        ("an event without a name", next().store(1_024, 99)),
        ("a stream that it doesn't have", Program::new(Place::Call).handle(77)),
        ("a stream of the last number", Program::new(Place::Call).handle(MANY)),
    ] {
        assert_ends(&app, what, &program, true, "").await;
    }
    // Many at once that say nothing: their number is counted, not only their words.
    let many = next().grow(440).store(RESULT_DELTAS + 4, 131_072).store(RESULT_DELTAS + 8, 300_000);
    assert_ends(&app, "deltas without words", &many, true, "").await;
    // For ever nothing: each turn is charged.
    let nothing = next().store(RESULT_DELTAS + 8, 0);
    assert_ends(&app, "a stream that says nothing for ever", &nothing, true, "").await;
}

#[tokio::test]
async fn a_description_that_cannot_be_fails_its_provider_only() {
    let describe = || Program::new(Place::Describe);
    let cases = [
        ("tag", describe().store(RESULT_INFO, 9)),
        ("text", describe().store(RESULT_INFO + 8, MANY)),
        ("models", describe().store(RESULT_INFO + 36, MANY)),
        ("empty", describe().store(RESULT_INFO + 8, 0)),
        (
            "features",
            describe().grow(100).store(RESULT_INFO + 40, 131_072).store(RESULT_INFO + 44, 5_000),
        ),
    ];
    let app = cases.iter().fold(puppet(), |app, (id, program)| {
        let lines =
            format!("component = \"puppet.wasm\"\n[config]\nprogram = {:?}", program.text());
        app.file(&format!("plugins/{id}.toml"), lines)
    });
    let app = app.start().await;
    for (id, _) in &cases {
        assert_eq!(app.provider(id).await["state"], "failed", "{id}");
    }
    app.assert_well().await;
}

/// Overwrites what the puppet returns, at any place, with any value.
#[test]
fn whatever_stands_where_an_answer_should_it_is_an_answer_or_a_refusal() {
    let values = prop_oneof![
        Just(0_u64),
        Just(1),
        Just(MANY),
        Just(MANY - 3),
        Just(1 << 31),
        Just(131_072),
        0..300_u64,
        any::<u32>().prop_map(u64::from),
    ];
    // Every word of the completion and of its part, of the deltas' list and of its events.
    let places = prop_oneof![
        (64..96_u64).prop_map(|word| word * 4),
        (150..154_u64).prop_map(|word| word * 4),
        (256..270_u64).prop_map(|word| word * 4),
        (512..524_u64).prop_map(|word| word * 4),
    ];
    let strategy = (proptest::collection::vec((places, values), 1..5), any::<bool>());
    family(
        96,
        &strategy,
        async || puppet().start().await,
        async |app: &App, (stores, stream)| {
            let place = if stream { Place::Next } else { Place::Call };
            let program =
                stores.into_iter().fold(Program::new(place), |program, (address, value)| {
                    program.store(address, value)
                });
            let answer = run(app, &program, stream).await;
            match answer.status {
                // What it overwrites may make an error of its answer, of any kind.
                200 => Ok(()),
                400..=404 | 413 | 429 | 502..=504 if !detail(&answer).trim().is_empty() => Ok(()),
                _ => Err(format!("{answer:?}")),
            }
        },
    );
}
