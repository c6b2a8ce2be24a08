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

/// The files of a folder of the repository, by their paths in a project.
macro_rules! from {
    ($folder:literal as $to:literal: $($path:literal)*) => {
        &[$((concat!($to, $path), include_str!(concat!("../../", $folder, "/", $path)))),*]
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

/// The package that providers in a language share.
pub(super) fn package(language: Language) -> Files {
    match language {
        Language::C => from!("packages/c/src" as "src/": "arete.c" "arete.h"),
        Language::Go => from!("packages/go" as "arete/":
            "README.md"
            "arete.go"
            "exchange.go"
            "export.go"
            "go.mod"
            "jsontext/jsontext.go"
            "question.go"
            "stream.go"
        ),
        Language::Python => {
            from!("packages/python/src" as "src/": "arete/__init__.py" "arete/jsontext.py")
        }
        Language::Rust => from!("../plugins/sdk" as "arete-plugin/":
            "src/body.rs"
            "src/event_stream.rs"
            "src/forward.rs"
            "src/golden.rs"
            "src/golden/cases.rs"
            "src/golden/question.rs"
            "src/golden/show.rs"
            "src/golden/sse.rs"
            "src/heap.rs"
            "src/json.rs"
            "src/lib.rs"
            "src/opening.rs"
            "src/panics.rs"
            "src/request.rs"
            "src/settings.rs"
            "src/surrogates.rs"
            "src/tool_call.rs"
            "src/vendor.rs"
            "src/vendor_call.rs"
            "src/vendor_error.rs"
            "src/wishes.rs"
        ),
        Language::Other => &[],
        Language::TypeScript => from!("packages/ts/src" as "src/arete/": "index.ts" "json.ts"),
    }
}

/// The files that a template shares with the plugin of this repository in the same language: reading JSON
/// without losing anything is written and tested once.
pub(super) fn shared(language: Language) -> Files {
    match language {
        Language::C => from!("../plugins/cohere" as "":
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
        _ => &[],
    }
}

/// What belongs to a language.
pub(super) fn of(language: Language) -> Files {
    match language {
        Language::C => {
            files!("c": ".gitignore" "README.md" "compile_flags.txt" "requirements.txt" "src/provider.c")
        }
        Language::Go => {
            files!("go": ".gitignore" "README.md" "go.mod" "provider.go" "requirements.txt")
        }
        Language::Other => files!("other": ".gitignore" "README.md" "plugin.toml"),
        Language::Python => {
            files!("python": ".gitignore" "README.md" "pyproject.toml" "requirements.txt" "src/provider.py")
        }
        Language::Rust => {
            files!("rust":
                ".gitignore" "Cargo.lock" "Cargo.toml" "README.md" "arete-plugin/Cargo.toml" "src/lib.rs"
            )
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

    /// A project has of a package its sources, without its tests, and not what only its registry
    /// needs.
    #[test]
    fn every_source_of_the_packages_is_in_its_table() {
        for (language, folder, to, extension) in [
            (Language::C, "packages/c/src", "src/", "c"),
            (Language::Go, "packages/go", "arete/", "go"),
            (Language::Python, "packages/python/src", "src/", "py"),
            (Language::Rust, "../plugins/sdk/src", "arete-plugin/src/", "rs"),
            (Language::TypeScript, "packages/ts/src", "src/arete/", "ts"),
        ] {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            let mut found = BTreeSet::new();
            lies_in(&root, &root, &mut found);
            let source = |path: &String| {
                path.ends_with(&format!(".{extension}")) && !path.ends_with("_test.go")
            };
            let found: BTreeSet<String> =
                found.into_iter().filter(source).map(|path| format!("{to}{path}")).collect();
            let listed = package(language).iter().map(|(path, _)| (*path).to_owned());
            let listed: BTreeSet<String> = listed.filter(source).collect();
            assert_eq!(found, listed, "{language}");
        }
    }

    /// Reading JSON without losing anything is written and tested once.
    #[test]
    fn the_packages_read_json_as_the_plugins_do() {
        let read = |path: &str| {
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
        };
        for (package, plugin) in [
            ("packages/python/src/arete/jsontext.py", "../plugins/ollama/src/jsontext.py"),
            ("packages/ts/src/json.ts", "../plugins/gemini/src/json.ts"),
        ] {
            assert!(read(package) == read(plugin), "{package} differs from {plugin}: copy it");
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
