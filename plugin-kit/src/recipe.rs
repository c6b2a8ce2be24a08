//! The build of a project in a language without a module here, as its `plugin.toml` tells it:
//!
//! ```toml
//! [build]
//! command = ["tinygo", "build", "-target=wasip2", "-o", "build/component.wasm", "."]
//! component = "build/component.wasm"   # made by the command; this is the default
//! ignore = ["bin", "obj"]              # names that `arete plugin dev` doesn't watch
//! ```
//!
//! The command runs in the project's folder, without a shell, and finds the contract's folder in
//! `ARETE_WIT`.

use std::fs;
use std::path::{Path, PathBuf};

use toml::Table;

use crate::Problem;

/// The file with the command.
pub(crate) const FILE: &str = "plugin.toml";
/// The component that the command makes unless the file names another.
const COMPONENT: &str = "build/component.wasm";
const UNSET: &str = "it doesn't say how the component is built: name a program and its arguments as `command` under [build]";

/// A command, the component that it makes, and the names of files that aren't sources.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recipe {
    pub(crate) program: String,
    pub(crate) args: Vec<String>,
    pub(crate) component: PathBuf,
    pub(crate) ignore: Vec<String>,
}

impl Recipe {
    pub(crate) fn read(dir: &Path) -> Result<Self, Problem> {
        let path = dir.join(FILE);
        let text = fs::read_to_string(&path).map_err(|error| Problem::with_file(&path, &error))?;
        Self::parse(&text).map_err(|problem| Problem::new(format!("{}: {problem}", path.display())))
    }

    fn parse(text: &str) -> Result<Self, Problem> {
        let table: Table =
            text.parse().map_err(|error: toml::de::Error| Problem::new(error.to_string()))?;
        let build = match table.get("build") {
            Some(build) => {
                build.as_table().ok_or_else(|| Problem::new("`build` must be a table"))?
            }
            None => return Err(Problem::new(UNSET)),
        };
        let known = ["command", "component", "ignore"];
        let unknown = table.keys().filter(|key| *key != "build").cloned();
        let unknown: Vec<String> = unknown
            .chain(build.keys().filter(|key| !known.contains(&key.as_str())).cloned())
            .collect();
        if !unknown.is_empty() {
            return Err(Problem::new(format!(
                "{} isn't known; under [build] there are: {}",
                unknown.join(", "),
                known.join(", ")
            )));
        }
        let list = |key: &str| match build.get(key) {
            None => Ok(Vec::new()),
            Some(list) => list
                .as_array()
                .and_then(|list| list.iter().map(|it| it.as_str().map(str::to_owned)).collect())
                .ok_or_else(|| Problem::new(format!("`{key}` must be a list of texts"))),
        };
        let mut command = list("command")?.into_iter();
        let program = command.next().ok_or_else(|| Problem::new(UNSET))?;
        let component = match build.get("component") {
            None => COMPONENT,
            Some(path) => {
                path.as_str().ok_or_else(|| Problem::new("`component` must be a path"))?
            }
        };
        let (component, ignore) = (PathBuf::from(component), list("ignore")?);
        Ok(Self { program, args: command.collect(), component, ignore })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_is_a_command_and_the_file_that_it_makes() {
        let recipe = Recipe::parse("[build]\ncommand = [\"make\", \"-s\"]\n").unwrap();
        assert_eq!(
            (recipe.program.as_str(), recipe.args.as_slice()),
            ("make", &["-s".to_owned()][..])
        );
        assert_eq!(recipe.component, Path::new("build/component.wasm"));
        let text =
            "[build]\ncommand = [\"make\"]\ncomponent = \"bin/x.wasm\"\nignore = [\"bin\"]\n";
        let recipe = Recipe::parse(text).unwrap();
        assert_eq!(
            (recipe.component.as_path(), recipe.ignore),
            (Path::new("bin/x.wasm"), vec!["bin".into()])
        );
    }

    #[test]
    fn what_is_wrong_with_a_recipe_is_said() {
        for (text, says) in [
            ("", "doesn't say how the component is built"),
            ("[build]\n", "doesn't say how the component is built"),
            ("[build]\ncommand = []\n", "doesn't say how the component is built"),
            ("[build]\ncommand = \"make\"\n", "`command` must be a list of texts"),
            ("[build]\ncommand = [1]\n", "`command` must be a list of texts"),
            ("[build]\ncommand = [\"make\"]\ncomponent = 1\n", "`component` must be a path"),
            (
                "[build]\ncomand = [\"make\"]\n",
                "comand isn't known; under [build] there are: command",
            ),
            ("build = 1\n", "`build` must be a table"),
            ("[build\n", "TOML parse error"),
        ] {
            let problem = Recipe::parse(text).unwrap_err().to_string();
            assert!(problem.contains(says), "{text}: {problem}");
        }
    }
}
