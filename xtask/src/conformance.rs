//! The conformance suite on the plugins of this repository, in every language, and the table of
//! what they cost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use crate::plugins;
use crate::repository::{cargo, program, root, run as run_command, target_dir};

/// The lines that the table stands between.
const DOCS: &str = "docs/plugins.md";
const BEGIN: &str = "<!-- made by cargo xtask conformance --docs -->\n";
const END: &str = "<!-- end -->\n";

/// Compiles the plugins asked for, or all that have cassettes, runs the suite on each and prints
/// the table, with `--docs` into the documentation too; with `--release` on the server as it is
/// shipped.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let given = |option: &str| args.iter().any(|arg| arg == option);
    let (docs, release) = (given("--docs"), given("--release"));
    let mut names: Vec<String> =
        args.iter().filter(|arg| !arg.starts_with("--")).cloned().collect();
    if names.is_empty() {
        names = plugins::all()?;
        names.retain(|name| root().join("plugins").join(name).join("cassettes").is_dir());
    }
    ensure!(!names.is_empty(), "no plugin has cassettes");
    let tools = tools(release)?;
    let mut table = vec![
        "| Plugin | Language | Component | Compiling, once | A call | Checks |".to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    let mut failed = Vec::new();
    for name in &names {
        let component = plugins::build(name)?;
        own_tests(name)?;
        let project = root().join("plugins").join(name);
        let (report, passed) =
            test(&tools, &component, &project.join("provider.toml"), &project.join("cassettes"))?;
        table.push(row(name, &report));
        if !passed || !vendors(&tools, &component, &project)? {
            failed.push(name.as_str());
        }
    }
    let table = table.join("\n") + "\n";
    println!("\n{table}");
    if docs && failed.is_empty() {
        let build = if release { "release" } else { "debug" };
        write(&format!("Measured with the {build} build of the server.\n\n{table}"))?;
    }
    if failed.is_empty() {
        Ok(())
    } else {
        bail!("these plugins don't conform: {}", failed.join(", "))
    }
}

/// The tests that a plugin brings in its own language; those of the Rust ones run with all others.
fn own_tests(name: &str) -> Result<()> {
    let project = root().join("plugins").join(name);
    if project.join("package.json").is_file() {
        run_command(program("npm").args(["test", "--silent"]).current_dir(&project))?;
    }
    if project.join("pyproject.toml").is_file() {
        run_command(program("python3").args(["-m", "unittest", "--quiet"]).current_dir(&project))?;
    }
    Ok(())
}

/// Compiles the server and the tools beside it, and returns the tools.
fn tools(release: bool) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--locked", "--package", "arete", "--package", "arete-plugin-kit"]);
    run_command(build.args(release.then_some("--release")))?;
    let profile = if release { "release" } else { "debug" };
    let file = format!("arete-plugin{}", std::env::consts::EXE_SUFFIX);
    Ok(target_dir()?.join(profile).join(file))
}

/// Runs the suite on a plugin, prints its report, and returns it and whether the plugin passed.
fn test(
    tools: &Path,
    component: &Path,
    provider: &Path,
    cassettes: &Path,
) -> Result<(String, bool)> {
    let mut test = program(tools);
    test.arg("test").arg(component).arg("--cassettes").arg(cassettes);
    if provider.is_file() {
        test.arg("--provider").arg(provider);
    }
    let output = test.stderr(Stdio::inherit()).output().context("arete-plugin can't be run")?;
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{report}");
    Ok((report, output.status.success()))
}

/// Runs it with each provider file of another vendor that has cassettes of its own: the files
/// `providers/<vendor>.toml`, and the folders `vendors/<vendor>`. Returns true if all passed.
fn vendors(tools: &Path, component: &Path, project: &Path) -> Result<bool> {
    let folder = project.join("vendors");
    let mut passed = true;
    if folder.is_dir() {
        for vendor in fs::read_dir(folder)? {
            let cassettes = vendor?.path();
            let name = cassettes.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let provider = project.join("providers").join(format!("{name}.toml"));
            ensure!(provider.is_file(), "{} has no provider file", cassettes.display());
            println!("{name}:");
            passed &= test(tools, component, &provider, &cassettes)?.1;
        }
    }
    Ok(passed)
}

fn row(name: &str, report: &str) -> String {
    let line = |label: &str| {
        let value = report.lines().find_map(|line| line.strip_prefix(label)).unwrap_or_default();
        value.split(',').next().unwrap_or_default().trim().to_owned()
    };
    let language = plugins::language(name).unwrap_or_default();
    let (component, compiling, call) = (line("component "), line("compiling "), line("a call "));
    format!("| `{name}` | {language} | {component} | {compiling} | {call} | {} |", line("checks "))
}

fn write(table: &str) -> Result<()> {
    let path = root().join(DOCS);
    let text = fs::read_to_string(&path).with_context(|| format!("{DOCS} can't be read"))?;
    let (before, rest) =
        text.split_once(BEGIN).with_context(|| format!("{DOCS} has no line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{DOCS} has no line {END}"))?;
    fs::write(&path, [before, BEGIN, "\n", table, "\n", END, after].concat())?;
    println!("{DOCS} has the table.");
    Ok(())
}
