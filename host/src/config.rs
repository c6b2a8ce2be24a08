//! Settings: typed, bounded and checked once, before the port opens. Every default of the service
//! lives here.
//!
//! Parsing is a function from strings to [`Config`]. All settings are read before any mistake is
//! reported, so that an operator sees every one at once. No message shows a secret's text.

mod base_url;
mod limits;
mod machine;
mod mistakes;
#[cfg(test)]
mod settings;
mod shares;
mod units;
mod vars;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use secrecy::SecretString;
use url::Url;

pub(crate) use self::base_url::base_url;
pub use self::limits::{Limit, LimitError, Limits};
pub use self::machine::{Machine, MemoryOf, raise_descriptors};
pub use self::mistakes::Mistakes;
pub(crate) use self::shares::MULTIPLE_OF_REST;
pub use self::shares::{DescriptorShares, MemoryShares};
use self::units::{DAY, GIB, HOUR, KIB, MIB, SECOND};
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

/// The HTTP server: where it listens, whom it lets in, what it bounds.
#[derive(Debug)]
pub struct ServerConfig {
    /// The address to listen at. `HOST` (default 127.0.0.1) and `PORT` (default 3000; 0 takes a
    /// free one).
    pub address: SocketAddr,
    /// The callers' keys. `ARETE_API_KEYS`, pairs `name:key` with commas between; empty: anybody
    /// on this machine.
    pub api_keys: Vec<ApiKey>,
    /// Web pages of which origins may call from a browser. `CORS_ORIGINS`, with commas between, or
    /// `*`; default none.
    pub cors_origins: Vec<HeaderValue>,
    /// Hosts that requests to a server without keys may be addressed to, beside those of this
    /// machine, in lower case. `ALLOWED_HOSTS`, with commas between; default none.
    pub allowed_hosts: Vec<String>,
    /// The time for which running calls may go on after a signal to stop. `SHUTDOWN_GRACE`,
    /// default 30 s.
    pub shutdown_grace: Duration,
    /// The largest request body. `HTTP_BODY_LIMIT` in bytes, default 32 MiB: what the Messages API
    /// itself takes.
    pub body_limit: usize,
    /// The largest request head. `HTTP_HEADER_LIMIT` in bytes, default 32 KiB.
    pub header_limit: usize,
    /// The time that a client may take to send a request's head, between two pieces of a body, and
    /// to read on in an answer that waits for it. `HTTP_READ_TIMEOUT`, default 30 s.
    pub read_timeout: Duration,
    /// The time in which a whole body has to come. `HTTP_BODY_TIMEOUT`, default 5 min.
    pub body_timeout: Duration,
    /// The bytes of all bodies of requests under way. `HTTP_BODY_MEMORY`, default a sixteenth of
    /// the memory.
    pub body_memory: u64,
    /// The number of requests worked on at once; one more is answered 503. `HTTP_MAX_REQUESTS`,
    /// default 4,096.
    pub max_requests: usize,
    /// The number of requests whose bodies are still coming. `HTTP_MAX_BODIES`, default 1,024.
    pub max_bodies: usize,
    /// The number of streams that have no end of their own. `HTTP_MAX_EVENT_STREAMS`, default 256.
    pub max_event_streams: usize,
    /// The number of connections open at once. For one more an idle one is closed; where none is
    /// idle, it waits. `HTTP_MAX_CONNECTIONS`, default 8,192.
    pub max_connections: usize,
    /// The number of connections beyond those, which stand by for a place and for health. No
    /// setting.
    pub standby_connections: usize,
    /// The silence of a stream before a comment is sent to keep the connection.
    /// `HTTP_HEARTBEAT`, default 15 s: proxies commonly cut at 30 or 60.
    pub heartbeat: Duration,
}

