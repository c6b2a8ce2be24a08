//! A million requests of all kinds, as many as a server gets in days, and whether its memory stays
//! flat over them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http_body_util::BodyExt;
use mock_vendor::{MockVendor, Reply, Step, claude};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::load::{self, Client, Question, is_token};
use crate::questions::{self, chat, chat_with};
use crate::server::{Server, Stage};
use crate::sides::{FRESH, REUSE, reused};
use crate::statistics::{median, slope};
use crate::table::{self, Verdict, memory, number, ratio};

/// Requests, unless said otherwise.
pub(crate) const REQUESTS: &str = "1000000";
/// Clients that ask at once.
const CLIENTS: usize = 64;
/// Samples of memory, and of how many each line tells.
const SAMPLES: u64 = 50;
const SAMPLES_OF_LINE: usize = 5;
/// The time between two looks at whether one is due.
const GLANCE: Duration = Duration::from_millis(10);
/// Tokens of a stream.
const TOKENS: usize = 20;
/// Different questions that are asked again and again.
const REPEATED: u64 = 1000;
/// The target of memory at the end, to that at half.
const FLAT_MOST: f64 = 1.05;
/// A cache that is full long before half: what is kept is meant to grow until then.
const SETTINGS: [(&str, &str); 2] =
    [("LLM_CACHE_MEMORY", "4194304"), ("LLM_CACHE_MAX_ENTRIES", "10000")];

/// The length of a soak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Requests(u64),
    Minutes(u32),
}

/// The kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A plain question that no cache may answer.
    Miss,
    /// A question that nobody asked before, whose answer is kept.
    Kept,
    /// One of the questions that are asked again and again.
    Hit,
    Stream,
    /// A stream that the client leaves after its first token, while the vendor has more to come.
    Left,
}

impl FromStr for Length {
    type Err = BadLength;

    fn from_str(text: &str) -> Result<Self, BadLength> {
        let minutes = text
            .strip_suffix('m')
            .and_then(|minutes| minutes.parse().ok().filter(|minutes| *minutes > 0));
        let requests = || text.parse().ok().filter(|requests| *requests >= SAMPLES);
        minutes.map(Self::Minutes).or_else(|| Some(Self::Requests(requests()?))).ok_or(BadLength)
    }
}

/// A length that is neither a number of requests nor one of minutes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadLength;

impl fmt::Display for BadLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "give a number of requests, at least {SAMPLES}, or minutes, such as 20m")
    }
}

impl std::error::Error for BadLength {}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests(requests) => write!(f, "{} requests", number(*requests as f64)),
            Self::Minutes(minutes) => write!(f, "{minutes} minutes"),
        }
    }
}

impl Kind {
    /// Of the n-th request: of each hundred 40 misses, 10 kept, 30 hits, 18 streams and 2 that are
    /// left, well mixed.
    fn of(number: u64) -> Self {
        match number * 37 % 100 {
            0..40 => Self::Miss,
            40..50 => Self::Kept,
            50..80 => Self::Hit,
            80..98 => Self::Stream,
            _ => Self::Left,
        }
    }

    fn question(self, number: u64) -> Question {
        match self {
            Self::Miss => chat(),
            Self::Kept => chat_with(&format!("Question {number}"), json!({ "useCache": true })),
            Self::Hit => {
                chat_with(&format!("Again {}", number % REPEATED), json!({ "useCache": true }))
            }
            Self::Stream => chat_with("Say a lot.", json!({ "useCache": false, "stream": true })),
            Self::Left => {
                chat_with("Say it and wait.", json!({ "useCache": false, "stream": true }))
            }
        }
    }
}

/// One look at a server's memory.
struct Sampled {
    requests: u64,
    seconds: f64,
    bytes: f64,
}

/// Soaks Arete with fresh instances, then with reused ones.
pub(crate) async fn run(stage: &Stage, length: Length) -> Result<()> {
    println!("{}. {}", stage.cores.machine(), stage.cores.description());
    println!(
        "{length}, {CLIENTS} at once: 40 % misses, 10 % kept, 30 % asked before, 18 % streams, 2 % streams left early. \
         The cache holds 4 MiB and 10,000 answers."
    );
    for name in [FRESH, REUSE] {
        let vendor = vendor().await;
        let folder = TempDir::new()?;
        let server = match name {
            FRESH => stage.arete(folder.path(), vendor.url(), &SETTINGS).await?,
            _ => reused(stage, folder.path(), vendor.url(), &SETTINGS).await?,
        };
        report(name, &soak(&server, length).await.with_context(|| name)?);
    }
    Ok(())
}

async fn vendor() -> MockVendor {
    let vendor = MockVendor::start().await;
    let (plain, stream) = (questions::answer(), questions::stream(TOKENS));
    // What comes after the first token never comes, so that a client that leaves then leaves a
    // stream that is open.
    let begun = claude::events(&["token"]).into_iter().take(4).map(Step::send);
    let stalled = Reply::steps(begun.chain([Step::Stall]));
    vendor.always_with(move |request| {
        let has = |text: &[u8]| request.body.windows(text.len()).any(|part| part == text);
        match (has(b"\"stream\":true"), has(b"and wait")) {
            (false, _) => plain.clone(),
            (true, false) => stream.clone(),
            (true, true) => stalled.clone(),
        }
    });
    vendor
}

