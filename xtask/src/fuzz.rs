//! libFuzzer on the targets of `fuzz/`: compiled with this workspace's toolchain and what the tests
//! have compiled already, and run for some time each, as many at once as there are processors.
//!
//! Its finds lie in `target/fuzz/found`. A case that is kept goes into `fuzz/corpus`, where
//! the tests run it for ever.
//!
//! CI runs fixed cases: from the kept ones alone, with the same seed and the same number of runs,
//! so that a change isn't refused for what an unchanged reader would fail too on another day.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::repository::{cargo, program, root, run as run_command, target_dir};
use crate::step::Outcome;

/// The time of each target, unless another one is asked for.
const SECONDS: u64 = 60;
/// The seed of CI's cases. Any will do, as long as it stays.
const SEED: u32 = 20_261_129;
/// CI's cases of each target; of redaction, which cuts and fills in each one many times, fewer. On
/// two busy processors, all targets took a minute, and compiling them four.
const RUNS: u64 = 100_000;
const RUNS_OF_SLOW: (&str, u64) = ("redaction", 10_000);
/// The largest case, the time of one, and its memory.
const BOUNDS: [&str; 3] = ["-max_len=4096", "-timeout=10", "-rss_limit_mb=2048"];

/// The target in C, and the files of the plugin that it reads with.
const IN_C: &str = "json_reader";
const PLUGIN: &str = "plugins/cohere/src";
const PLUGIN_FILES: [&str; 5] = ["arena.c", "json.c", "retry_after.c", "text.c", "yyjson/yyjson.c"];
const C_FLAGS: [&str; 5] =
    ["-std=c11", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// Runs the fixed cases of all targets.
pub(crate) fn fixed() -> Result<Outcome> {
    Plan { seconds: SECONDS, fixed: true, targets: targets()? }.run()
}

/// Runs the targets named, or all.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let plan = Plan::parse(args)?;
    match plan.run()? {
        Outcome::Passed => Ok(()),
        Outcome::NotRun(reason) => {
            println!("NOT RUN: {reason}");
            Ok(())
        }
    }
}

struct Plan {
    /// The longest time of a target.
    seconds: u64,
    /// True for CI's cases, false for new ones each time.
    fixed: bool,
    targets: Vec<String>,
}

impl Plan {
    fn parse(args: &[String]) -> Result<Self> {
        let all = targets()?;
        let mut plan = Self { seconds: SECONDS, fixed: false, targets: vec![] };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--seconds" => {
                    let seconds = args.next().and_then(|seconds| seconds.parse().ok());
                    plan.seconds = seconds.context("--seconds wants a number")?;
                }
                "--fixed" => plan.fixed = true,
                name if all.iter().any(|target| target == name) => plan.targets.push(name.into()),
                name => bail!("there is no target {name:?}; there are: {}", all.join(", ")),
            }
        }
        if plan.targets.is_empty() {
            plan.targets = all;
        }
        Ok(plan)
    }

    fn run(&self) -> Result<Outcome> {
        if !cfg!(target_os = "linux") {
            return Ok(Outcome::NotRun("libFuzzer is run on Linux only".to_owned()));
        }
        for compiler in ["cc", "c++"] {
            if Command::new(compiler).arg("--version").output().is_err() {
                let reason = format!("libFuzzer is compiled with {compiler}, which isn't here");
                return Ok(Outcome::NotRun(reason));
            }
        }
        let start = Instant::now();
        let programs = self.build()?;
        println!("compiled in {} s", start.elapsed().as_secs());
        self.fuzz(&programs)?;
        Ok(Outcome::Passed)
    }

    /// Compiles the targets; gives their programs.
    fn build(&self) -> Result<Vec<(&str, PathBuf)>> {
        let target_dir = target_dir()?;
        let mut build = cargo();
        // The whole workspace, and one of its tests: so features, and with them all that is
        // compiled, are the tests' own.
        build.args(["build", "--locked", "--workspace", "--features", "arete-fuzz/libfuzzer"]);
        build.args(["--test", "json_reader"]);
        for target in &self.targets {
            // The target in C wants libFuzzer all the same.
            build.args(["--bin", if target == IN_C { "framing" } else { target }]);
        }
        build.env("RUSTC_WORKSPACE_WRAPPER", root().join("fuzz/covered-rustc"));
        run_command(&mut build)?;
        let compiled = |target: &'_ String| match target.as_str() {
            IN_C => build_c(&target_dir),
            name => Ok(target_dir.join("debug").join(name)),
        };
        self.targets.iter().map(|target| Ok((target.as_str(), compiled(target)?))).collect()
    }

    /// Runs the programs; fails if one of them found something.
    fn fuzz(&self, programs: &[(&str, PathBuf)]) -> Result<()> {
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        let mut found = Vec::new();
        for group in programs.chunks(at_once) {
            let started: Result<Vec<_>> =
                group.iter().map(|(target, program)| Run::start(target, program, self)).collect();
            for run in started? {
                found.extend(run.finish()?);
            }
        }
        ensure!(
            found.is_empty(),
            "the fuzzer found something in {}: put the case into fuzz/corpus/<target>/, where the tests run it, and \
             mend what it shows",
            found.join(", ")
        );
        Ok(())
    }
}

