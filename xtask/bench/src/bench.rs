//! A run of the benchmark: what all measurements share, and the order they come in.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::rounds::{self, Measured, Plan, Side};
use crate::server::Stage;
use crate::statistics::median;
use crate::table::{self, Row};
use crate::{cases, languages, machine, memory, providers, reloads, sides, starts, summary};

/// Cases beside those of [`cases`].
const OTHERS: [&str; 6] = ["start", "reload", "idle", "live", "providers", "languages"];

/// What all measurements share.
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
/// which any may be missing.
pub(crate) struct Components {
    pub(crate) bundled: PathBuf,
    pub(crate) others: PathBuf,
}

impl Bench {
    /// Refuses to measure what there isn't.
    pub(crate) fn new(stage: Stage, plan: Plan, only: Vec<String>) -> Result<Self> {
        let names = [cases::names(), OTHERS.to_vec()].concat();
        for only in &only {
            let known = names.iter().any(|name| name.starts_with(only.as_str()));
            ensure!(known, "there is no case {only:?}; there are: {}", names.join(", "));
        }
        Ok(Self { stage, plan, only, rows: Vec::new(), foreign: Vec::new() })
    }

    /// Measures what is wanted and prints the tables; `readme` writes the short one into the
    /// README.
    pub(crate) async fn run(mut self, components: Option<Components>, readme: bool) -> Result<()> {
        let machine = self.stage.cores.machine();
        println!("{}, {machine}. {}", jiff::Zoned::now().date(), self.stage.cores.description());
        if machine::open_files().is_some_and(|files| files < machine::OPEN_FILES) {
            println!("The cases with 1,000 at once want `ulimit -n {}`.", machine::OPEN_FILES);
        }
        let missing = "start it as `cargo xtask bench`, which says where the components are";
        if self.wants("start") {
            starts::run(&mut self).await?;
        }
        if self.wants("idle") {
            memory::idle(&mut self).await?;
        }
        if cases::names().iter().any(|name| self.wants(name)) {
            let folder = TempDir::new()?;
            let sides = sides::Sides::start(&self.stage, folder.path()).await?;
            cases::run(&mut self, &sides).await?;
        }
        if self.wants("providers") {
            providers::run(&mut self).await?;
        }
        if self.wants("live") {
            memory::live(&mut self).await?;
        }
        if self.wants("reload") {
            reloads::run(&mut self, &components.as_ref().context(missing)?.bundled).await?;
        }
        let languages = match self.wants("languages") {
            true => Some(languages::run(&mut self, components.as_ref().context(missing)?).await?),
            false => None,
        };
        println!("\n{}\n{}", table::markdown(&self.rows), table::LEGEND);
        let noise = self.noise().unwrap_or_default();
        println!("{noise}");
        if let Some(languages) = languages {
            println!("\n{languages}");
        }
        let summary = summary::markdown(&self.rows);
        println!("\n{summary}");
        if readme { summary::write(&summary, &format!("{machine}.\n{noise}")) } else { Ok(()) }
    }

    /// Whether a case is asked for.
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

    /// Whether the machine was quiet, where the system tells.
    fn noise(&self) -> Option<String> {
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
