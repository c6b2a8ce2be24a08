//! The settings of the HTTP server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use http::HeaderValue;
use secrecy::SecretString;
use url::Url;

use super::machine::Machine;
use super::mistakes::Mistakes;
use super::shares::{self, DescriptorShares};
use super::units::{DAY, GIB, HOUR, KIB, MIB, SECOND};
use super::vars::{ReadSetting as _, Vars};

/// The HTTP server: where it listens, whom it lets in, what it bounds.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The address to listen at. `HOST` (default 127.0.0.1) and `PORT` (default 3000; 0 takes a
    /// free one).
    pub address: SocketAddr,
    /// The address to serve the metrics alone at, without a key. `METRICS_ADDRESS`; default none.
    pub metrics_address: Option<SocketAddr>,
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
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// The name.
    pub name: String,
    /// The key.
    pub key: SecretString,
}

impl ServerConfig {
    pub(super) fn parse(vars: &Vars, machine: &Machine, mistakes: &mut Mistakes) -> Self {
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
            metrics_address: metrics_address(vars, mistakes),
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
    /// Returns the settings of the listener for metrics: a few readers, and no bodies.
    pub fn for_metrics(&self) -> Self {
        Self {
            max_connections: shares::METRICS_READERS,
            standby_connections: 0,
            max_requests: shares::METRICS_READERS,
            max_bodies: 1,
            ..self.clone()
        }
    }

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

fn metrics_address(vars: &Vars, mistakes: &mut Mistakes) -> Option<SocketAddr> {
    const NAME: &str = "METRICS_ADDRESS";
    let given = vars.get(NAME)?;
    let address = given.parse().ok();
    if address.is_none() {
        let problem =
            format!("must be an address and a port such as 127.0.0.1:9464, not {given:?}");
        mistakes.add(NAME, problem);
    }
    address
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
