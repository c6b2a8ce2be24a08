//! The files of the templates, as they were when this program was compiled. A test holds the tables
//! against the folders.

use crate::project::Language;

/// Files by their paths in the project.
pub(super) type Files = &'static [(&'static str, &'static str)];

macro_rules! files {
    ($folder:literal: $($path:literal)*) => {
        &[$(($path, include_str!(concat!("../../templates/", $folder, "/", $path)))),*]
    };
}

/// What a project has in any language: what the operator decides, and exchanges with the vendor.
pub(super) const COMMON: Files = files!("common":
    "provider.toml"
    "cassettes/plain/answer.json"
    "cassettes/plain/cassette.toml"
    "cassettes/plain/question.json"
    "cassettes/plain/request.http"
    "cassettes/plain/response.http"
    "cassettes/rate-limited/answer.json"
    "cassettes/rate-limited/cassette.toml"
    "cassettes/rate-limited/question.json"
    "cassettes/rate-limited/request.http"
    "cassettes/rate-limited/response.http"
    "cassettes/stream/answer.json"
    "cassettes/stream/cassette.toml"
    "cassettes/stream/question.json"
    "cassettes/stream/request.http"
    "cassettes/stream/response.http"
);

/// The files that a template shares with the plugin of this repository in the same language, by its path in
/// a project: reading JSON without losing anything is written and tested once.
pub(super) fn shared(language: Language) -> Files {
    macro_rules! from {
        ($plugin:literal: $($path:literal)*) => {
            &[$(($path, include_str!(concat!("../../../plugins/", $plugin, "/", $path)))),*]
        };
    }
    match language {
        Language::C => from!("cohere":
            "src/arena.c"
            "src/arena.h"
            "src/contract.h"
            "src/json.c"
            "src/json.h"
            "src/text.c"
            "src/text.h"
            "src/yyjson/LICENSE"
            "src/yyjson/README.md"
            "src/yyjson/yyjson.c"
            "src/yyjson/yyjson.h"
        ),
        Language::Python => from!("ollama": "src/jsontext.py"),
        Language::Rust | Language::Other => &[],
        Language::TypeScript => from!("gemini": "src/json.ts"),
    }
}

/// What belongs to a language.
pub(super) fn of(language: Language) -> Files {
    match language {
        Language::C => {
            files!("c": ".gitignore" "README.md" "compile_flags.txt" "requirements.txt" "src/provider.c")
        }
        Language::Other => files!("other": ".gitignore" "README.md" "plugin.toml"),
        Language::Python => {
            files!("python": ".gitignore" "README.md" "pyproject.toml" "requirements.txt" "src/provider.py")
        }
        Language::Rust => {
            files!("rust": ".gitignore" "Cargo.lock" "Cargo.toml" "README.md" "src/halves.rs" "src/lib.rs")
        }
        Language::TypeScript => {
            files!("ts": ".gitignore" "README.md" "package-lock.json" "package.json" "src/provider.ts" "tsconfig.json")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// What lies in a template's folder, but for what a build there leaves behind.
    fn lies_in(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_file() {
                found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/"));
            } else if !matches!(name, "build" | "target" | "node_modules" | "__pycache__") {
                lies_in(&path, root, found);
            }
        }
    }

    #[test]
    fn every_file_of_the_templates_is_in_its_table() {
        let languages = Language::ALL.map(|language| (language.short(), of(language)));
        for (name, files) in languages.into_iter().chain([("common", COMMON)]) {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates").join(name);
            let mut found = BTreeSet::new();
            lies_in(&root, &root, &mut found);
            let listed: BTreeSet<String> =
                files.iter().map(|(path, _)| (*path).to_owned()).collect();
            assert_eq!(found, listed, "{name}");
        }
    }
}
