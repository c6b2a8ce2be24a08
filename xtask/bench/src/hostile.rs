//! A normal load beside guests that take all they can get: how much slower the neighbour is than at
//! rest, one line for each misbehaviour.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::future::{join_all, try_join_all};
use http_body_util::BodyExt;
use mock_vendor::MockVendor;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::bench::Bench;
use crate::load::{self, Question};
use crate::questions::{self, chat, chat_with};
use crate::statistics::percentile_us;
use crate::table::{self, Verdict, ratio, time};

/// The beginning of the cases' names; a fixture's name follows.
const NAME: &str = "hostile-neighbour";

/// The neighbour's clients, each of which asks once in so long.
const CLIENTS: usize = 4;
const PACE: Duration = Duration::from_millis(10);
/// The clients that ask the hostile guest, each again as soon as it has its answer.
const ATTACKERS: usize = 2;
/// Between an attack and rest: what it began ends.
const CALM: Duration = Duration::from_millis(200);
/// The most that the neighbour's answers may take, of what they take at rest.
const P50_MOST: f64 = 3.0;
const P99_MOST: f64 = 20.0;

/// The fixtures, what each is asked, and whether for a stream.
const ATTACKS: &[(&str, &str, bool)] = &[
    ("bulk", "log unwritten", false),
    ("bulk", "log written", false),
    ("bulk", "log without end", false),
    ("bulk", "log fields", false),
    ("bulk", "config", false),
    ("bulk", "url", false),
    ("bulk", "headers", false),
    ("bulk", "stdout", false),
    ("bulk", "pollables", false),
    ("bulk", "random", false),
    ("bulk", "insecure random", false),
    ("chatter", "for ever", false),
    ("counter", "sleep", false),
    ("flood", "words", true),
    ("flood", "nothing, many at once", true),
    ("giant", "log", false),
    ("giant", "setting", false),
    ("giant", "error", false),
    ("giant", "answer", false),
    ("giant", "part", true),
    ("hog", "Hello", false),
    ("leaker", "pollables now", false),
    ("liar", "no finish", true),
    ("mangle", "a line beyond its memory", false),
    ("reader", "127.0.0.1:9", false),
    ("recurse", "Hello", false),
    ("sleeper", "36000000", false),
    ("spin", "whole", false),
    ("spin", "in steps", false),
    ("spin", "in the stream", true),
    ("stray", "https://api.example.com/", false),
    ("trap", "Hello", false),
];

/// As they are asked for: one for each fixture.
pub(crate) fn names() -> Vec<String> {
    let mut names: Vec<String> = ATTACKS.iter().map(|(fixture, ..)| name(fixture)).collect();
    names.dedup();
    names
}

fn name(fixture: &str) -> String {
    format!("{NAME}-{fixture}")
}

/// Measures the neighbour beside each attack, and at rest before it. `fixtures` is the folder of
/// the compiled ones. Returns the table.
pub(crate) async fn run(bench: &Bench, fixtures: &Path) -> Result<String> {
    let vendor = MockVendor::start().await;
    vendor.always(questions::answer());
    let folder = TempDir::new()?;
    let plugins = folder.path().join("plugins");
    fs::create_dir(&plugins)?;
    for (name, ..) in ATTACKS {
        let file = format!("{name}.wasm");
        let from = fixtures.join(&file);
        fs::copy(&from, plugins.join(&file)).with_context(|| format!("no {}", from.display()))?;
    }
    let settings = [("LLM_PLUGIN_DIR", "plugins"), ("LLM_START_WAIT", "2m")];
    let server = bench.stage.arete(folder.path(), vendor.url(), &settings).await?;
    let address = server.address.as_str();
    let measure = async |length| {
        let address = address.to_owned();
        tokio::task::spawn_blocking(move || measure(&address, length)).await?
    };
    measure(bench.plan.warm_up).await?;
    let mut rows = Vec::new();
    for (fixture, asked, stream) in ATTACKS.iter().filter(|(it, ..)| bench.wants(&name(it))) {
        let fields = json!({ "provider": fixture, "useCache": false, "stream": stream });
        let question = chat_with(asked, fields);
        let (mut rest, mut beside) = (Vec::new(), Vec::new());
        for _ in 0..bench.plan.rounds {
            rest.extend(measure(bench.plan.time).await?);
            let (ends, ended) = oneshot::channel::<()>();
            let (to, question) = (address.to_owned(), question.clone());
            let attack = tokio::task::spawn_blocking(move || attack(&to, &question, ended));
            beside.extend(measure(bench.plan.time).await?);
            drop(ends);
            attack.await??;
            tokio::time::sleep(CALM).await;
            server.forget_log()?;
        }
        rows.push(row(&format!("{fixture}: {asked}"), &mut rest, &mut beside));
    }
    let head = ["Guest", "p50 at rest", "p50", "Ratio", "p99 at rest", "p99", "Ratio", "Target"];
    Ok(table::lines(&head, &rows, 1))
}

