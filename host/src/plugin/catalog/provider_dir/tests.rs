//! Folders of providers, on a real disk.

use tempfile::TempDir;

use super::*;
use crate::config::{Config, Machine};

struct Dir {
    dir: TempDir,
    scanner: ProviderDir,
}

impl Dir {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().display().to_string();
        let vars = Vars::from([("LLM_PLUGIN_DIR", path.as_str()), ("KEY", "sk-1")]);
        let scanner =
            ProviderDir::new(&Config::parse(&vars, &Machine::of_this_process()).unwrap().plugins);
        Self { dir, scanner }
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.dir.path().join(name), content).unwrap();
    }

    fn scan(&mut self) -> BTreeMap<String, Wanted> {
        self.scanner.scan().unwrap()
    }

    fn ids(&mut self) -> Vec<String> {
        self.scan().into_keys().collect()
    }

    fn fingerprint(&mut self, id: &str) -> Sha256Digest {
        self.scan()[id].fingerprint
    }
}

#[test]
fn an_empty_folder_leaves_the_bundled_providers() {
    assert_eq!(Dir::new().ids(), ["claude", "echo"]);
}

#[test]
fn a_component_alone_is_a_provider_that_was_granted_nothing() {
    let mut dir = Dir::new();
    dir.write("parrot.wasm", "x");
    let wanted = dir.scan();
    let definition = wanted["parrot"].definition.as_ref().unwrap();
    assert!(definition.grants.is_empty() && definition.config.is_empty());
    assert_eq!(definition.component, Source::File(dir.dir.path().join("parrot.wasm")));
}

#[test]
fn a_component_that_a_file_names_is_no_provider_by_itself() {
    let mut dir = Dir::new();
    dir.write("openai.wasm", "x");
    dir.write("groq.toml", "component = \"openai.wasm\"");
    assert_eq!(dir.ids(), ["claude", "echo", "groq"]);
}

#[test]
fn a_file_takes_the_place_of_a_bundled_provider_even_if_it_is_wrong_or_disabled() {
    let mut dir = Dir::new();
    dir.write("claude.toml", "no TOML at all");
    dir.write("echo.toml", "enabled = false");
    let wanted = dir.scan();
    assert_eq!(wanted.keys().collect::<Vec<_>>(), ["claude"]);
    let error = wanted["claude"].definition.as_ref().unwrap_err().to_string();
    assert!(error.starts_with("claude.toml can't be used: line 1:"), "{error}");
}

#[test]
fn only_names_that_can_be_a_provider_are_looked_at() {
    let mut dir = Dir::new();
    let long = format!("{}.wasm", "a".repeat(ID_MAX + 1));
    for name in [".hidden.wasm", "#draft.toml", "a b.wasm", "notes.txt", "wasm", &long] {
        dir.write(name, "x");
    }
    assert_eq!(dir.ids(), ["claude", "echo"]);
}

#[test]
fn what_is_not_a_file_is_told_and_not_read() {
    let mut dir = Dir::new();
    fs::create_dir(dir.dir.path().join("folder.toml")).unwrap();
    dir.write("large.toml", &"#".repeat(file::BYTES_MAX + 1));
    let wanted = dir.scan();
    let error = |id: &str| wanted[id].definition.as_ref().unwrap_err().to_string();
    assert_eq!(error("folder"), "folder.toml is no file");
    assert_eq!(error("large"), "large.toml is larger than 64 KiB");
}

#[test]
fn a_provider_changes_with_its_file_its_component_and_nothing_else() {
    let mut dir = Dir::new();
    dir.write("a.wasm", "one");
    dir.write("a.toml", "[config]\nmodel = \"m\"");
    let first = dir.fingerprint("a");
    dir.write("b.wasm", "other");
    assert_eq!(dir.fingerprint("a"), first);
    dir.write("a.toml", "# a note\n[config]\nmodel = \"m\"");
    assert_eq!(dir.fingerprint("a"), first, "what it says is the same");
    dir.write("a.toml", "[config]\nmodel = \"n\"");
    let second = dir.fingerprint("a");
    assert_ne!(second, first);
    dir.write("a.wasm", "another one");
    assert_ne!(dir.fingerprint("a"), second);
}

#[test]
fn a_folder_that_is_gone_is_an_error_and_no_empty_folder() {
    let mut dir = Dir::new();
    fs::remove_dir(dir.dir.path()).unwrap();
    let error = format!("{:#}", dir.scanner.scan().unwrap_err());
    assert!(error.contains("LLM_PLUGIN_DIR") && error.contains("can't be read"), "{error}");
}

#[test]
fn a_component_written_just_now_may_not_be_whole() {
    let mut dir = Dir::new();
    dir.write("a.wasm", "one");
    assert!(!dir.scan()["a"].settled);
    let file = fs::File::options().write(true).open(dir.dir.path().join("a.wasm")).unwrap();
    file.set_modified(SystemTime::now() - 2 * SETTLED_AFTER).unwrap();
    assert!(dir.scan()["a"].settled);
}

#[cfg(unix)]
#[test]
fn a_component_overwritten_in_place_is_another_although_its_size_and_time_are_the_same() {
    let mut dir = Dir::new();
    let path = dir.dir.path().join("a.wasm");
    let time = SystemTime::now() - Duration::from_secs(3_600);
    let write = |content: &str, dir: &mut Dir| {
        let before = Stamp::of(&path);
        // The clock of a file system may stand still for some milliseconds.
        while Stamp::of(&path) == before {
            dir.write("a.wasm", content);
            fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        }
        dir.fingerprint("a")
    };
    let first = write("one", &mut dir);
    assert_ne!(write("two", &mut dir), first);
}

#[test]
fn a_component_that_was_heard_of_is_read_however_it_looks() {
    let mut dir = Dir::new();
    dir.write("a.wasm", "one");
    let first = dir.fingerprint("a");
    // As if it had been looked at before it was overwritten, within one tick of the clock.
    let before = Sha256Digest::of(b"before");
    dir.scanner.components.values_mut().for_each(|(_, digest)| *digest = before);
    assert_ne!(dir.fingerprint("a"), first);
    dir.scanner.forget(&Touched::All);
    assert_eq!(dir.fingerprint("a"), first);
}
