//! The time until a new version of a plugin answers, while others ask without a pause; and that none of
//! them is refused.

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use mock_vendor::MockVendor;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bench::Bench;
use crate::load::{self, Client, Question};
use crate::questions::{self, chat_with};
use crate::sides::FRESH;
use crate::statistics::percentile_us;
use crate::table::{Row, Verdict, time};

/// Clients that ask meanwhile. Few, because each asks again at once and the server has to compile
/// beside them.
const CLIENTS: usize = 2;
/// The longest time for a new version before the run is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// In microseconds.
const MOST: f64 = 300e3;

/// Writes new versions over the old one, each different from all before, so that each is compiled.
/// `components` is the folder of the two that are written in turn, which answer differently.
pub(crate) async fn run(bench: &mut Bench, components: &Path) -> Result<()> {
    let read = |name: &str| {
        fs::read(components.join(name)).with_context(|| format!("{name} can't be read"))
    };
    let versions = [(read("claude.wasm")?, "anthropic"), (read("echo.wasm")?, "echo")];
    let vendor = MockVendor::start().await;
    vendor.always(questions::answer());
    let url = vendor.url();
    let folder = TempDir::new()?;
    let plugins = folder.path().join("plugins");
    fs::create_dir(&plugins)?;
    fs::write(
        plugins.join("swap.toml"),
        format!(
            "[config]\nbase-url = \"{url}\"\nmodel = \"m\"\n[[outbound]]\norigin = \"{url}\"\n"
        ),
    )?;
    let write = |number: usize| -> Result<&str> {
        let (component, vendor) = &versions[number % 2];
        // An empty custom section of the version's number.
        let number = u32::try_from(number)?.to_le_bytes();
        fs::write(plugins.join(".swap.new"), [component, &[0, 5, 4][..], &number].concat())?;
        fs::rename(plugins.join(".swap.new"), plugins.join("swap.wasm"))?;
        Ok(vendor)
    };
    write(0)?;
    let server = bench.stage.arete(folder.path(), url, &[("LLM_PLUGIN_DIR", "plugins")]).await?;
    let question = chat_with("Hello", json!({ "provider": "swap", "useCache": false }));
    let reloads = 4 * bench.plan.rounds;
    let mut numbers = 1..;

    for (clients, asked) in [(0, "nobody asks"), (CLIENTS, "2 ask without a pause")] {
        let others = (0..clients).map(|_| ask_on(&server.address, &question));
        let mut others: FuturesUnordered<_> = others.collect();
        let times = async {
            let mut client = load::connect(&server.address).await?;
            let mut times = Vec::new();
            for number in numbers.by_ref().take(reloads) {
                let vendor = write(number)?;
                times.push(until(&mut client, &question, vendor).await?);
            }
            anyhow::Ok(times)
        };
        let mut times = tokio::select! {
            times = times => times?,
            Some(failed) = others.next() => bail!("a request failed while versions changed: {failed:#}"),
        };
        let (p50, p99) = (percentile_us(&mut times, 0.5), percentile_us(&mut times, 0.99));
        let mut row = Row {
            p50,
            p99,
            ..Row::new(format!("reload, write to first new answer, {asked}"), FRESH)
        };
        row.verdict = p50.map(|p50| Verdict::at_most(p50, MOST, time));
        if clients == 0 {
            let headline = "reload, from the write to the first answer of the new version";
            row.verdict = row.verdict.map(|verdict| verdict.headline(headline));
        }
        bench.rows.push(row);
    }
    Ok(())
}

/// Asks without end; gives the first answer that isn't a 200.
async fn ask_on(address: &str, question: &Question) -> Error {
    let asking = async {
        let mut client = load::connect(address).await?;
        loop {
            client.ask(question).await?;
        }
    };
    let failed: Result<Infallible> = asking.await;
    match failed {
        Err(error) => error,
    }
}

/// Asks until the answer is this vendor's.
async fn until(client: &mut Client, question: &Question, vendor: &str) -> Result<Duration> {
    let written = Instant::now();
    while written.elapsed() < PATIENCE {
        let answer: Value = serde_json::from_slice(&client.ask(question).await?)?;
        if answer["provider"] == vendor {
            return Ok(written.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bail!("no answer of the new version within {PATIENCE:?}")
}
