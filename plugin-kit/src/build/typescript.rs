//! TypeScript: types from the contract, `tsc` to check, jco with QuickJS to compile.
//!
//! The tools are the project's own: `npm ci` installs what its `package-lock.json` pins into its
//! `node_modules`, again only when the lock changed. `node` runs their scripts directly, which
//! works alike on every system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::job::{Job, write};
use super::tool;
use crate::{Problem, WORLD};

/// The least release that the bundler inside of jco runs on.
const NODE: [u32; 2] = [20, 19];
const INSTALL: &str = "Install Node.js 20.19 or later: https://nodejs.org.";

const JCO: (&str, &str) = ("@bytecodealliance/jco", "dist/jco.js");
const TSC: (&str, &str) = ("typescript", "bin/tsc");

/// Where the provider's source is, if `main` in `package.json` doesn't say.
const ENTRY: &str = "src/provider.ts";

/// The contract's imports are the host's to give, so nothing to bundle.
const BUNDLE: &str = "export default { external: [/^arete:/, /^wasi:/] };\n";

pub(super) fn build(job: &Job) -> Result<PathBuf, Problem> {
    let dir = job.project.dir();
    let entry = entry(dir)?;
    tool::need(&mut Command::new("node"), NODE, INSTALL)?;
    install(job)?;

    let types = job.scratch.join("types");
    let mut jco = script(dir, JCO)?;
    jco.arg("guest-types")
        .arg(&job.wit)
        .args(["--quiet", "--world-name", WORLD, "--out-dir"])
        .arg(types);
    tool::run(&mut jco, job.quiet, INSTALL, "jco can't make types from the contract.")?;
    check(job, &entry)?;
    compile(job, &entry)
}

fn entry(dir: &Path) -> Result<PathBuf, Problem> {
    let manifest = dir.join("package.json");
    let text =
        fs::read_to_string(&manifest).map_err(|error| Problem::with_file(&manifest, &error))?;
    let package: Value = serde_json::from_str(&text)
        .map_err(|error| Problem::new(format!("{} isn't JSON: {error}.", manifest.display())))?;
    let entry = dir.join(package["main"].as_str().unwrap_or(ENTRY));
    if entry.is_file() {
        return Ok(entry);
    }
    Err(Problem::new(format!(
        "{} isn't there. It should hold the provider; `main` in package.json can name another file.",
        entry.display()
    )))
}

/// Packages' own scripts aren't run: nothing here needs them, and they could do anything.
fn install(job: &Job) -> Result<(), Problem> {
    let dir = job.project.dir();
    let lock = fs::read_to_string(dir.join("package-lock.json")).map_err(|_| {
        Problem::new(format!(
            "{} has no package-lock.json, which pins the tools. Run `npm install` there once and keep the file with the \
             sources.",
            dir.display()
        ))
    })?;
    let stamp = dir.join("node_modules/.arete-installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(dir);
    let failed = "npm can't install what package-lock.json names. If package.json has changed, run `npm install` there.";
    tool::run(&mut npm, job.quiet, INSTALL, failed)?;
    write(&stamp, &lock)
}

/// What is only type-checked: that the provider exports what the contract asks for, so that a
/// forgotten or misspelt export is found here and not when it is loaded. How `Deltas` are made is
/// the provider's own business.
const EXPORTS: &str = "\
import type * as contract from 'arete:provider/chat@0.1.1';
import { chat } from ENTRY;

type Deltas = { Deltas: abstract new (...args: never[]) => contract.Deltas };
chat satisfies Omit<typeof contract, 'Deltas'> & Deltas;
";

fn check(job: &Job, entry: &Path) -> Result<(), Problem> {
    // From the build folder, because a path from the root isn't one that compilers rewrite.
    let entry = Path::new("..").join(entry.strip_prefix(job.project.dir()).unwrap_or(entry));
    write(&job.scratch.join("exports.ts"), &EXPORTS.replace("ENTRY", &json!(entry).to_string()))?;
    let mut config = json!({
        "compilerOptions": {
            "noEmit": true, "strict": true, "allowImportingTsExtensions": true, "skipLibCheck": true,
            "target": "ES2023", "module": "ESNext", "moduleResolution": "bundler",
            "types": [], "lib": ["ES2023", "ES2024.String", "ESNext.Disposable"],
        },
        "include": ["exports.ts", "types/**/*.d.ts"],
    });
    if job.project.dir().join("tsconfig.json").is_file() {
        config["extends"] = "../tsconfig.json".into();
    }
    let path = job.scratch.join("tsconfig.json");
    write(&path, &format!("{config:#}\n"))?;

    let mut tsc = script(job.project.dir(), TSC)?;
    let failed = "The sources don't fit their types, or the contract's: see above.";
    tool::run(tsc.arg("--project").arg(path), job.quiet, INSTALL, failed)
}

fn compile(job: &Job, entry: &Path) -> Result<PathBuf, Problem> {
    let bundle = job.scratch.join("bundle.config.mjs");
    write(&bundle, BUNDLE)?;
    let component = job.scratch.join("component.wasm");
    let mut jco = script(job.project.dir(), JCO)?;
    jco.arg("componentize").arg(entry).arg("--wit").arg(&job.wit).args(["--world-name", WORLD]);
    jco.args(["--backend", "qjs", "--backend-qjs-disable-async", "--bundle-config"]).arg(bundle);
    jco.arg("--out").arg(&component);
    tool::run(
        &mut jco,
        job.quiet,
        INSTALL,
        "jco can't make a component of the sources: see above.",
    )?;
    Ok(component)
}

/// A script of an installed package, run by node in the project's folder.
fn script(dir: &Path, (package, file): (&str, &str)) -> Result<Command, Problem> {
    let script = dir.join("node_modules").join(package).join(file);
    if !script.is_file() {
        return Err(Problem::new(format!(
            "{package} isn't among what package-lock.json installs. Run `npm install --save-dev --save-exact {package}` in \
             {}.",
            dir.display()
        )));
    }
    let mut node = Command::new("node");
    node.arg(script).current_dir(dir);
    Ok(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in files {
            write(&dir.path().join(file), text).unwrap();
        }
        dir
    }

    fn says<T>(result: Result<T, Problem>) -> String {
        result.err().map(|problem| problem.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_entry_is_main_or_src_provider_ts() {
        let dir = project(&[("package.json", "{}"), ("src/provider.ts", "")]);
        assert_eq!(entry(dir.path()).unwrap(), dir.path().join("src/provider.ts"));
        let dir = project(&[("package.json", r#"{"main":"lib/a.ts"}"#), ("lib/a.ts", "")]);
        assert_eq!(entry(dir.path()).unwrap(), dir.path().join("lib/a.ts"));
    }

    #[test]
    fn an_entry_that_is_not_there_is_named() {
        let dir = project(&[("package.json", "{}")]);
        let says = says(entry(dir.path()));
        assert!(says.contains("src/provider.ts isn't there") && says.contains("`main`"), "{says}");
        let dir = project(&[("package.json", "{")]);
        assert!(self::says(entry(dir.path())).contains("package.json isn't JSON"));
    }

    #[test]
    fn a_tool_that_the_lock_lacks_is_named_with_the_command_that_adds_it() {
        let says = says(script(project(&[]).path(), JCO));
        assert!(
            says.contains("npm install --save-dev --save-exact @bytecodealliance/jco"),
            "{says}"
        );
    }
}