/// Attacks until that is ended, on a thread of its own: neither the neighbour nor its vendor waits
/// for those who read what the guests say.
fn attack(address: &str, question: &Question, ended: oneshot::Receiver<()>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            _ = join_all((0..ATTACKERS).map(|_| ask_on(address, question))) => {}
            _ = ended => {}
        }
    });
    Ok(())
}

/// Measures the neighbour, on a thread of its own too.
fn measure(address: &str, length: Duration) -> Result<Vec<Duration>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(neighbour(address, length))
}

/// Asks as a neighbour does, for so long; returns how long each answer took.
async fn neighbour(address: &str, length: Duration) -> Result<Vec<Duration>> {
    let question = chat();
    let clients = (0..CLIENTS).map(async |number| {
        let mut client = load::connect(address).await?;
        // Not all at the same time.
        let begin = Instant::now() + PACE * u32::try_from(number)? / u32::try_from(CLIENTS)?;
        let mut next = begin;
        let mut times = Vec::new();
        while next < begin + length {
            tokio::time::sleep_until(next.into()).await;
            // From when it meant to ask: what waits behind a slow answer waited too.
            client.ask(&question).await?;
            times.push(next.elapsed());
            next += PACE;
        }
        anyhow::Ok(times)
    });
    Ok(try_join_all(clients).await?.concat())
}

/// Asks a guest again and again, whatever comes back.
async fn ask_on(address: &str, question: &Question) {
    loop {
        let Ok(mut client) = load::connect(address).await else { return };
        while let Ok(mut answer) = client.begin(question).await {
            while let Some(Ok(_)) = answer.frame().await {}
        }
    }
}

fn row(what: &str, rest: &mut [Duration], beside: &mut [Duration]) -> [String; 8] {
    let mut figures = |share| {
        let (rest, beside) = (percentile_us(rest, share), percentile_us(beside, share));
        let ratio = rest.zip(beside).map(|(rest, beside)| beside / rest);
        (rest, beside, ratio)
    };
    let (p50, p99) = (figures(0.5), figures(0.99));
    let told = |us: Option<f64>| us.map_or_else(String::new, time);
    let verdicts = [(p50.2, P50_MOST), (p99.2, P99_MOST)].map(|(value, most)| {
        value.map_or_else(String::new, |value| Verdict::at_most(value, most, ratio).text())
    });
    let shown = |value: Option<f64>| value.map_or_else(String::new, ratio);
    [
        what.to_owned(),
        told(p50.0),
        told(p50.1),
        shown(p50.2),
        told(p99.0),
        told(p99.1),
        shown(p99.2),
        verdicts.join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_both_ratios_and_their_targets() {
        let of = |millis: u64| (1..=100).map(|_| Duration::from_millis(millis)).collect::<Vec<_>>();
        let cells = row("spin: whole", &mut of(2), &mut of(8));
        assert_eq!((&*cells[3], &*cells[6]), ("4.00", "4.00"));
        assert_eq!(cells[7], "≤ 3.00 **not met**, ≤ 20.00 met");
    }
}
