//! The cost of a call where many providers are loaded.

use std::fs;

use anyhow::Result;
use mock_vendor::MockVendor;
use serde_json::json;
use tempfile::TempDir;

use crate::bench::Bench;
use crate::cases::FLAT_MOST;
use crate::questions::{self, chat_with};
use crate::rounds::{Side, Takes};
use crate::table::{Row, Verdict, ratio};

/// The number that counts as many.
const MANY: usize = 100;
/// Clients that ask, of all providers in turn.
const CLIENTS: usize = 32;

/// The provider's file that is there always.
const FILE: &str = include_str!("../../../host/src/plugin/bundled/claude.toml");

/// A server with one provider in its folder and a server with many, all of them asked.
pub(crate) async fn run(bench: &mut Bench) -> Result<()> {
    let vendor = MockVendor::start().await;
    vendor.always(questions::answer());
    let folders = [TempDir::new()?, TempDir::new()?];
    let mut servers = Vec::new();
    for (folder, providers) in folders.iter().zip([1, MANY]) {
        let plugins = folder.path().join("plugins");
        fs::create_dir(&plugins)?;
        for number in 0..providers {
            fs::write(plugins.join(format!("p{number:03}.toml")), FILE)?;
        }
        let settings = [("LLM_PLUGIN_DIR", "plugins")];
        servers.push((providers, bench.stage.arete(folder.path(), vendor.url(), &settings).await?));
    }
    let question = |number: usize| {
        chat_with("Good morning", json!({ "provider": format!("p{number:03}"), "useCache": false }))
    };
    let sides: Vec<_> = servers
        .iter()
        .map(|(providers, server)| Side {
            name: if *providers == 1 { "arete, 1".into() } else { format!("arete, {providers}") },
            address: &server.address,
            server: Some(server),
            questions: (0..*providers).map(question).collect(),
            vendor: &vendor,
            takes: Takes::Call,
        })
        .collect();
    let measured = bench.compare(&sides, CLIENTS).await?;
    bench.rows.extend(
        measured
            .iter()
            .map(|side| Row::of("a miss over 1 provider or 100, 32 at once", side, None)),
    );
    if let ([one, many], Some(row)) = (measured.as_slice(), bench.rows.last_mut()) {
        row.ratio = many.ratio(one, |round| Some(round.per_second));
        row.cpu_ratio = one.ratio(many, |round| round.cpu);
        let cost = many.ratio(one, |round| round.cpu);
        let verdict = cost.map(|cost| Verdict::at_most(cost, FLAT_MOST, ratio));
        row.verdict = verdict.map(|verdict| Verdict {
            by: Some("CPU"),
            ..verdict.headline(format!("CPU of a request, {MANY} providers loaded to 1"))
        });
    }
    Ok(())
}
