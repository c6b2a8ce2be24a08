//! What is measured, against what, and what it should come to.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use upstream::{Reply, Upstream, claude};

use crate::load::{self, Question, Sample};
use crate::reloads::{self, Versions};
use crate::server::Server;
use crate::table::{self, Row};

/// Turns of each side in one case.
const ROUNDS: u32 = 4;
/// Before anything counts: connections to the vendor open, memory is touched, code is compiled.
const WARM_UP: Duration = Duration::from_millis(500);
/// Tokens of a streamed answer.
const TOKENS: usize = 200;
/// Starts whose median counts.
const STARTS: usize = 5;
/// How long a server rests before its memory is read.
const REST: Duration = Duration::from_secs(2);
/// Many connections, and the open files they take here and in the vendor, with some to spare.
const MANY: u32 = 1000;
const FILES_OF_MANY: u64 = 4 * MANY as u64;

struct Bench {
    vendor: Upstream,
    arete: Server,
    native: Server,
    /// Of each side of each case.
    time: Duration,
    rows: Vec<Row>,
}

/// Measures everything and prints the table.
pub(crate) async fn run(
    binary: &Path,
    versions: &Versions,
    threads: usize,
    seconds: u64,
    connections: u32,
) -> Result<()> {
    let folder = TempDir::new()?;
    let vendor = Upstream::start().await;
    vendor.always(Reply::json(200, claude::message("Good morning")));

    let mut rows = starts(binary, folder.path(), vendor.url(), threads).await?;
    rows.extend(reloads::run(binary, versions, &vendor, threads).await?);
    let arete = Server::arete(binary, folder.path(), vendor.url(), threads).await?;
    load::ask(&arete.address, &chat(json!({ "useCache": false }))).await?;
    tokio::time::sleep(REST).await;
    rows.extend(memory("memory, idle after one request", &arete, true));

    let native = Server::native(folder.path(), vendor.url(), threads).await?;
    let time = Duration::from_secs(seconds);
    let mut bench = Bench { vendor, arete, native, time, rows };
    bench.plain(connections).await?;
    bench.latency().await?;
    bench.streamed(connections).await?;
    bench.cached(connections).await?;
    bench.health(connections).await?;
    bench.many().await?;
    bench.rows.extend(memory("memory, after all of this", &bench.arete, false));

    println!("\nServers have {threads} threads each; {connections} connections where not said otherwise.");
    table::print(&bench.rows);
    Ok(())
}

impl Bench {
    /// A chat that no cache may answer, against the mapping compiled natively.
    async fn plain(&mut self, connections: u32) -> Result<()> {
        let question = chat(json!({ "useCache": false }));
        let (arete, native) = self.compare("chat", &question, &question, connections).await?;
        let (fast, reference) = (arete.per_second(), native.per_second());
        self.rows.push(Row::ratio("chat, a miss", "/s", fast, reference).target("≥ 0.70", fast >= 0.7 * reference));
        self.cpu("  processor time", &arete, &native);
        Ok(())
    }