/// One target that is running. Dropping it ends it.
struct Run {
    target: String,
    child: Child,
    log: PathBuf,
}

impl Run {
    fn start(target: &str, fuzzer: &Path, plan: &Plan) -> Result<Self> {
        let folder = target_dir()?.join("fuzz");
        // New cases go into the first folder, and what is kept is only read.
        let new = folder.join(if plan.fixed { "fixed" } else { "corpus" }).join(target);
        let found = folder.join("found");
        if plan.fixed && new.exists() {
            fs::remove_dir_all(&new)?;
        }
        fs::create_dir_all(&new)?;
        fs::create_dir_all(&found)?;
        let log = folder.join(format!("{target}.log"));
        let output = File::create(&log)?;
        let runs = if RUNS_OF_SLOW.0 == target { RUNS_OF_SLOW.1 } else { RUNS };
        let mut command = program(fuzzer);
        command
            .args(BOUNDS)
            .arg(format!("-max_total_time={}", plan.seconds))
            .args(plan.fixed.then(|| format!("-seed={SEED}")))
            .args(plan.fixed.then(|| format!("-runs={runs}")))
            .arg("-print_final_stats=1")
            .arg(format!("-artifact_prefix={}/{target}-", found.display()))
            .arg(&new)
            .arg(root().join("fuzz/corpus").join(target))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let child = command.spawn().with_context(|| format!("{target} can't be run"))?;
        Ok(Self { target: target.to_owned(), child, log })
    }

    /// Waits for the end; gives the target's name if it found something.
    fn finish(mut self) -> Result<Option<String>> {
        let status = self.child.wait()?;
        let log = String::from_utf8_lossy(&fs::read(&self.log)?).into_owned();
        let figure = |name: &str| {
            let line = log.lines().find_map(|line| line.strip_prefix(name));
            line.map_or("?", str::trim).to_owned()
        };
        let edges = log.lines().rev().find_map(|line| line.split_once("cov: "));
        let edges = edges.and_then(|(_, rest)| rest.split_whitespace().next()).unwrap_or("?");
        let outcome = if status.success() { "passed" } else { "FOUND SOMETHING" };
        println!(
            "{:<14} {outcome}: {} cases, {edges} edges, {} new cases kept, {} MB at most",
            self.target,
            figure("stat::number_of_executed_units:"),
            figure("stat::new_units_added:"),
            figure("stat::peak_rss_mb:"),
        );
        if status.success() {
            return Ok(None);
        }
        let lines: Vec<&str> = log.lines().collect();
        println!("{}", lines.get(lines.len().saturating_sub(60)..).unwrap_or_default().join("\n"));
        Ok(Some(self.target.clone()))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The names of all targets, which are those of the corpora.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("fuzz/corpus"))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Compiles the target in C with checks of every access, and with libFuzzer as cargo compiled it.
fn build_c(target_dir: &Path) -> Result<PathBuf> {
    let folder = target_dir.join("fuzz/c");
    fs::create_dir_all(&folder)?;
    let own = |file: &str| root().join("fuzz/c").join(file);
    let object = |name: &str| {
        folder.join(Path::new(name).with_extension("o").file_name().unwrap_or_default())
    };
    let mut objects = vec![object("coverage.c")];
    run_command(
        program("cc").args(["-O2", "-c"]).arg(own("coverage.c")).arg("-o").arg(&objects[0]),
    )?;
    let plugin = PLUGIN_FILES.map(|file| root().join(PLUGIN).join(file));
    for source in plugin.iter().chain([&own("json_reader.c")]) {
        let made = object(&source.to_string_lossy());
        let mut cc = program("cc");
        cc.args(C_FLAGS).arg("-fsanitize-coverage=trace-pc,trace-cmp").arg("-include");
        cc.arg(own("str.h")).arg("-I").arg(root().join(PLUGIN)).arg("-c").arg(source);
        run_command(cc.arg("-o").arg(&made))?;
        objects.push(made);
    }
    let fuzzer = folder.join(IN_C);
    let mut link = program("c++");
    // libFuzzer has a counter of edges of this name too, which counts nothing.
    link.args(&C_FLAGS[3..]).arg("-Wl,--allow-multiple-definition");
    link.args(objects).arg(libfuzzer(target_dir)?);
    run_command(link.args(["-lpthread", "-ldl", "-o"]).arg(&fuzzer))?;
    Ok(fuzzer)
}

/// The library that `libfuzzer-sys` has compiled, the newest if there are several.
fn libfuzzer(target_dir: &Path) -> Result<PathBuf> {
    let mut found: Vec<(Duration, PathBuf)> = Vec::new();
    for entry in fs::read_dir(target_dir.join("debug/build"))? {
        let entry = entry?;
        let library = entry.path().join("out/libfuzzer.a");
        if entry.file_name().to_string_lossy().starts_with("libfuzzer-sys-") && library.exists() {
            let age = library.metadata()?.modified()?.elapsed().unwrap_or_default();
            found.push((age, library));
        }
    }
    let (_, library) = found.into_iter().min().context("cargo has compiled no libFuzzer")?;
    Ok(library)
}
