//! New projects: small providers of a made-up API, one in each language, that build at once and
//! pass their own cassettes.
//!
//! The files lie in `templates`, one folder a language and `common` for what all of them have, and
//! are compiled into this program. `plugin-name` and `PLUGIN_NAME` stand for the plugin's name in
//! them, so that each file is in order as it lies there.

mod files;
mod name;

use std::fs;
use std::path::{Path, PathBuf};

pub use self::name::PluginName;
use crate::project::Language;
use crate::{Problem, WIT};

/// The contract's folder, as the crate that providers in Rust share names it here and in a project.
const REPOSITORY_WIT: &str = "path: \"../../wit\"";
const PROJECT_WIT: &str = "path: \"../wit\"";

/// The place of the contract in a project that needs it there.
const CONTRACT: &str = "wit/provider.wit";

/// Writes a new project into the folder `<parent>/<name>`, which is returned.
///
/// # Errors
/// When something is in that folder already, or it can't be written.
pub fn create(name: &PluginName, language: Language, parent: &Path) -> Result<PathBuf, Problem> {
    name.fits(language)?;
    let dir = parent.join(name.as_str());
    refuse_what_is_there(&dir)?;
    for (path, text) in contents(name, language) {
        let file = dir.join(path);
        let folder = file.parent().unwrap_or(&dir);
        fs::create_dir_all(folder).map_err(|error| Problem::with_file(folder, &error))?;
        fs::write(&file, text).map_err(|error| Problem::with_file(&file, &error))?;
    }
    Ok(dir)
}

/// Nothing that somebody wrote is ever written over.
fn refuse_what_is_there(dir: &Path) -> Result<(), Problem> {
    let Ok(metadata) = fs::metadata(dir) else { return Ok(()) };
    let empty =
        metadata.is_dir() && fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none());
    if empty {
        return Ok(());
    }
    Err(Problem::new(format!(
        "{} is there already and isn't an empty folder. Choose another name, or another place with --dir.",
        dir.display()
    )))
}

/// The files of a project, with its name filled in.
fn contents(name: &PluginName, language: Language) -> Vec<(&'static str, String)> {
    let fill = |text: &str| {
        text.replace("plugin-name", name.as_str()).replace("PLUGIN_NAME", &name.variable())
    };
    let mut all = Vec::new();
    for (path, text) in files::COMMON.iter().chain(files::of(language)) {
        all.push((*path, fill(text)));
    }
    let shared = files::package(language).iter().chain(files::shared(language));
    all.extend(shared.map(|(path, text)| (*path, text.replace(REPOSITORY_WIT, PROJECT_WIT))));
    // The builds of languages that we know bring it along; wit-bindgen's macro for Rust, and the
    // generators that we don't know, read it where the sources are.
    if matches!(language, Language::Rust | Language::Other) {
        all.push((CONTRACT, WIT.to_owned()));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Project;

    fn name(text: &str) -> PluginName {
        text.parse().unwrap()
    }

    #[test]
    fn a_new_project_is_one_of_its_language_and_its_name() {
        for language in Language::ALL {
            let parent = tempfile::tempdir().unwrap();
            let dir = create(&name("my-vendor"), language, parent.path()).unwrap();
            let project = Project::open(&dir).unwrap();
            assert_eq!((project.language(), project.name()), (language, "my-vendor"));
        }
    }

    #[test]
    fn no_place_for_the_name_is_left_open() {
        for language in Language::ALL {
            for (path, text) in contents(&name("my-vendor"), language) {
                assert!(
                    !text.to_lowercase().replace('-', "_").contains("plugin_name"),
                    "{language}: {path}"
                );
                assert!(!path.contains("plugin-name"), "{language}: {path}");
            }
            let provider = contents(&name("my-vendor"), language)
                .into_iter()
                .find(|(path, _)| *path == "provider.toml");
            let (_, provider) = provider.unwrap();
            assert!(provider.contains("component = \"my-vendor.wasm\""), "{provider}");
            assert!(provider.contains("${MY_VENDOR_API_KEY}"), "{provider}");
        }
        let bindings = contents(&name("my-vendor"), Language::Rust)
            .into_iter()
            .find(|(path, _)| *path == "arete-plugin/src/lib.rs");
        assert!(
            bindings.unwrap().1.contains(PROJECT_WIT),
            "the crate looks for the contract in wit/"
        );
    }

    #[test]
    fn what_is_there_stays_as_it_is() {
        let parent = tempfile::tempdir().unwrap();
        let (taken, file, empty) =
            (parent.path().join("taken"), parent.path().join("file"), parent.path().join("empty"));
        fs::create_dir(&taken).unwrap();
        fs::write(taken.join("thesis.txt"), "").unwrap();
        fs::write(&file, "").unwrap();
        fs::create_dir(&empty).unwrap();
        for there in ["taken", "file"] {
            let says = create(&name(there), Language::Rust, parent.path()).unwrap_err().to_string();
            assert!(says.contains("is there already") && says.contains("--dir"), "{says}");
        }
        assert_eq!(fs::read_dir(&taken).unwrap().count(), 1);
        create(&name("empty"), Language::Rust, parent.path()).unwrap();
    }

    /// On a machine without a network, as those that test this are, there are only the crates of
    /// the repository.
    #[test]
    fn the_crates_of_the_rust_template_are_those_of_the_repository() {
        let lock = |path: &str| {
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
        };
        let ours = lock("../plugins/Cargo.lock");
        let template = lock("templates/rust/Cargo.lock");
        let crates: Vec<&str> =
            template.split("[[package]]\n").filter(|it| it.contains("checksum = ")).collect();
        assert!(crates.len() > 20, "{}", crates.len());
        for each in crates {
            let known = each.split("\ndependencies = [").next().unwrap_or(each).trim();
            assert!(
                ours.contains(known),
                "run `cargo update` with the versions of plugins/Cargo.lock: {known}"
            );
        }
    }
}