    /// The same, one at a time: what a caller waits for.
    async fn latency(&mut self) -> Result<()> {
        let question = chat(json!({ "useCache": false }));
        let (mut arete, mut native) = self.compare("latency", &question, &question, 1).await?;
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            let what = format!("  latency of one at a time, {name}");
            self.rows.push(Row::difference(what, "µs", arete.latency_us(share), native.latency_us(share)));
        }
        self.cpu("  processor time, one at a time", &arete, &native);
        Ok(())
    }

    /// A streamed answer, each token an event and a packet of its own.
    async fn streamed(&mut self, connections: u32) -> Result<()> {
        let events = claude::events(&["token "; TOKENS]);
        self.vendor.always(Reply::sse(events));
        let question = chat(json!({ "useCache": false, "stream": true }));
        for server in [&self.arete, &self.native] {
            let answer = load::ask(&server.address, &question).await?;
            let deltas = answer.matches("event: delta").count();
            ensure!(deltas == TOKENS && answer.contains("event: done"), "a stream of {deltas} tokens: {answer}");
        }
        let (arete, native) = self.compare("stream", &question, &question, connections).await?;
        let tokens = TOKENS as f64;
        let (fast, reference) = (arete.per_second() * tokens, native.per_second() * tokens);
        let row = Row::ratio("stream, a miss", "tokens/s", fast, reference);
        self.rows.push(row.target("≥ 0.80", fast >= 0.8 * reference));
        self.cpu("  processor time, whole stream", &arete, &native);
        self.vendor.always(Reply::json(200, claude::message("Good morning")));
        Ok(())
    }

    /// An answer of before, against a route that reads the same question and writes the same answer.
    async fn cached(&mut self, connections: u32) -> Result<()> {
        let question = chat(json!({ "useCache": true }));
        let bare = Question { path: "/bare", ..question.clone() };
        load::ask(&self.arete.address, &question).await?;
        let again: Value = serde_json::from_str(&load::ask(&self.arete.address, &question).await?)?;
        if again["cached"] != true {
            self.rows.push(Row::alone("chat, a hit (the cache gave none)", "/s", 0.0).target("≥ 0.90", false));
            return Ok(());
        }
        let (arete, native) = self.compare("hit", &question, &bare, connections).await?;
        let (fast, reference) = (arete.per_second(), native.per_second());
        let row = Row::ratio("chat, a hit, to a bare route", "/s", fast, reference);
        self.rows.push(row.target("≥ 0.90", fast >= 0.9 * reference));
        self.cpu("  processor time", &arete, &native);
        Ok(())
    }

    /// What any route of ours costs before it does anything.
    async fn health(&mut self, connections: u32) -> Result<()> {
        let ours = Question { method: Method::GET, path: "/api/health", body: Bytes::new() };
        let bare = Question { path: "/bare", ..ours.clone() };
        let (arete, native) = self.compare("health", &ours, &bare, connections).await?;
        self.rows.push(Row::ratio("health, to a bare route", "/s", arete.per_second(), native.per_second()));
        self.cpu("  processor time", &arete, &native);
        Ok(())
    }

    /// Whether many at once cost more each.
    async fn many(&mut self) -> Result<()> {
        let what = format!("processor time, {MANY} at once to 1");
        if open_files().is_none_or(|limit| limit < FILES_OF_MANY) {
            println!("{what}: not measured; needs `ulimit -n {FILES_OF_MANY}`");
            return Ok(());
        }
        let question = chat(json!({ "useCache": false }));
        let one = measured(&self.arete, &question, 1, self.time).await?;
        let many = measured(&self.arete, &question, MANY, self.time).await?;
        if let (Some(many), Some(one)) = (many.cpu_us(), one.cpu_us()) {
            self.rows.push(Row::ratio(what, "µs", many, one).target("≤ 1.10", many <= 1.1 * one));
        }
        Ok(())
    }

    /// Measures both sides, in turns: one's first round is before the other's, its second after it.
    async fn compare(
        &self,
        name: &str,
        arete: &Question,
        native: &Question,
        connections: u32,
    ) -> Result<(Sample, Sample)> {
        let sides = [(&self.arete, arete), (&self.native, native)];
        let mut samples = [Sample::default(), Sample::default()];
        for (server, question) in sides {
            load::run(&server.address, question, connections, WARM_UP).await?;
        }
        for round in 0..ROUNDS {
            let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
            for side in order {
                let (server, question) = sides[side];
                samples[side].add(measured(server, question, connections, self.time / ROUNDS).await?);
            }
        }
        let [arete, native] = samples;
        println!("{name}: {:.0} /s, reference {:.0} /s", arete.per_second(), native.per_second());
        Ok((arete, native))
    }

    fn cpu(&mut self, what: &str, arete: &Sample, native: &Sample) {
        if let (Some(arete), Some(native)) = (arete.cpu_us(), native.cpu_us()) {
            self.rows.push(Row::ratio(what, "µs", arete, native));
        }
    }
}

async fn measured(server: &Server, question: &Question, connections: u32, time: Duration) -> Result<Sample> {
    let before = server.cpu();
    let sample = load::run(&server.address, question, connections, time).await?;
    let cpu = server.cpu().zip(before).map(|(after, before)| after - before);
    Ok(Sample { cpu, ..sample })
}

/// From the start of the process to its first answer: with nothing on disk, and then with what that left there.
async fn starts(binary: &Path, folder: &Path, vendor: &str, threads: usize) -> Result<Vec<Row>> {
    let mut times = Vec::new();
    for _ in 0..=STARTS {
        let server = Server::arete(binary, folder, vendor, threads).await?;
        load::ask(&server.address, &chat(json!({ "useCache": false }))).await.context("the first request")?;
        times.push(server.started.elapsed().as_secs_f64() * 1e3);
    }
    let first = times.remove(0);
    times.sort_unstable_by(f64::total_cmp);
    let median = times[STARTS / 2];
    Ok(vec![
        Row::alone("first answer, the very first start", "ms", first),
        Row::alone("first answer, later starts", "ms", median).target("≤ 100", median <= 100.0),
    ])
}

fn memory(what: &str, server: &Server, bounded: bool) -> Option<Row> {
    let resident = server.resident()? as f64 / (1 << 20) as f64;
    let row = Row::alone(what, "MiB", resident);
    Some(if bounded { row.target("≤ 40", resident <= 40.0) } else { row })
}

pub(crate) fn chat(more: Value) -> Question {
    let mut body = json!({
        "messages": [{ "role": "user", "content": "Say good morning, in two words and without a full stop." }],
        "maxTokens": 100,
    });
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    Question { method: Method::POST, path: "/api/llm/chat", body: body.to_string().into() }
}

/// How many files a process may have open, where the system tells.
fn open_files() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
