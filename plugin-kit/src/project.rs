//! The contents of a plugin's folder: its language and its name.

use std::path::{Path, PathBuf};
use std::{fmt, fs};

use crate::Problem;
use crate::recipe::{self, Recipe};

/// A language that plugins are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Sources in `src`, compiled by the clang that is part of Zig.
    C,
    /// A module, compiled by the Go toolchain for WASI.
    Go,
    /// Any other language, compiled by a command that the project names.
    Other,
    /// Modules in `src`, compiled by componentize-py together with their interpreter.
    Python,
    /// A crate of its own or a member of a workspace, compiled for `wasm32-wasip2`.
    Rust,
    /// An npm package, type-checked and compiled by jco with QuickJS.
    TypeScript,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::C, Self::Go, Self::Python, Self::Rust, Self::TypeScript, Self::Other];

    /// Returns its name on a command line.
    pub fn short(self) -> &'static str {
        match self {
            Self::C => "c",
            Self::Go => "go",
            Self::Other => "other",
            Self::Python => "python",
            Self::Rust => "rust",
            Self::TypeScript => "ts",
        }
    }
}

/// The file by which a project of each language is known. The first is known beside the others, as
/// languages without a module here may have their files too.
const MARKS: &[(&str, Language)] = &[
    (recipe::FILE, Language::Other),
    ("compile_flags.txt", Language::C),
    ("go.mod", Language::Go),
    ("pyproject.toml", Language::Python),
    ("Cargo.toml", Language::Rust),
    ("package.json", Language::TypeScript),
];

/// A folder that holds the sources of one plugin.
#[derive(Debug)]
pub struct Project {
    dir: PathBuf,
    name: String,
    language: Language,
}

impl Project {
    /// Looks into a folder.
    ///
    /// # Errors
    /// When it isn't there, holds no project, or holds the marks of two languages.
    pub fn open(dir: &Path) -> Result<Self, Problem> {
        let dir = fs::canonicalize(dir).map_err(|error| Problem::with_file(dir, &error))?;
        let language = language(&dir)?;
        let name = dir.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.ok_or_else(|| {
            Problem::new("A plugin needs a folder of its own, which gives it its name.")
        })?;
        Ok(Self { dir, name, language })
    }

    /// Its folder, as an absolute path.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The folder's name, which is the component's too.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the names of files in it that are no sources, beside those of every project.
    pub fn ignored(&self) -> Vec<String> {
        match self.language {
            Language::Other => {
                Recipe::read(&self.dir).map(|recipe| recipe.ignore).unwrap_or_default()
            }
            Language::C
            | Language::Go
            | Language::Python
            | Language::Rust
            | Language::TypeScript => Vec::new(),
        }
    }

    /// Returns the language it is written in.
    pub fn language(&self) -> Language {
        self.language
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::C => "C",
            Self::Go => "Go",
            Self::Other => "another language",
            Self::Python => "Python",
            Self::Rust => "Rust",
            Self::TypeScript => "TypeScript",
        })
    }
}

fn language(dir: &Path) -> Result<Language, Problem> {
    let found: Vec<_> = MARKS.iter().filter(|(file, _)| dir.join(file).is_file()).collect();
    let known = || {
        MARKS
            .iter()
            .map(|(file, language)| format!("{file} ({language})"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    match found.as_slice() {
        [(_, language)] | [(recipe::FILE, language), ..] => Ok(*language),
        [] => Err(Problem::new(format!(
            "{} is no plugin project: it needs one of these files: {}.",
            dir.display(),
            known()
        ))),
        [(one, _), (other, _), ..] => Err(Problem::new(format!(
            "{} has both {one} and {other}, so its language can't be told; keep one of them.",
            dir.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(files: &[&str]) -> Result<Project, String> {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("mistral");
        fs::create_dir(&dir).unwrap();
        files.iter().for_each(|file| fs::write(dir.join(file), "").unwrap());
        Project::open(&dir).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_file_tells_the_language_and_the_folder_the_name() {
        for (file, language) in MARKS {
            let project = open(&[file, "README.md"]).unwrap();
            assert_eq!(project.language(), *language);
            assert_eq!(project.name(), "mistral");
        }
    }

    #[test]
    fn a_folder_without_a_mark_is_told_what_it_needs() {
        let says = open(&["main.go"]).unwrap_err();
        assert!(says.contains("mistral is no plugin project"), "{says}");
        let marks = "plugin.toml (another language), compile_flags.txt (C), go.mod (Go), pyproject.toml (Python), Cargo.toml (Rust), package.json (TypeScript)";
        assert!(says.contains(marks), "{says}");
    }

    #[test]
    fn two_marks_are_one_too_many() {
        let says = open(&["Cargo.toml", "package.json"]).unwrap_err();
        assert!(says.contains("has both Cargo.toml and package.json"), "{says}");
    }

    #[test]
    fn a_command_to_build_with_counts_whatever_else_is_there() {
        let project = open(&["Cargo.toml", "plugin.toml", "compile_flags.txt"]).unwrap();
        assert_eq!(project.language(), Language::Other);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let says = Project::open(Path::new("no/such/place")).unwrap_err().to_string();
        assert!(says.starts_with("no/such/place can't be used: "), "{says}");
    }
}
