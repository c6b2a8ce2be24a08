//! The sides: the vendor asked directly, the mapping compiled natively, and Arete, with an instance
//! for each call and with instances that are used again.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use mock_vendor::MockVendor;
use serde_json::json;

use crate::load::{self, Question};
use crate::questions::{self, chat, chat_with, direct};
use crate::rounds::{Side, Takes};
use crate::server::{Server, Stage};

/// The provider's file that is there always, with instances used again.
const REUSED: &str = concat!(
    include_str!("../../../host/src/plugin/bundled/claude.toml"),
    "\n[limits]\nreuse = 1000\n"
);

/// As rows call them.
pub(crate) const DIRECT: &str = "direct";
pub(crate) const NATIVE: &str = "native";
pub(crate) const FRESH: &str = "arete";
pub(crate) const REUSE: &str = "arete, reuse";
pub(crate) const BARE: &str = "bare route";

/// A vendor and the servers before it. All run for as long as this lives; one at a time is asked.
pub(crate) struct Sides {
    pub(crate) vendor: MockVendor,
    address: String,
    pub(crate) native: Server,
    pub(crate) fresh: Server,
    pub(crate) reused: Server,
}

impl Sides {
    pub(crate) async fn start(stage: &Stage, folder: &Path) -> Result<Self> {
        let vendor = MockVendor::start().await;
        vendor.always(questions::answer());
        let url = vendor.url().to_owned();
        let folders = ["native", "fresh", "reused"].map(|name| folder.join(name));
        folders.iter().try_for_each(fs::create_dir)?;
        let [native, fresh, reused] = folders;
        let native = stage.native(&native, &url).await?;
        let fresh = stage.arete(&fresh, &url, &[]).await?;
        let reused = self::reused(stage, &reused, &url, &[]).await?;
        let address = url.trim_start_matches("http://").to_owned();
        let sides = Self { vendor, address, native, fresh, reused };
        sides.agree().await?;
        Ok(sides)
    }

    /// All of them, asked the same question, which takes a call of the vendor each.
    pub(crate) fn all(&self, question: &Question) -> Vec<Side<'_>> {
        let side = |name, server| self.side(name, server, question.clone(), Takes::Call);
        vec![
            Side {
                name: DIRECT.into(),
                address: &self.address,
                server: None,
                questions: vec![direct(question)],
                vendor: &self.vendor,
                takes: Takes::Call,
            },
            side(NATIVE, &self.native),
            side(FRESH, &self.fresh),
            side(REUSE, &self.reused),
        ]
    }

    /// One of the servers, asked one question.
    pub(crate) fn side<'a>(
        &'a self,
        name: &str,
        server: &'a Server,
        question: Question,
        takes: Takes,
    ) -> Side<'a> {
        let (name, address, vendor) = (name.to_owned(), server.address.as_str(), &self.vendor);
        Side { name, address, server: Some(server), questions: vec![question], vendor, takes }
    }

    /// Returns true if the reference answers as Arete does: nothing else is worth a comparison.
    async fn agree(&self) -> Result<()> {
        let streamed = chat_with("Hello", json!({ "useCache": false, "stream": true }));
        for (reply, question) in [(questions::stream(2), streamed), (questions::answer(), chat())] {
            self.vendor.always(reply);
            let fresh = load::ask(&self.fresh.address, &question).await.context("arete")?;
            let native =
                load::ask(&self.native.address, &question).await.context("the reference")?;
            ensure!(fresh == native, "arete answers\n{fresh}\nand the reference\n{native}");
            let reused = load::ask(&self.reused.address, &question)
                .await
                .context("arete, instances used again")?;
            ensure!(
                reused == fresh,
                "a reused instance answers\n{reused}\nand a fresh one\n{fresh}"
            );
        }
        Ok(())
    }
}

/// Arete with instances used again.
pub(crate) async fn reused(
    stage: &Stage,
    folder: &Path,
    vendor: &str,
    settings: &[(&str, &str)],
) -> Result<Server> {
    let plugins = folder.join("plugins");
    fs::create_dir_all(&plugins)?;
    fs::write(plugins.join("claude.toml"), REUSED)?;
    stage.arete(folder, vendor, &[settings, &[("LLM_PLUGIN_DIR", "plugins")]].concat()).await
}
