//! `arete plugin new`: a project to begin with.

use std::path::PathBuf;
use std::process::ExitCode;

use arete_plugin_kit::{Language, PluginName};
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::{complain, say};

/// Arguments of `arete plugin new`.
#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The plugin's name: small letters, digits and hyphens.
    name: PluginName,
    /// The language to write it in.
    #[arg(long, value_name = "LANGUAGE")]
    lang: Lang,
    /// The folder in which the project's folder is made.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// A language, as clap offers it.
#[derive(Clone, Copy, Debug)]
struct Lang(Language);

impl ValueEnum for Lang {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [Lang; 6] = [
            Lang(Language::Rust),
            Lang(Language::TypeScript),
            Lang(Language::Python),
            Lang(Language::C),
            Lang(Language::Go),
            Lang(Language::Other),
        ];
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.short()))
    }
}

/// Writes the project.
pub(super) fn run(args: &NewArgs) -> ExitCode {
    let NewArgs { name, lang: Lang(language), dir } = args;
    match arete_plugin_kit::create(name, *language, dir) {
        Ok(project) => {
            let path = project.strip_prefix(".").unwrap_or(&project).display().to_string();
            let what = match language {
                Language::Other => {
                    "the contract, a provider file and exchanges to play. Its plugin.toml \
                                    wants the command that builds the component. What comes next:"
                        .to_owned()
                }
                _ => format!("a provider in {language} that works. What comes next:"),
            };
            say(&format!(
                "Made {path}, {what}\n\n    \
                 arete plugin dev {path}      build, serve, and again whenever you save a file\n    \
                 arete plugin build {path}    make {path}/build/{name}.wasm\n\nIts README.md tells the rest."
            ));
            ExitCode::SUCCESS
        }
        Err(problem) => complain(&problem),
    }
}
