//! The cases that are measured on all sides, and their targets.

use std::time::Duration;

use anyhow::Result;
use mock_vendor::Reply;
use serde_json::json;

use crate::bench::Bench;
use crate::load::{self, Question};
use crate::questions::{self, chat, chat_with, get};
use crate::rounds::{Measured, Round, Takes};
use crate::sides::{BARE, DIRECT, FRESH, NATIVE, REUSE, Sides};
use crate::table::{Row, Verdict};

/// The targets of a miss and a stream, as shares of the reference.
const FRESH_LEAST: f64 = 0.7;
const REUSE_LEAST: f64 = 0.9;
const STREAM_LEAST: f64 = 0.8;
/// The target of a hit, as a share of a bare route.
const HIT_LEAST: f64 = 0.9;
/// The target of a request among many, to one alone.
pub(crate) const FLAT_MOST: f64 = 1.1;

/// Tokens of a streamed answer.
const TOKENS: usize = 200;
/// Between two of them, where they are paced.
const PACE: Duration = Duration::from_millis(2);
/// Clients of a usual load.
const SOME: usize = 128;
/// Clients that read streams.
const READERS: usize = 64;
/// A vendor that thinks.
const THINKING: Duration = Duration::from_millis(50);
/// The reference has to use this much of its cores for its requests per second to tell what it can
/// do.
const BUSY_LEAST: f64 = 0.9;

/// A question to all sides.
struct Case {
    name: &'static str,
    what: &'static str,
    connections: usize,
    question: Question,
    reply: Reply,
    /// Of the answer, if it is a stream.
    tokens: Option<usize>,
    /// In the README.
    headline: bool,
}

fn cases() -> Vec<Case> {
    let plain = |name, what, connections| Case {
        name,
        what,
        connections,
        question: chat(),
        reply: questions::answer(),
        tokens: None,
        headline: false,
    };
    let sized = |name, what, bytes: usize| {
        let question = chat_with(&"A few words. ".repeat(bytes / 13), json!({ "useCache": false }));
        Case { question, ..plain(name, what, 32) }
    };
    let streamed = |name, what, reply| {
        let question = chat_with("Say a lot.", json!({ "useCache": false, "stream": true }));
        Case { question, reply, tokens: Some(TOKENS), ..plain(name, what, READERS) }
    };
    vec![
        plain("miss-1", "a miss, 1 at once", 1),
        plain("miss-32", "a miss, 32 at once", 32),
        Case { headline: true, ..plain("miss-128", "a miss, 128 at once", SOME) },
        plain("miss-1000", "a miss, 1,000 at once", 1000),
        Case {
            reply: questions::answer().delay(THINKING),
            ..plain("slow", "a vendor that takes 50 ms, 128 at once", SOME)
        },
        sized("size-1k", "a question of 1 KB, 32 at once", 1 << 10),
        sized("size-16k", "a question of 16 KB, 32 at once", 16 << 10),
        sized("size-256k", "a question of 256 KB, 32 at once", 256 << 10),
        Case {
            headline: true,
            ..streamed(
                "stream-flood",
                "64 streams of 200 tokens, all at once",
                questions::stream(TOKENS),
            )
        },
        streamed(
            "stream-paced",
            "64 streams of 200 tokens, one each 2 ms",
            questions::stream(TOKENS).pace(PACE),
        ),
    ]
}

/// As they are asked for.
pub(crate) fn names() -> Vec<&'static str> {
    cases().iter().map(|case| case.name).chain(["hit", "health"]).collect()
}

/// Measures all that are wanted.
pub(crate) async fn run(bench: &mut Bench, sides: &Sides) -> Result<()> {
    let mut one_and_many = Vec::new();
    for case in cases() {
        if !bench.wants(case.name) {
            continue;
        }
        let measured = miss(bench, sides, &case).await?;
        if matches!(case.name, "miss-1" | "miss-1000") {
            one_and_many.push(measured);
        }
    }
    if let [one, many] = one_and_many.as_slice() {
        flat(bench, one, many);
    }
    if bench.wants("hit") {
        hit(bench, sides).await?;
    }
    if bench.wants("health") {
        let ours = sides.side(FRESH, &sides.fresh, get("/api/health"), Takes::Nothing);
        let bare = sides.side(BARE, &sides.native, get("/bare"), Takes::Nothing);
        let measured = bench.compare(&[bare, ours], SOME).await?;
        rows(bench, "health, 128 at once", &measured, None, |_, _| None);
    }
    Ok(())
}

