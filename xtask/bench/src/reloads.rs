//! How soon a new version of a plugin answers, while others ask without a pause; and that none of them is refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};
use upstream::Upstream;

use crate::cases::chat;
use crate::load::{self, Client, Question};
use crate::server::Server;
use crate::table::Row;

/// New versions, one after the other.
const RELOADS: usize = 100;
/// Clients that ask meanwhile.
const CLIENTS: u32 = 8;
/// How long a new version may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Two components that answer differently: what is written in turn.
pub(crate) struct Versions {
    pub(crate) claude: PathBuf,
    pub(crate) echo: PathBuf,
}

/// Writes new versions over the old one, each different from all before, so that each is compiled.
pub(crate) async fn run(binary: &Path, versions: &Versions, vendor: &Upstream, threads: usize) -> Result<Vec<Row>> {
    let folder = tempfile::TempDir::new()?;
    let plugins = folder.path().join("plugins");
    fs::create_dir(&plugins)?;
    let url = vendor.url();
    fs::write(
        plugins.join("swap.toml"),
        format!("[config]\nbase-url = \"{url}\"\nmodel = \"m\"\n[[outbound]]\norigin = \"{url}\"\n"),
    )?;
    let components = [(fs::read(&versions.claude)?, "anthropic"), (fs::read(&versions.echo)?, "echo")];
    let write = |number: usize| -> Result<&str> {
        let (component, vendor) = &components[number % 2];
        // An empty custom section of the version's number.
        let number = u32::try_from(number)?.to_le_bytes();
        fs::write(plugins.join(".swap.new"), [component, &[0, 5, 4][..], &number].concat())?;
        fs::rename(plugins.join(".swap.new"), plugins.join("swap.wasm"))?;
        Ok(vendor)
    };
    write(0)?;
    let server = Server::arete_with(binary, folder.path(), url, threads, &[("LLM_PLUGIN_DIR", "plugins")]).await?;
    let question = chat(json!({ "provider": "swap", "useCache": false }));

    let reloads = async {
        let mut client = load::connect(&server.address).await?;
        let mut times = Vec::new();
        for number in 1..=RELOADS {
            let vendor = write(number)?;
            times.push(until(&mut client, &question, vendor).await?.as_secs_f64() * 1e3);
        }
        anyhow::Ok(times)
    };
    // Ends with an error at the first answer that isn't a 200.
    let asking = load::run(&server.address, &question, CLIENTS, Duration::MAX);
    let mut times = tokio::select! {
        times = reloads => times?,
        failed = asking => bail!("{:?}", failed.err()),
    };
    times.sort_unstable_by(f64::total_cmp);
    let (median, worst) = (times[RELOADS / 2], times[RELOADS - 1]);
    println!("reload: {RELOADS} under load, none of the requests beside them failed");
    Ok(vec![
        Row::alone("reload, write to first new answer", "ms", median).target("≤ 300", median <= 300.0),
        Row::alone(format!("  the longest of {RELOADS}"), "ms", worst),
    ])
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
