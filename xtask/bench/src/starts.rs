//! From the start of the process to its first answer: with nothing on disk, and with what that left
//! there.

use anyhow::{Context, Result};

use crate::bench::Bench;
use crate::load;
use crate::questions::{self, chat};
use crate::sides::FRESH;
use crate::statistics::median;
use crate::table::{Row, Verdict, time};
use mock_vendor::MockVendor;

/// Starts of each kind, whose median counts.
const COLD: usize = 3;
const WARM: usize = 9;
/// In microseconds.
const WARM_MOST: f64 = 100e3;

pub(crate) async fn run(bench: &mut Bench) -> Result<()> {
    let vendor = MockVendor::start().await;
    vendor.always(questions::answer());
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for number in 0..COLD {
        let folder = tempfile::TempDir::new()?;
        for start in 0..=WARM / COLD {
            let server = bench.stage.arete(folder.path(), vendor.url(), &[]).await?;
            load::ask(&server.address, &chat())
                .await
                .with_context(|| format!("the first request of start {number}"))?;
            let times = if start == 0 { &mut cold } else { &mut warm };
            times.push(server.started.elapsed().as_secs_f64() * 1e6);
        }
    }
    bench.rows.push(Row {
        p50: median(cold),
        ..Row::new("first answer after start, nothing compiled", FRESH)
    });
    let warm = median(warm);
    let what = "first answer after start, code cached";
    let verdict = warm.map(|warm| Verdict::at_most(warm, WARM_MOST, time).headline(what));
    bench.rows.push(Row { p50: warm, verdict, ..Row::new(what, FRESH) });
    Ok(())
}
