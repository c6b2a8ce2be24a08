//! The order of the measurements, and what is printed after them.

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::bench::{Bench, Components};
use crate::{
    cases, hostile, languages, machine, memory, providers, reloads, sides, starts, summary, table,
};

/// The cases beside those of [`cases`].
const OTHERS: [&str; 6] = ["start", "reload", "idle", "live", "providers", "languages"];

/// Refuses names that begin no case.
pub(crate) fn check(only: &[String]) -> Result<()> {
    let known = cases::names().into_iter().chain(OTHERS).map(str::to_owned);
    let names: Vec<String> = known.chain(hostile::names()).collect();
    for only in only {
        let known = names.iter().any(|name| name.starts_with(only.as_str()));
        ensure!(known, "there is no case {only:?}; there are: {}", names.join(", "));
    }
    Ok(())
}

/// Measures the cases asked for and prints the tables; `readme` writes the short one into the
/// README.
pub(crate) async fn run(
    mut bench: Bench,
    components: Option<Components>,
    readme: bool,
) -> Result<()> {
    let machine = bench.stage.cores.machine();
    println!("{}, {machine}. {}", jiff::Zoned::now().date(), bench.stage.cores.description());
    if machine::open_files().is_some_and(|files| files < machine::OPEN_FILES) {
        println!("The cases with 1,000 at once want `ulimit -n {}`.", machine::OPEN_FILES);
    }
    let missing = "start it as `cargo xtask bench`, which says where the components are";
    if bench.wants("start") {
        starts::run(&mut bench).await?;
    }
    if bench.wants("idle") {
        memory::idle(&mut bench).await?;
    }
    if cases::names().iter().any(|name| bench.wants(name)) {
        let folder = TempDir::new()?;
        let sides = sides::Sides::start(&bench.stage, folder.path()).await?;
        cases::run(&mut bench, &sides).await?;
    }
    if bench.wants("providers") {
        providers::run(&mut bench).await?;
    }
    if bench.wants("live") {
        memory::live(&mut bench).await?;
    }
    if bench.wants("reload") {
        reloads::run(&mut bench, &components.as_ref().context(missing)?.bundled).await?;
    }
    let languages = match bench.wants("languages") {
        true => Some(languages::run(&mut bench, components.as_ref().context(missing)?).await?),
        false => None,
    };
    if hostile::names().iter().any(|name| bench.wants(name)) {
        let fixtures = &components.as_ref().context(missing)?.fixtures;
        println!("\n{}", hostile::run(&bench, fixtures).await?);
    }
    println!("\n{}\n{}", table::markdown(&bench.rows), table::LEGEND);
    let noise = bench.noise().unwrap_or_default();
    println!("{noise}");
    if let Some(languages) = languages {
        println!("\n{languages}");
    }
    let summary = summary::markdown(&bench.rows);
    println!("\n{summary}");
    if readme { summary::write(&summary, &format!("{machine}.\n{noise}")) } else { Ok(()) }
}
