//! What all measurements share: the plan, what was asked for, and the table so far.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use tempfile::TempDir;
use upstream::Upstream;

use crate::rounds::{self, Measured, Plan, Side};
use crate::server::Stage;
use crate::table::{self, Row};
use crate::{cases, machine, memory, reloads, sides, starts, summary};

/// A run of the benchmark.
pub(crate) struct Bench {
    pub(crate) stage: Stage,
    pub(crate) plan: Plan,
    pub(crate) folder: TempDir,
    /// Names of cases, or how they begin. Empty: all.
    pub(crate) only: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

impl Bench {
    /// Measures what is wanted and prints the table.
    pub(crate) async fn run(mut self, components: Option<&PathBuf>) -> Result<()> {
        self.known()?;
        println!("{}. {}", self.stage.cores.machine(), self.stage.cores.description());
        if machine::raise_open_files().is_some_and(|files| files < machine::OPEN_FILES) {
            println!("The cases with 1,000 at once want `ulimit -n {}`.", machine::OPEN_FILES);
        }
        if self.wants("start") {
            starts::run(&mut self).await?;
        }
        if self.wants("reload") {
            reloads::run(&mut self, components).await?;
        }
        if cases::names().iter().any(|name| self.wants(name)) {
            let sides = sides::Sides::start(&self.stage, self.folder.path()).await?;
            cases::run(&mut self, &sides).await?;
        }
        if self.wants("idle") {
            memory::idle(&mut self).await?;
        }
        if self.wants("live") {
            memory::live(&mut self).await?;
        }
        println!("\n{}\n{}", table::markdown(&self.rows), summary::markdown(&self.rows));
        Ok(())
    }

    /// Whether a case is asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.starts_with(only.as_str()))
    }

    /// Refuses to measure what there isn't.
    fn known(&self) -> Result<()> {
        let names = [cases::names(), vec!["start", "reload", "idle", "live"]].concat();
        for only in &self.only {
            let known = names.iter().any(|name| name.starts_with(only.as_str()));
            ensure!(known, "there is no case {only:?}; there are: {}", names.join(", "));
        }
        Ok(())
    }

    pub(crate) async fn compare(
        &self,
        vendor: &Upstream,
        sides: &[Side<'_>],
        connections: usize,
    ) -> Result<Vec<Measured>> {
        rounds::compare(self.plan, self.stage.cores.of_servers(), vendor, sides, connections).await
    }
}

impl Plan {
    /// For developers, in a minute or two.
    pub(crate) const QUICK: Self =
        Self { rounds: 3, time: Duration::from_millis(400), warm_up: Duration::from_millis(200) };
    /// In less than fifteen minutes.
    pub(crate) const FULL: Self = Self { rounds: 7, time: Duration::from_secs(1), warm_up: Duration::from_millis(500) };
}
