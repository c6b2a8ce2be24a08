//! A folder that changes, and the providers after each look at it.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::config::{Config, Machine, Vars};

/// A folder of providers, and what loads them. The provider that takes longest to compile is off.
struct Desk {
    dir: TempDir,
    loader: Loader,
}

impl Desk {
    async fn start(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let plugins = dir.path().join("plugins");
        fs::create_dir(&plugins).unwrap();
        for (name, text) in [("claude.toml", "enabled = false\n")].iter().chain(files) {
            fs::write(plugins.join(name), text).unwrap();
        }
        let vars = Vars::from([
            ("LLM_PLUGIN_DIR", plugins.to_str().unwrap()),
            ("DATA_DIR", dir.path().to_str().unwrap()),
            ("LLM_START_WAIT", "1h"),
        ]);
        let config = Config::parse(&vars, &Machine::of_this_process()).unwrap().plugins;
        Self { dir, loader: Loader::start(&config, crate::turns::Turns::new(1)).await.unwrap() }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join("plugins").join(name), text).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.dir.path().join("plugins").join(name)).unwrap();
    }

    /// Looks at the folder, and returns the number of admissions that this began.
    async fn look(&mut self) -> usize {
        assert!(self.loader.look(true, Touched::All).await.unwrap());
        self.loader.admissions.len()
    }

    async fn settle(&mut self) {
        self.look().await;
        self.loader.settle().await;
    }

    /// The state of a provider in a word, the setting `mark` of the version that serves, and the
    /// reason why the newest one doesn't.
    fn state(&self, id: &str) -> (&'static str, String, String) {
        let Some(slot) = self.loader.providers().get(id) else {
            return ("absent", String::new(), String::new());
        };
        let serving = slot.serving().and_then(|it| it.definition.config.get("mark").cloned());
        let mark = serving.unwrap_or_default();
        match &slot.state {
            SlotState::Loading => ("loading", mark, String::new()),
            SlotState::Ready(_) => ("ready", mark, String::new()),
            SlotState::Stale(_, reason) => ("stale", mark, reason.clone()),
            SlotState::Failed(reason) => ("failed", mark, reason.clone()),
        }
    }
}

fn marked(mark: &str) -> String {
    format!("component = \"bundled:echo\"\n[config]\nmark = \"{mark}\"\n")
}

#[tokio::test]
async fn a_version_that_is_wrong_changes_nothing_but_what_is_said_of_it() {
    let mut desk = Desk::start(&[("a.toml", "component = 3\n"), ("b.toml", &marked("1"))]).await;
    let (state, _, reason) = desk.state("a");
    assert_eq!(state, "failed");
    assert!(reason.contains("component"), "{reason}");
    assert_eq!(desk.state("b").0, "ready");
    assert_eq!(desk.state("echo").0, "ready");
    assert_eq!(desk.state("claude").0, "absent");

    // The last good one goes on, and a good one takes its place.
    for (text, state) in [(marked("1"), "ready"), ("sha256 = 1".to_owned(), "stale")] {
        desk.write("a.toml", &text);
        desk.settle().await;
        let (found, mark, reason) = desk.state("a");
        assert_eq!((found, &*mark, reason.is_empty()), (state, "1", state == "ready"), "{reason}");
    }
    desk.write("a.toml", &marked("2"));
    desk.settle().await;
    assert_eq!(desk.state("a"), ("ready", "2".to_owned(), String::new()));
    desk.remove("a.toml");
    desk.settle().await;
    assert_eq!(desk.state("a").0, "absent");
    assert_eq!(desk.state("b").0, "ready");
}

#[tokio::test]
async fn what_was_tried_is_not_tried_again_until_it_changes() {
    let mut desk = Desk::start(&[("a.toml", "component = \"no.wasm\"\n")]).await;
    assert_eq!(desk.state("a").0, "failed");
    let generation = desk.loader.generation;
    assert_eq!(desk.look().await, 0);
    // Written anew, and the same.
    desk.write("a.toml", "component = \"no.wasm\"\n");
    assert_eq!(desk.look().await, 0);
    assert_eq!(desk.loader.generation, generation);
    desk.write("a.toml", &marked("1"));
    assert_eq!(desk.look().await, 1);
    assert_eq!(desk.loader.generation, generation + 1);
    desk.loader.settle().await;
    assert_eq!(desk.state("a").0, "ready");
}

#[tokio::test]
async fn an_admission_that_was_overtaken_leaves_nothing() {
    let mut desk = Desk::start(&[]).await;
    desk.write("a.toml", &marked("1"));
    desk.look().await;
    assert_eq!(desk.state("a").0, "loading");
    desk.write("a.toml", &marked("2"));
    desk.look().await;
    desk.write("b.toml", &marked("1"));
    desk.look().await;
    desk.remove("b.toml");
    desk.settle().await;
    assert_eq!(desk.state("a"), ("ready", "2".to_owned(), String::new()));
    assert_eq!(desk.state("b").0, "absent");

    // Even one that ended before it was heard of.
    let overtaken = Admitted {
        id: "a".into(),
        generation: desk.loader.tried["a"].generation - 1,
        outcome: Err(anyhow::anyhow!("overtaken")),
        code: None,
        advice: vec![],
    };
    desk.loader.publish_admission(overtaken);
    assert_eq!(desk.state("a").0, "ready");
}