async fn miss(bench: &mut Bench, sides: &Sides, case: &Case) -> Result<Vec<Measured>> {
    // It remembers requests, large ones too.
    sides.vendor.reset();
    sides.vendor.always(case.reply.clone());
    let measured = bench.compare(&sides.all(&case.question), case.connections).await?;
    rows(bench, case.what, &measured, case.tokens, |own, reference| {
        let least = match own.name.as_str() {
            _ if case.tokens.is_some() => STREAM_LEAST,
            REUSE => REUSE_LEAST,
            _ => FRESH_LEAST,
        };
        let verdict = judge(own, reference, least)?;
        let reused = if own.name == REUSE { ", instances used again" } else { "" };
        Some(if case.headline {
            verdict.headline(format!("{}{reused}, to native", case.what))
        } else {
            verdict
        })
    });
    sides.vendor.always(questions::answer());
    Ok(measured)
}

/// An answer of before, beside a route that reads the same question and writes the same answer.
async fn hit(bench: &mut Bench, sides: &Sides) -> Result<()> {
    let question = chat_with("Say good morning again.", json!({ "useCache": true }));
    load::ask(&sides.fresh.address, &question).await?;
    let ours = sides.side(FRESH, &sides.fresh, question.clone(), Takes::Nothing);
    let bare =
        sides.side(BARE, &sides.native, Question { path: "/bare", ..question }, Takes::Nothing);
    let measured = bench.compare(&[bare, ours], SOME).await?;
    let what = "a hit, 128 at once";
    rows(bench, what, &measured, None, |own, bare| {
        Some(judge(own, bare, HIT_LEAST)?.headline(format!("{what}, to a bare JSON route")))
    });
    Ok(())
}

/// Returns true if a request costs more among many than alone.
fn flat(bench: &mut Bench, one: &[Measured], many: &[Measured]) {
    let cpu = |round: &Round| round.cpu;
    for (one, many) in one.iter().zip(many).filter(|(one, _)| one.name != DIRECT) {
        let mut row = Row::new("CPU a request, 1,000 at once to 1", one.name.clone());
        row.ratio = many.median(cpu).zip(one.median(cpu)).map(|(many, one)| many / one);
        if one.name != NATIVE {
            let verdict =
                row.ratio.map(|ratio| Verdict::at_most(ratio, FLAT_MOST, crate::table::ratio));
            let headline = "CPU a request, 1,000 at once to 1";
            row.verdict =
                verdict.map(
                    |verdict| if one.name == FRESH { verdict.headline(headline) } else { verdict },
                );
        }
        bench.rows.push(row);
    }
}

/// A row of each side, compared with the reference, which is the first that has a process.
fn rows(
    bench: &mut Bench,
    what: &str,
    measured: &[Measured],
    tokens: Option<usize>,
    verdict: impl Fn(&Measured, &Measured) -> Option<Verdict>,
) {
    let direct = measured.iter().find(|side| side.name == DIRECT);
    let reference = measured.iter().find(|side| side.name != DIRECT);
    for own in measured {
        let mut row = Row::of(what, own, tokens);
        if own.name != DIRECT {
            row.added = direct
                .and_then(|direct| direct.median(|round| round.p50))
                .zip(row.p50)
                .map(|(d, own)| own - d);
        }
        if let Some(reference) =
            reference.filter(|reference| own.name != DIRECT && own.name != reference.name)
        {
            row.ratio = own.ratio(reference, |round| Some(round.per_second));
            row.cpu_ratio = reference.ratio(own, |round| round.cpu);
            row.verdict = verdict(own, reference);
        }
        bench.rows.push(row);
    }
}

/// By requests per second, if the reference was as busy as it can be. If it wasn't, because the
/// clients or the vendor are what is slow, by what a request costs the processors.
fn judge(own: &Measured, reference: &Measured, least: f64) -> Option<Verdict> {
    let busy = reference.median(|round| round.busy);
    let Some(cost) = reference
        .ratio(own, |round| round.cpu)
        .filter(|_| busy.is_some_and(|busy| busy < BUSY_LEAST))
    else {
        return Some(Verdict::at_least(
            own.ratio(reference, |round| Some(round.per_second))?,
            least,
        ));
    };
    Some(Verdict { by: Some("CPU"), ..Verdict::at_least(cost, least) })
}