/// A caller's key and the name it goes by in logs and in the cache.
#[derive(Debug)]
pub struct ApiKey {
    /// The name.
    pub name: String,
    /// The key.
    pub key: SecretString,
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

/// The engine that runs providers, and what they are made of.
#[derive(Debug, Clone)]
pub struct PluginConfig {
    /// A folder of providers: `<id>.toml` files and components. `LLM_PLUGIN_DIR`, default none.
    pub dir: Option<PathBuf>,
    /// True if the folder is watched, so that changes there take effect at once.
    /// `LLM_PLUGIN_WATCH`, default true.
    pub watch: bool,
    /// The folder for compiled code: `code` below `DATA_DIR`.
    pub code_dir: PathBuf,
    /// The most bytes of it. `LLM_CODE_CACHE_MAX_BYTES`, default 1 GiB; 0 keeps none.
    pub code_cache_bytes: u64,
    /// The bounds of compiling.
    pub compile: CompileConfig,
    /// The time for which a start waits for providers that are being loaded. `LLM_START_WAIT`,
    /// default 10 s.
    pub start_wait: Duration,
    /// A file of certificates in PEM: authorities that vendors' certificates may be signed by,
    /// beside the system's. `LLM_CA_FILE`, default none.
    pub ca_file: Option<PathBuf>,
    /// The bytes of all guests' memories. `LLM_TOTAL_MEMORY`, default what the other sums leave of
    /// the memory.
    pub total_memory: u64,
    /// The limits of one call, where the provider's file doesn't say otherwise.
    pub limits: Limits,
    /// The values that `${NAME}` stands for in a provider's file.
    pub vars: Vars,
}

/// The bounds of compiling a component.
#[derive(Debug, Clone)]
pub struct CompileConfig {
    /// The program that is started for each component: this one. Without it, components are
    /// compiled in this process and without bounds. No setting: `main` knows it.
    pub executable: Option<PathBuf>,
    /// The memory that compiling one may take, in bytes. `LLM_COMPILE_MEMORY`, default 2 GiB, or
    /// all that the machine has: address space, of which a Python component of 18 MiB takes between
    /// 1 and 1.5 GiB, and half a GiB of memory.
    pub memory: u64,
    /// The number of components that are compiled at once. No setting: as many as there is memory
    /// for.
    pub at_once: usize,
    /// The time that compiling one may take. `LLM_COMPILE_TIMEOUT`, default 60 s.
    pub timeout: Duration,
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
        let others = server.body_memory.saturating_add(llm.cache.memory_bytes);
        let config = Self {
            plugins: PluginConfig::parse(vars, machine, others, &mut mistakes),
            server,
            llm,
            log: LogConfig::parse(vars, &mut mistakes),
            data_dir: data_dir(vars),
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

impl ServerConfig {
    fn parse(vars: &Vars, machine: &Machine, mistakes: &mut Mistakes) -> Self {
        let host = vars
            .get("HOST")
            .map_or("127.0.0.1", |host| if host == "localhost" { "127.0.0.1" } else { host });
        let ip: IpAddr = host.parse().unwrap_or_else(|_| {
            mistakes.add(
                "HOST",
                format!("must be an IP address such as 127.0.0.1 or 0.0.0.0, not {host:?}"),
            );
            Ipv4Addr::LOCALHOST.into()
        });
        let port = vars.parse("PORT", 3000, "a port number from 0 to 65535", mistakes);
        let api_keys = api_keys(vars, mistakes);
        if api_keys.is_empty() && !ip.is_loopback() {
            mistakes.add(
                "HOST",
                format!(
                    "{ip} can be reached from other machines, so ARETE_API_KEYS has to say who may call (name:key, \
                     name:key, …); without keys only 127.0.0.1 is possible"
                ),
            );
        }
        let body_limit = size(vars, "HTTP_BODY_LIMIT", 32 * MIB, KIB..=GIB, mistakes);
        Self {
            address: SocketAddr::new(ip, port),
            api_keys,
            cors_origins: cors_origins(vars, mistakes),
            allowed_hosts: allowed_hosts(vars, mistakes),
            shutdown_grace: vars.duration(
                "SHUTDOWN_GRACE",
                30 * SECOND,
                Duration::ZERO..=HOUR,
                mistakes,
            ),
            body_limit,
            header_limit: size(vars, "HTTP_HEADER_LIMIT", 32 * KIB, 8 * KIB..=MIB, mistakes),
            read_timeout: vars.duration(
                "HTTP_READ_TIMEOUT",
                30 * SECOND,
                SECOND / 10..=HOUR,
                mistakes,
            ),
            body_timeout: vars.duration(
                "HTTP_BODY_TIMEOUT",
                300 * SECOND,
                SECOND / 10..=DAY,
                mistakes,
            ),
            body_memory: body_memory(vars, machine, body_limit, mistakes),
            max_requests: size(vars, "HTTP_MAX_REQUESTS", 4_096, 1..=1_000_000, mistakes),
            max_bodies: size(vars, "HTTP_MAX_BODIES", 1_024, 1..=1_000_000, mistakes),
            max_event_streams: size(vars, "HTTP_MAX_EVENT_STREAMS", 256, 1..=1_000_000, mistakes),
            max_connections: size(vars, "HTTP_MAX_CONNECTIONS", 8_192, 1..=1_000_000, mistakes),
            standby_connections: shares::STANDBY,
            heartbeat: vars.duration("HTTP_HEARTBEAT", 15 * SECOND, SECOND / 100..=HOUR, mistakes),
        }
    }
}

impl ServerConfig {
    /// Fits the settings to the connections that there are descriptors for. A body that is still
    /// coming and an event stream keep a connection busy, so each may be a quarter of them.
    pub fn fit(&mut self, shares: &DescriptorShares) {
        let count = |number| usize::try_from(number).unwrap_or(usize::MAX);
        self.max_connections = count(shares.clients);
        self.standby_connections = count(shares.standby);
        self.max_bodies = self.max_bodies.min(self.max_connections.div_ceil(4));
        self.max_event_streams = self.max_event_streams.min(self.max_connections.div_ceil(4));
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
        }
    }
}

impl PluginConfig {
    /// `others` is the memory that is promised to others beside compilers and guests.
    fn parse(vars: &Vars, machine: &Machine, others: u64, mistakes: &mut Mistakes) -> Self {
        let compile = CompileConfig::parse(vars, machine, mistakes);
        let others = [shares::process_memory(machine), compile.memory_in_use()]
            .into_iter()
            .fold(others, u64::saturating_add);
        let guests = shares::guest_memory(machine, others);
        Self {
            dir: vars.get("LLM_PLUGIN_DIR").map(PathBuf::from),
            watch: vars.switch("LLM_PLUGIN_WATCH", true, mistakes),
            code_dir: data_dir(vars).join("code"),
            code_cache_bytes: vars.count("LLM_CODE_CACHE_MAX_BYTES", GIB, 0..=1024 * GIB, mistakes),
            compile,
            start_wait: vars.duration("LLM_START_WAIT", 10 * SECOND, SECOND / 10..=HOUR, mistakes),
            ca_file: vars.get("LLM_CA_FILE").map(PathBuf::from),
            total_memory: vars.count("LLM_TOTAL_MEMORY", guests, MIB..=1024 * GIB, mistakes),
            limits: Limits::parse(vars, mistakes),
            vars: vars.clone(),
        }
    }
}

impl CompileConfig {
    fn parse(vars: &Vars, machine: &Machine, mistakes: &mut Mistakes) -> Self {
        let memory = shares::compile_memory(machine);
        let memory = vars.count("LLM_COMPILE_MEMORY", memory, 256 * MIB..=64 * GIB, mistakes);
        Self {
            executable: None,
            at_once: shares::compiling_at_once(machine, memory),
            memory,
            timeout: vars.duration("LLM_COMPILE_TIMEOUT", 60 * SECOND, SECOND..=HOUR, mistakes),
        }
    }
}

/// A body of the largest size must find room while it is alone.
fn body_memory(vars: &Vars, machine: &Machine, body_limit: usize, mistakes: &mut Mistakes) -> u64 {
    const NAME: &str = "HTTP_BODY_MEMORY";
    let default = shares::body_memory(machine, body_limit);
    let sum = vars.count(NAME, default, KIB..=1024 * GIB, mistakes);
    if shares::largest_part(sum) < body_limit as u64 {
        let least = body_limit.div_ceil(3).saturating_mul(4);
        let problem = format!(
            "must be at least {least}, so that a body of HTTP_BODY_LIMIT ({body_limit} bytes) fits \
             into three quarters of it, not {sum}"
        );
        mistakes.add(NAME, problem);
    }
    sum
}

impl CompileConfig {
    /// Returns the memory that all compilers together may have in use.
    fn memory_in_use(&self) -> u64 {
        shares::compiling_memory(self.memory, self.at_once)
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

/// A count that indexes memory.
fn size(
    vars: &Vars,
    name: &'static str,
    default: u64,
    range: std::ops::RangeInclusive<u64>,
    mistakes: &mut Mistakes,
) -> usize {
    usize::try_from(vars.count(name, default, range, mistakes)).unwrap_or(usize::MAX)
}

/// Keys shorter than this can be guessed.
const API_KEY_MIN: usize = 16;

fn api_keys(vars: &Vars, mistakes: &mut Mistakes) -> Vec<ApiKey> {
    const NAME: &str = "ARETE_API_KEYS";
    let mut keys: Vec<ApiKey> = Vec::new();
    let pairs = vars
        .get(NAME)
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    for (index, pair) in pairs.enumerate() {
        let place = index + 1;
        // Nothing of a pair is shown: without a colon, the whole of it may be a key.
        let Some((name, key)) = pair.split_once(':').map(|(name, key)| (name.trim(), key.trim()))
        else {
            mistakes.add(NAME, format!("pair {place} must be name:key"));
            continue;
        };
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 64 || !name.chars().all(named) {
            mistakes.add(
                NAME,
                format!(
                    "the name of pair {place} must be 1 to 64 letters, digits, '-', '_' or '.'"
                ),
            );
        } else if key.len() < API_KEY_MIN {
            mistakes.add(
                NAME,
                format!("the key of {name} must have at least {API_KEY_MIN} characters"),
            );
        } else if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            mistakes.add(NAME, format!("the key of {name} must be printable ASCII without spaces"));
        } else if keys.iter().any(|known| known.name == name) {
            mistakes.add(NAME, format!("the name {name} is given twice"));
        } else {
            keys.push(ApiKey { name: name.into(), key: key.into() });
        }
    }
    keys
}

fn cors_origins(vars: &Vars, mistakes: &mut Mistakes) -> Vec<HeaderValue> {
    const NAME: &str = "CORS_ORIGINS";
    let origins = vars
        .get(NAME)
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|origin| !origin.is_empty());
    let mut values = Vec::new();
    for origin in origins {
        let is_origin = origin == "*"
            || Url::parse(origin).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.origin().ascii_serialization() == origin
            });
        match HeaderValue::from_str(origin) {
            Ok(value) if is_origin => values.push(value),
            _ => mistakes.add(
                NAME,
                format!("{origin:?} must be an origin such as https://app.example.com, or *"),
            ),
        }
    }
    values
}

fn allowed_hosts(vars: &Vars, mistakes: &mut Mistakes) -> Vec<String> {
    const NAME: &str = "ALLOWED_HOSTS";
    let hosts = vars.get(NAME).unwrap_or_default().split(',').map(str::trim);
    let mut allowed = Vec::new();
    for host in hosts.filter(|host| !host.is_empty()) {
        // Addresses of IPv6 stand without the brackets that URLs need.
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let is_name = bare
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        if is_name || bare.parse::<IpAddr>().is_ok() {
            allowed.push(bare.to_ascii_lowercase());
        } else {
            let problem = format!("{host:?} must be a host such as arete.lan, without a port");
            mistakes.add(NAME, problem);
        }
    }
    allowed
}
