//! The pieces of a request, one by one, for the benchmarks in `benches/`: hidden behind a feature,
//! because nobody else should build on them.

use std::sync::Arc;

use anyhow::Context;
use tempfile::TempDir;

use crate::api::chat::{ChatRequest, ChatResponse};
use crate::chat::{Key, KeyParts};
use crate::config::{Config, Machine, Vars};
use crate::contract::{Completion, Request, WishList};
use crate::digest::Sha256Digest;
use crate::egress::framing::Framer;
use crate::http::json::FromJson;
use crate::meter::Meter;
use crate::plugin::{CallContext, Loader, Provider, ProviderCall};
use crate::turns::Turns;

/// A provider as the server has it, and the folder it was loaded with.
pub struct Loaded {
    provider: Arc<Provider>,
    _folder: TempDir,
}

/// A streamed answer that was opened.
pub struct Streamed(ProviderCall);

/// The question in a request's body.
///
/// # Panics
/// When it isn't valid.
#[allow(clippy::expect_used, reason = "for benchmarks, whose questions are valid")]
pub fn question(body: &[u8]) -> Request {
    ChatRequest::from_json(body).map(|chat| chat.request).map_err(|_| "mistakes").expect("none")
}

/// An answer as the body of a response.
pub fn answer(completion: &Completion) -> Vec<u8> {
    ChatResponse::new(completion, "vendor", false).json().unwrap_or_default()
}

/// The name of a question's answer in the cache.
pub fn key(request: &Request) -> Key {
    let digest = Sha256Digest([7; 32]);
    let parts = KeyParts {
        provider: "claude",
        digest: &digest,
        config_digest: &digest,
        tenant: Some("team"),
    };
    Key::new(&parts, request, &WishList::default())
}

/// Returns the number of events in these pieces of a stream.
pub fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> usize {
    let mut framer = Framer::new(1 << 20);
    let mut events = 0;
    for piece in pieces {
        framer.feed(piece);
        while let Ok(Some(_)) = framer.next_event() {
            events += 1;
        }
    }
    events
}

impl Loaded {
    /// Loads a bundled provider that needs no key.
    ///
    /// # Errors
    /// Why it can't be loaded.
    pub async fn new(id: &str, reuse: &str) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let data = folder.path().display().to_string();
        let vars = Vars::from([
            ("DATA_DIR", data.as_str()),
            ("LLM_PLUGIN_REUSE", reuse),
            ("LLM_DEFAULT_PROVIDER", id),
        ]);
        let config = Config::parse(&vars, &Machine::of_this_process())
            .map_err(|mistakes| anyhow::anyhow!("{mistakes:?}"))?;
        let providers = Loader::start(&config.plugins, Turns::of_this_machine()).await?.providers();
        let slot = providers.get(id).context("it isn't there")?;
        let provider = slot.serving().cloned().context("it isn't ready")?;
        Ok(Self { provider, _folder: folder })
    }

    /// Makes an instance and drops it.
    ///
    /// # Panics
    /// When there is no place for it.
    pub async fn instantiate(&self) {
        drop(self.instance().await);
    }

    /// A whole call: an instance, the answer, the end of the instance.
    ///
    /// # Panics
    /// When it fails.
    #[allow(clippy::expect_used, reason = "for benchmarks, in which calls don't fail")]
    pub async fn call(&self, request: &Request) -> Completion {
        let mut instance = self.instance().await;
        let completion = instance.complete(request).await.expect("an answer");
        instance.release().await;
        completion
    }

    /// Opens a streamed answer.
    ///
    /// # Panics
    /// When it fails.
    #[allow(clippy::expect_used, reason = "for benchmarks, in which calls don't fail")]
    pub async fn open(&self, request: &Request) -> Streamed {
        let mut instance = self.instance().await;
        instance.open_stream(request).await.expect("a stream");
        Streamed(instance)
    }

    #[allow(clippy::expect_used, reason = "for benchmarks, in which there is room")]
    async fn instance(&self) -> ProviderCall {
        self.provider
            .begin_call(&Meter::default(), CallContext::default())
            .await
            .expect("an instance")
    }
}

impl Streamed {
    /// Returns the number of deltas that come next.
    ///
    /// # Panics
    /// When it fails.
    #[allow(clippy::expect_used, reason = "for benchmarks, in which calls don't fail")]
    pub async fn next(&mut self) -> usize {
        self.0.next().await.expect("deltas").len()
    }
}
