//! Settings: typed, bounded and checked once, before the port opens. Every default of the service
//! lives here.
//!
//! Parsing is a function from strings to [`Config`]. All settings are read before any mistake is
//! reported, so that an operator sees every one at once. No message shows a secret's text.

mod base_url;
mod limits;
mod machine;
mod mistakes;
mod plugins;
mod server;
#[cfg(test)]
mod settings;
mod shares;
mod units;
mod vars;

use std::path::PathBuf;
use std::time::Duration;

pub(crate) use self::base_url::base_url;
pub use self::limits::{Limit, LimitError, Limits};
pub use self::machine::{Machine, MemoryOf, raise_descriptors};
pub use self::mistakes::Mistakes;
pub use self::plugins::{CompileConfig, PluginConfig};
pub use self::server::{ApiKey, ServerConfig};
pub(crate) use self::shares::MULTIPLE_OF_REST;
pub use self::shares::{DescriptorShares, MemoryShares};
use self::units::{GIB, HOUR, MIB, SECOND};
use self::vars::ReadSetting as _;
pub use self::vars::Vars;
#[cfg(test)]
pub(crate) use self::vars::example;

/// The shortest and longest time an answer may stay in the cache.
pub const CACHE_TTL: std::ops::RangeInclusive<Duration> = SECOND..=Duration::from_secs(30 * 86_400);

/// Everything an operator can set.
#[derive(Debug)]
pub struct Config {
    /// The HTTP server.
    pub server: ServerConfig,
    /// The wrap around each call to a provider.
    pub llm: LlmConfig,
    /// The engine that runs providers.
    pub plugins: PluginConfig,
    /// Logs.
    pub log: LogConfig,
    /// The folder for the service's files. `DATA_DIR`, default `data` in the working directory.
    pub data_dir: PathBuf,
    /// The machine that defaults are drawn from. No setting.
    pub machine: Machine,
}

/// The wrap around each call to a provider.
#[derive(Debug, Clone)]
pub struct LlmConfig {
    /// The provider that answers when the caller names none. `LLM_DEFAULT_PROVIDER`, default
    /// `claude`.
    pub default_provider: String,
    /// The number of attempts after the first. `LLM_MAX_RETRIES`, default 3.
    pub max_retries: u32,
    /// The wait before the first retry; doubled for each one after. `LLM_RETRY_DELAY`, default 1
    /// s.
    pub retry_delay: Duration,
    /// The answers kept.
    pub cache: CacheConfig,
    /// True if clients of OpenAI and Anthropic get kept answers without asking for it.
    /// `LLM_DOORS_CACHE`, default false.
    pub doors_cache: bool,
}

/// The answers kept.
#[derive(Debug, Clone)]
pub struct CacheConfig {
    /// True if any are kept. `LLM_CACHE_ENABLED`, default true.
    pub enabled: bool,
    /// For how long, when the caller says nothing. `LLM_CACHE_TTL`, default 1 h.
    pub ttl: Duration,
    /// The bytes of them in memory. `LLM_CACHE_MEMORY`, default 64 MiB.
    pub memory_bytes: u64,
    /// The number of entries on disk. `LLM_CACHE_MAX_ENTRIES`, default 100,000.
    pub max_entries: u64,
    /// The bytes on disk. `LLM_CACHE_MAX_BYTES`, default 1 GiB.
    pub max_bytes: u64,
}

/// Logs.
#[derive(Debug)]
pub struct LogConfig {
    /// The form of lines. `LOG_FORMAT`: `pretty` (default) or `json`.
    pub format: LogFormat,
    /// The filter of lines, in tracing's filter language. `RUST_LOG`, default `info`.
    pub filter: String,
}

impl LogConfig {
    /// The same for a command that says itself what is to be said: only what is broken.
    #[must_use]
    pub fn quiet(&self) -> Self {
        Self { filter: "off".into(), ..*self }
    }
}

/// A form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For machines: one JSON object a line.
    Json,
}

impl Config {
    /// Reads all settings.
    ///
    /// # Errors
    /// All mistakes, each with the setting's name and what would be right.
    pub fn parse(vars: &Vars, machine: &Machine) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let server = ServerConfig::parse(vars, machine, &mut mistakes);
        let llm = LlmConfig::parse(vars, &mut mistakes);
        let (data_dir, code_dir) = (data_dir(vars), data_dir(vars).join("code"));
        let others = server.body_memory.saturating_add(llm.cache.memory_bytes);
        let config = Self {
            plugins: PluginConfig::parse(vars, machine, others, code_dir, &mut mistakes),
            server,
            llm,
            log: LogConfig::parse(vars, &mut mistakes),
            data_dir,
            machine: *machine,
        };
        if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
    }

    /// Returns the budgets of memory that these settings promise.
    pub fn memory_shares(&self) -> MemoryShares {
        MemoryShares {
            bodies: self.server.body_memory,
            guests: self.plugins.total_memory,
            compiling: self.plugins.compile.memory_in_use(),
            cache: self.llm.cache.memory_bytes,
            process: shares::process_memory(&self.machine),
        }
    }
}

impl LlmConfig {
    fn parse(vars: &Vars, mistakes: &mut Mistakes) -> Self {
        let max_retries = vars.count("LLM_MAX_RETRIES", 3, 0..=20, mistakes);
        Self {
            default_provider: vars.get("LLM_DEFAULT_PROVIDER").unwrap_or("claude").into(),
            max_retries: u32::try_from(max_retries).unwrap_or(u32::MAX),
            retry_delay: vars.duration(
                "LLM_RETRY_DELAY",
                SECOND,
                Duration::ZERO..=30 * SECOND,
                mistakes,
            ),
            cache: CacheConfig {
                enabled: vars.switch("LLM_CACHE_ENABLED", true, mistakes),
                ttl: vars.duration("LLM_CACHE_TTL", HOUR, CACHE_TTL, mistakes),
                memory_bytes: vars.count("LLM_CACHE_MEMORY", 64 * MIB, 0..=1024 * GIB, mistakes),
                max_entries: vars.count(
                    "LLM_CACHE_MAX_ENTRIES",
                    100_000,
                    1..=1_000_000_000,
                    mistakes,
                ),
                max_bytes: vars.count("LLM_CACHE_MAX_BYTES", GIB, MIB..=1024 * GIB, mistakes),
            },
            doors_cache: vars.switch("LLM_DOORS_CACHE", false, mistakes),
        }
    }
}

fn data_dir(vars: &Vars) -> PathBuf {
    vars.get("DATA_DIR").unwrap_or("data").into()
}

impl LogConfig {
    fn parse(vars: &Vars, mistakes: &mut Mistakes) -> Self {
        let format = match vars.get("LOG_FORMAT").map(str::to_ascii_lowercase).as_deref() {
            None | Some("pretty") => LogFormat::Pretty,
            Some("json") => LogFormat::Json,
            Some(other) => {
                mistakes.add("LOG_FORMAT", format!("must be pretty or json, not {other:?}"));
                LogFormat::Pretty
            }
        };
        let filter = vars.get("RUST_LOG").unwrap_or("info");
        if let Err(error) = tracing_subscriber::EnvFilter::builder().parse(filter) {
            mistakes
                .add("RUST_LOG", format!("is not a filter such as info or arete=debug: {error}"));
        }
        Self { format, filter: filter.into() }
    }
}
