//! Which providers there are: the bundled ones, and those of the operator's folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use futures_util::StreamExt;
use http::HeaderName;
use tracing::{error, info, warn};

use super::engine::Runtime;
use super::outbound::{Grant, OutboundLimits, Tls};
use super::provider::{Definition, Limits, Provider, Source};
use crate::config::{AnthropicConfig, Config, PluginConfig};

/// Providers that are compiled at once: each takes memory while it is.
const LOADS_AT_ONCE: u32 = 8;

mod bundled {
    //! The components compiled into the binary, by the build script.
    include!(concat!(env!("OUT_DIR"), "/bundled.rs"));
}

/// Providers by name.
pub struct Providers(BTreeMap<String, Slot>);

/// A provider's place: it may hold one that couldn't be loaded, so that operators and callers learn why.
pub enum Slot {
    /// It can be called.
    Ready(Arc<Provider>),
    /// It can't, for this reason.
    Failed(String),
}

impl Providers {
    /// Loads all providers at once. One that fails is a place that says so, not an end of the start.
    ///
    /// # Errors
    /// When no provider could ever run, or the folder can't be read.
    pub async fn load(config: &Config) -> anyhow::Result<Self> {
        let runtime = Runtime::new(&config.plugins).context("starting the WebAssembly engine")?;
        let tls = Arc::new(Tls::load().context("reading the system's roots of trust for TLS")?);
        let mut definitions = BTreeMap::new();
        for definition in bundled(&config.anthropic, &config.plugins) {
            definitions.insert(definition.id.to_string(), definition);
        }
        if let Some(dir) = &config.plugins.dir {
            definitions.extend(folder(dir, &config.plugins)?);
        }

        let loads = definitions.into_iter().map(|(id, definition)| {
            let (runtime, tls) = (runtime.clone(), tls.clone());
            async move {
                let slot = match Provider::admit(&runtime, &tls, definition).await {
                    Ok(provider) => Slot::Ready(provider),
                    Err(reason) => Slot::Failed(format!("{reason:#}")),
                };
                slot.report(&id);
                (id, slot)
            }
        });
        // Compiling is work for all cores; and no more may be probed at once than may be called.
        let at_once = config.plugins.max_calls.min(LOADS_AT_ONCE) as usize;
        let slots = futures_util::stream::iter(loads).buffer_unordered(at_once);
        Ok(Self(slots.collect().await))
    }

    /// The provider of this name, if there is one.
    pub fn get(&self, id: &str) -> Option<&Slot> {
        self.0.get(id)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Slot)> {
        self.0.iter().map(|(id, slot)| (id.as_str(), slot))
    }

    /// Their names.
    pub fn ids(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

impl Slot {
    fn report(&self, id: &str) {
        match self {
            Self::Ready(provider) => {
                let version = &provider.info.version;
                info!(provider = id, %version, sha256 = %provider.digest, "Loaded provider");
                if let Some(missing) = &provider.definition.missing {
                    warn!(provider = id, "{missing}");
                }
            }
            Self::Failed(reason) => error!(provider = id, "The provider can't be loaded: {reason}"),
        }
    }
}

/// `claude` and `echo`, which are there always.
fn bundled(anthropic: &AnthropicConfig, plugins: &PluginConfig) -> [Definition; 2] {
    let key = anthropic.api_key.clone();
    let missing = key.is_none().then(|| {
        "provider claude has no API key: set ANTHROPIC_API_KEY in the environment or in .env and restart".to_owned()
    });
    let headers = key.map(|key| (HeaderName::from_static("x-api-key"), key)).into_iter().collect();
    let settings = [("base-url", anthropic.base_url.to_string()), ("model", anthropic.model.clone())];
    let claude = Definition {
        config: settings.map(|(key, value)| (key.to_owned(), value)).into(),
        grants: Arc::from([Grant { origin: anthropic.base_url.origin(), headers, private: false }]),
        missing,
        ..ungranted("claude", Source::Bundled(bundled::CLAUDE), plugins)
    };
    [claude, ungranted("echo", Source::Bundled(bundled::ECHO), plugins)]
}

/// Each `<id>.wasm` of the folder, without any grant.
fn folder(dir: &Path, plugins: &PluginConfig) -> anyhow::Result<BTreeMap<String, Definition>> {
    let unreadable = || format!("LLM_PLUGIN_DIR {} can't be read", dir.display());
    let mut definitions = BTreeMap::new();
    for entry in std::fs::read_dir(dir).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        // What isn't a file, a pipe for one, could be waited for without end.
        if path.extension().is_none_or(|extension| extension != "wasm") || !path.is_file() {
            continue;
        }
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        match path.file_stem().and_then(|stem| stem.to_str()) {
            Some(id) if id.len() <= 64 && id.chars().all(named) => {
                definitions.insert(id.to_owned(), ungranted(id, Source::File(path.clone()), plugins));
            }
            _ => warn!(
                "{} isn't loaded: a provider's name is at most 64 letters, digits, '-', '_' and '.'",
                path.display()
            ),
        }
    }
    Ok(definitions)
}

/// A provider that was given nothing.
fn ungranted(id: &str, component: Source, plugins: &PluginConfig) -> Definition {
    Definition {
        id: id.into(),
        component,
        config: BTreeMap::new(),
        grants: Arc::from([]),
        missing: None,
        limits: Limits {
            memory_bytes: plugins.memory_bytes,
            cpu: plugins.cpu,
            calls: plugins.max_calls as usize,
            outbound: OutboundLimits {
                first_byte: plugins.idle_timeout,
                idle: plugins.idle_timeout,
                response_bytes: plugins.response_bytes,
                event_bytes: plugins.event_bytes,
                ..OutboundLimits::default()
            },
        },
    }
}
