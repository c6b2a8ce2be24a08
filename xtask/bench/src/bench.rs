//! The things that all measurements of a run share.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::rounds::{self, Measured, Plan, Side};
use crate::server::Stage;
use crate::statistics::median;
use crate::table::{self, Row};

/// The tools that all measurements share.
pub(crate) struct Bench {
    pub(crate) stage: Stage,
    pub(crate) plan: Plan,
    /// Names of cases, or how they begin. Empty: all.
    only: Vec<String>,
    /// Of the table, so far.
    pub(crate) rows: Vec<Row>,
    /// Of each round, the share of the servers' cores that something else used.
    foreign: Vec<f64>,
}

/// Components: the bundled ones, which reloads write in turn, and those in other languages, of
/// which any may be missing; and the guests that misbehave.
pub(crate) struct Components {
    pub(crate) bundled: PathBuf,
    pub(crate) others: PathBuf,
    pub(crate) fixtures: PathBuf,
}

impl Bench {
    /// Starts with an empty table. `only` holds names of cases, or their beginnings.
    pub(crate) fn new(stage: Stage, plan: Plan, only: Vec<String>) -> Self {
        Self { stage, plan, only, rows: Vec::new(), foreign: Vec::new() }
    }

    /// Returns true if a case is asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.starts_with(only.as_str()))
    }

    /// Measures these sides in turns, with so many connections each.
    pub(crate) async fn compare(
        &mut self,
        sides: &[Side<'_>],
        connections: usize,
    ) -> Result<Vec<Measured>> {
        let measured = rounds::compare(self.plan, &self.stage.cores, sides, connections).await?;
        self.foreign.extend(measured.iter().flat_map(Measured::foreign));
        Ok(measured)
    }

    /// Returns the share of the cores that other programs used, where the system tells.
    pub(crate) fn noise(&self) -> Option<String> {
        let worst = self.foreign.iter().copied().reduce(f64::max)?;
        let (usual, worst) =
            (table::percent(median(self.foreign.iter().copied())?), table::percent(worst));
        Some(format!(
            "Something else used {usual} of the servers' cores in the median round, and {worst} in the worst."
        ))
    }
}

impl Plan {
    /// For developers, in a minute or two.
    pub(crate) const QUICK: Self =
        Self { rounds: 3, time: Duration::from_millis(400), warm_up: Duration::from_millis(200) };
    /// In less than fifteen minutes.
    pub(crate) const FULL: Self =
        Self { rounds: 7, time: Duration::from_secs(1), warm_up: Duration::from_millis(500) };
}
