//! The settings of the bundled providers, which their files read. What is wrong with them is told
//! with all other mistakes, before the port opens.

use std::path::Path;

use super::file::{self, Surroundings};
use crate::config::{Limits, Mistakes, Vars};
use crate::plugin::bundled;

/// Checks the values that the files of bundled providers are filled in with. A provider whose file
/// the operator has replaced isn't looked at.
pub fn check_bundled(vars: &Vars, folder: Option<&Path>) -> Mistakes {
    let mut mistakes = Mistakes::default();
    for (id, text) in bundled::FILES {
        if folder.is_some_and(|folder| folder.join(format!("{id}.toml")).exists()) {
            continue;
        }
        let around = Surroundings { id, folder: None, vars, limits: &Limits::default() };
        let Err(problems) = file::parse(text, &around) else { continue };
        for (variables, problem) in problems.of_variables() {
            let name = if variables.is_empty() { id.to_owned() } else { variables.join(", ") };
            mistakes.add(name, format!("{problem}, in the file of the provider {id}"));
        }
    }
    mistakes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_has_the_name_of_its_variable_and_not_its_value() {
        let vars = Vars::from([
            ("ANTHROPIC_API_KEY", "sk-secret\u{7}"),
            ("ANTHROPIC_BASE_URL", "https://user:sk-secret@api.example"),
        ]);
        let mistakes = check_bundled(&vars, None).to_string();
        assert_eq!(
            mistakes,
            "  ANTHROPIC_BASE_URL: outbound.origin must not hold a user name or password, in the file of the provider \
             claude\n  ANTHROPIC_API_KEY: outbound.headers.x-api-key holds characters that can't stand in an HTTP \
             header, in the file of the provider claude"
        );
        assert!(check_bundled(&Vars::default(), None).is_empty());
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("claude.toml"), "enabled = false").unwrap();
        assert!(check_bundled(&vars, Some(folder.path())).is_empty(), "nobody reads them");
    }
}
