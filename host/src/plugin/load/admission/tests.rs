//! Components that are admitted, and those that are refused: how far each comes.

use std::fs::{self, File};

use tempfile::TempDir;

use super::*;
use crate::config::{Config, Limits, Machine, Vars};
use crate::plugin::load::{CodeCache, Compiler};

/// An engine with an empty cache of code.
struct Desk {
    dir: TempDir,
    runtime: Runtime,
    tls: Tls,
    limits: Limits,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let vars = Vars::from([("DATA_DIR", dir.path().to_str().unwrap())]);
        let config = Config::parse(&vars, &Machine::of_this_process()).unwrap().plugins;
        let compiler = Compiler::new(&config.compile);
        let code = CodeCache::open(&config.code_dir, config.code_cache_bytes, compiler);
        let runtime = Runtime::new(&config, code).unwrap();
        Self { dir, runtime, tls: Tls::load().unwrap(), limits: config.limits }
    }

    fn bundled(&self, name: &'static str) -> Definition {
        Definition::ungranted("a", Source::Bundled(name), &self.limits)
    }

    fn file(&self, name: &str) -> Definition {
        Definition::ungranted("a", Source::File(self.dir.path().join(name)), &self.limits)
    }

    async fn admit(&self, definition: Definition) -> Admission {
        admit(&self.runtime, &self.tls, definition).await
    }

    /// The reason of a refusal, and whether anything was compiled.
    async fn refused(&self, definition: Definition) -> (String, bool) {
        let admission = self.admit(definition).await;
        let Err(error) = admission.outcome else { panic!("it was admitted") };
        (format!("{error:#}"), admission.code.is_some())
    }
}

#[tokio::test]
async fn what_is_admitted_can_be_called_and_its_code_is_shared() {
    let desk = Desk::new();
    let mut providers = Vec::new();
    for source in [CodeSource::Compiled, CodeSource::Shared] {
        let admission = desk.admit(desk.bundled("echo")).await;
        let provider = admission.outcome.unwrap();
        assert_eq!(provider.info.vendor, "echo");
        assert_eq!(admission.read.map(|(_, digest)| digest), Some(provider.digest));
        assert_eq!(admission.code.map(|code| code.source), Some(source));
        assert!(admission.shape.is_some() && admission.advice.is_empty());
        // Code is shared with those that there are.
        providers.push(provider);
    }
}

/// On one thread each that lets the turn go hands it to the next, which waits for the thread.
#[tokio::test]
async fn several_that_want_the_same_component_at_once_each_get_it() {
    let desk = Desk::new();
    let admitted = (0..4).map(|_| desk.admit(desk.bundled("echo")));
    let admitted = futures_util::future::join_all(admitted).await;
    let sources = admitted.iter().map(|admission| admission.code.map(|code| code.source));
    let compiled = sources.filter(|source| *source == Some(CodeSource::Compiled)).count();
    assert_eq!(compiled, 1);
    assert!(admitted.iter().all(|admission| admission.outcome.is_ok()));
}

#[tokio::test]
async fn a_pin_is_held_before_anything_is_compiled() {
    let desk = Desk::new();
    let wrong = Definition { pin: Some(Sha256Digest([7; 32])), ..desk.bundled("echo") };
    let (reason, compiled) = desk.refused(wrong).await;
    assert!(reason.contains("pinned") && reason.contains(&"07".repeat(32)), "{reason}");
    assert!(!compiled);
    let bytes = bundled::component("echo").unwrap();
    let right = Definition { pin: Some(Sha256Digest::of(bytes)), ..desk.bundled("echo") };
    assert!(desk.admit(right).await.outcome.is_ok());
}

#[tokio::test]
async fn files_that_are_no_components_are_refused_in_words_and_not_compiled() {
    let desk = Desk::new();
    fs::create_dir(desk.dir.path().join("folder.wasm")).unwrap();
    fs::write(desk.dir.path().join("text.wasm"), "not a component").unwrap();
    fs::write(desk.dir.path().join("empty.wasm"), "").unwrap();
    // Holes in a file take no disk.
    let large = File::create(desk.dir.path().join("large.wasm")).unwrap();
    large.set_len(COMPONENT_BYTES_MAX + 1).unwrap();
    for (name, says) in [
        ("absent.wasm", "absent.wasm can't be read"),
        ("folder.wasm", "folder.wasm is no file"),
        ("large.wasm", "large.wasm is larger than"),
        ("text.wasm", "WebAssembly"),
        ("empty.wasm", "empty"),
    ] {
        let (reason, compiled) = desk.refused(desk.file(name)).await;
        assert!(reason.contains(says), "{name}: {reason}");
        assert!(!compiled, "{name}");
    }
}

#[tokio::test]
async fn an_operator_is_told_what_a_component_lacks_that_can_be_called_all_the_same() {
    let desk = Desk::new();
    let admission = desk.admit(desk.bundled("openai")).await;
    let [advice] = &admission.advice[..] else { panic!("{:?}", admission.advice) };
    assert!(advice.contains("a.toml would grant one:\n[[outbound]]"), "{advice}");
    let mut definition = desk.bundled("openai");
    definition.config.insert("base-url".into(), "https://api.example.com/v1".into());
    let advice = desk.admit(definition).await.advice.concat();
    assert!(advice.contains("origin = \"https://api.example.com\""), "{advice}");
}