async fn soak(server: &Server, length: Length) -> Result<Vec<Sampled>> {
    let next = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let over = move |number: u64| match length {
        Length::Requests(requests) => requests <= number,
        Length::Minutes(minutes) => Duration::from_secs(60) * minutes <= start.elapsed(),
    };
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (next, address) = (Arc::clone(&next), server.address.clone());
        clients.spawn(async move {
            let mut client = load::connect(&address).await?;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if over(number) {
                    return anyhow::Ok(());
                }
                let kind = Kind::of(number);
                let asked = ask(&mut client, kind, number).await;
                asked.with_context(|| format!("request {number}, {kind:?}"))?;
                if kind == Kind::Left {
                    client = load::connect(&address).await?;
                }
            }
        });
    }
    let mut samples: Vec<Sampled> = Vec::new();
    let mut glances = tokio::time::interval(GLANCE);
    loop {
        tokio::select! {
            ended = clients.join_next() => match ended {
                Some(ended) => ended??,
                None => return Ok(samples),
            },
            _ = glances.tick() => {
                let (requests, seconds) = (next.load(Ordering::Relaxed), start.elapsed().as_secs_f64());
                let share = match length {
                    Length::Requests(all) => requests as f64 / all as f64,
                    Length::Minutes(minutes) => seconds / (60.0 * f64::from(minutes)),
                };
                if (samples.len() as f64) < SAMPLES as f64 * share.min(1.0) {
                    let bytes = server.process().resident().context("the system tells no memory")? as f64;
                    samples.push(Sampled { requests, seconds, bytes });
                    server.forget_log()?;
                }
            }
        }
    }
}

async fn ask(client: &mut Client, kind: Kind, number: u64) -> Result<()> {
    let mut body = client.begin(&kind.question(number)).await?;
    if kind == Kind::Left {
        loop {
            let frame = body.frame().await.context("a stream ended before its first token")??;
            if frame.data_ref().is_some_and(|data| is_token(data)) {
                return Ok(());
            }
        }
    }
    let whole = body.collect().await?.to_bytes();
    let right: &[u8] = if kind == Kind::Stream { b"event: done" } else { b"Good morning" };
    let complete = whole.windows(right.len()).any(|part| part == right);
    ensure!(complete, "it was answered {}", String::from_utf8_lossy(&whole));
    Ok(())
}

/// The samples in some lines, and what became of memory in each half.
fn report(name: &str, samples: &[Sampled]) {
    let lines = samples.chunks(SAMPLES_OF_LINE).filter_map(|samples| {
        let last = samples.last()?;
        let memory_of_line = median(samples.iter().map(|sample| sample.bytes))?;
        Some([number(last.requests as f64), number(last.seconds), memory(memory_of_line)])
    });
    let lines: Vec<_> = lines.collect();
    println!("\n{name}\n\n{}", table::lines(&["Requests", "Seconds", "Memory"], &lines, 0));
    let (first, second) = samples.split_at(samples.len() / 2);
    for (half, samples) in [("first", first), ("second", second)] {
        let points =
            samples.iter().map(|sample| (sample.requests as f64 / 1e3, sample.bytes / 1024.0));
        let slope =
            slope(points).map_or_else(|| "no slope".to_owned(), |slope| format!("{slope:+.2} KiB"));
        println!("The {half} half: {slope} for each 1,000 requests.");
    }
    let middle = median(second.iter().take(SAMPLES_OF_LINE).map(|sample| sample.bytes));
    let end = median(second.iter().rev().take(SAMPLES_OF_LINE).map(|sample| sample.bytes));
    if let Some((end, middle)) = end.zip(middle) {
        let verdict = Verdict::at_most(end / middle, FLAT_MOST, ratio);
        println!("Memory at the end to that at half: {}, {}.", verdict.value, verdict.text());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_requests_or_minutes() {
        assert_eq!("1000000".parse(), Ok(Length::Requests(1_000_000)));
        assert_eq!("20m".parse(), Ok(Length::Minutes(20)));
        for wrong in ["", "m", "0m", "1", "1h", "-5"] {
            assert!(wrong.parse::<Length>().is_err(), "{wrong}");
        }
        assert_eq!(Length::Requests(1_000_000).to_string(), "1,000,000 requests");
    }

    #[test]
    fn of_a_hundred_requests_each_kind_has_its_share() {
        let kinds: Vec<_> = (0..100).map(Kind::of).collect();
        let count = |kind| kinds.iter().filter(|own| **own == kind).count();
        let counts = [Kind::Miss, Kind::Kept, Kind::Hit, Kind::Stream, Kind::Left].map(count);
        assert_eq!(counts, [40, 10, 30, 18, 2]);
    }
}
