//! The memory of a server when nobody asks, and what each open stream adds to it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http_body_util::BodyExt;
use mock_vendor::{Gate, MockVendor};
use serde_json::json;
use tempfile::TempDir;

use crate::bench::Bench;
use crate::load::{self, is_token};
use crate::questions::{self, chat, chat_with};
use crate::server::Server;
use crate::sides::{FRESH, NATIVE, REUSE, reused};
use crate::table::{Row, Verdict, memory};

/// The time that a server rests before its memory is read.
const REST: Duration = Duration::from_secs(2);
/// In bytes.
const IDLE_MOST: f64 = 40.0 * 1024.0 * 1024.0;
/// Streams that are open at once.
const STREAMS: usize = 1000;
/// Events that each has got by then: up to the first token.
const EVENTS: usize = 4;

/// After a start with code cached, as servers start, and one request.
pub(crate) async fn idle(bench: &mut Bench) -> Result<()> {
    let vendor = MockVendor::start().await;
    vendor.always(questions::answer());
    let folder = TempDir::new()?;
    drop(bench.stage.arete(folder.path(), vendor.url(), &[]).await?);
    let arete = bench.stage.arete(folder.path(), vendor.url(), &[]).await?;
    let native = bench.stage.native(folder.path(), vendor.url()).await?;
    for server in [&arete, &native] {
        load::ask(&server.address, &chat()).await?;
    }
    tokio::time::sleep(REST).await;
    let what = "idle, after one request";
    let resident = |server: &Server| server.process().resident().map(|bytes| bytes as f64);
    bench.rows.push(Row { memory: resident(&native), ..Row::new(what, NATIVE) });
    let memory = resident(&arete);
    let verdict = memory
        .map(|bytes| Verdict::at_most(bytes, IDLE_MOST, self::memory).headline("memory, idle"));
    bench.rows.push(Row { memory, verdict, ..Row::new(what, FRESH) });
    Ok(())
}

/// With a vendor that has sent each stream's first token and no more.
pub(crate) async fn live(bench: &mut Bench) -> Result<()> {
    let vendor = MockVendor::start().await;
    vendor.always(questions::answer());
    let (stage, url) = (&bench.stage, vendor.url());
    let mut rows = Vec::new();
    for name in [NATIVE, FRESH, REUSE] {
        let folder = TempDir::new()?;
        let server = match name {
            NATIVE => stage.native(folder.path(), url).await?,
            FRESH => stage.arete(folder.path(), url, &[]).await?,
            _ => reused(stage, folder.path(), url, &[]).await?,
        };
        let memory =
            each(&server, &vendor).await.with_context(|| format!("{STREAMS} streams of {name}"))?;
        rows.push(Row { memory, ..Row::new("memory of each of 1,000 open streams", name) });
    }
    bench.rows.extend(rows);
    Ok(())
}

/// Opens streams, holds them all, and lets them end.
async fn each(server: &Server, vendor: &MockVendor) -> Result<Option<f64>> {
    let gate = Gate::new();
    vendor.always(questions::answer());
    load::ask(&server.address, &chat()).await?;
    vendor.always(questions::stream(2).wait_after(EVENTS, &gate));
    let question = chat_with("Say a lot.", json!({ "useCache": false, "stream": true }));
    let before = server.process().resident();
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        let mut client = load::connect(&server.address).await?;
        let mut body = client.begin(&question).await?;
        loop {
            let frame = body.frame().await.context("a stream ended before its first token")??;
            if frame.data_ref().is_some_and(|data| is_token(data)) {
                break;
            }
        }
        streams.push((client, body));
    }
    let held = server.process().resident();
    gate.open();
    for (_, body) in streams {
        let rest = body.collect().await?.to_bytes();
        ensure!(
            rest.windows(11).any(|part| part == b"event: done"),
            "a stream ended without its last event"
        );
    }
    Ok(held.zip(before).map(|(held, before)| (held as f64 - before as f64) / STREAMS as f64))
}
