//! The limits of one call of a provider. Each limit has a setting, which is the default for all
//! providers, and a key under `[limits]` in a provider's file.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::mistakes::Mistakes;
use super::units::{DAY, GIB, HOUR, KIB, MIB, SECOND};
use super::vars::{Vars, parse_duration, parse_size};

/// Something that a call may use only so much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Bytes over all memories of the component. Python alone starts at 13 MiB.
    Memory,
    /// Computing time; waiting isn't counted.
    Cpu,
    /// The whole call, all attempts and a stream's end included.
    Timeout,
    /// Calls of one provider at once.
    Calls,
    /// Calls of one provider that find a place whatever others do.
    ReservedCalls,
    /// Calls that wait for a place, beyond those at once.
    Queue,
    /// The time that they wait.
    QueueTimeout,
    /// Connecting to the vendor: TCP and TLS.
    ConnectTimeout,
    /// From the end of connecting to the head of the vendor's answer. 0: the same as
    /// [`Limit::IdleTimeout`].
    FirstByteTimeout,
    /// The vendor's silence within an answer.
    IdleTimeout,
    /// Exchanges with vendors.
    Requests,
    /// Bytes of the body sent to the vendor.
    RequestBytes,
    /// Bytes of the vendor's answer, and of the answer made of it.
    ResponseBytes,
    /// Bytes of one event or line of the vendor's stream.
    EventBytes,
    /// Headers of one request or answer, in number.
    Headers,
    /// The same in bytes.
    HeaderBytes,
    /// Lines in the log.
    LogLines,
    /// Bytes in the log.
    LogBytes,
    /// Replies, streams and the like that the guest holds at once.
    Handles,
    /// Bytes that the guest hands to the host in one call.
    HostCallBytes,
    /// Calls that one instance answers. With 1, nothing that a caller asked is there when the next
    /// one does.
    Reuse,
}

/// The unit of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Bytes,
    Milliseconds,
    Number,
}

/// A limit's names, default and bounds.
struct Rule {
    key: &'static str,
    setting: &'static str,
    unit: Unit,
    default: u64,
    range: RangeInclusive<u64>,
    /// The thing that a guest that breaks it used too much of.
    of: &'static str,
}

impl Rule {
    const fn bytes(
        key: &'static str,
        setting: &'static str,
        default: u64,
        max: u64,
        of: &'static str,
    ) -> Self {
        Self { key, setting, unit: Unit::Bytes, default, range: KIB..=max, of }
    }

    const fn time(
        key: &'static str,
        setting: &'static str,
        default: Duration,
        max: Duration,
        of: &'static str,
    ) -> Self {
        let (default, max) = (default.as_millis() as u64, max.as_millis() as u64);
        Self { key, setting, unit: Unit::Milliseconds, default, range: 10..=max, of }
    }

    const fn number(
        key: &'static str,
        setting: &'static str,
        default: u64,
        max: u64,
        of: &'static str,
    ) -> Self {
        Self { key, setting, unit: Unit::Number, default, range: 1..=max, of }
    }
}

impl Limit {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 21] = [
        Self::Memory,
        Self::Cpu,
        Self::Timeout,
        Self::Calls,
        Self::ReservedCalls,
        Self::Queue,
        Self::QueueTimeout,
        Self::ConnectTimeout,
        Self::FirstByteTimeout,
        Self::IdleTimeout,
        Self::Requests,
        Self::RequestBytes,
        Self::ResponseBytes,
        Self::EventBytes,
        Self::Headers,
        Self::HeaderBytes,
        Self::LogLines,
        Self::LogBytes,
        Self::Handles,
        Self::HostCallBytes,
        Self::Reuse,
    ];

    const fn rule(self) -> Rule {
        match self {
            Self::Memory => Rule {
                range: MIB..=4 * GIB,
                ..Rule::bytes("memory", "LLM_PLUGIN_MEMORY", 256 * MIB, GIB, "memory")
            },
            Self::Cpu => {
                Rule::time("cpu", "LLM_PLUGIN_CPU", Duration::from_secs(5), HOUR, "computing time")
            }
            Self::Timeout => {
                Rule::time("timeout", "LLM_TIMEOUT", Duration::from_secs(600), DAY, "time")
            }
            Self::Calls => Rule::number("calls", "LLM_MAX_CALLS", 1_024, 16_384, "calls"),
            Self::ReservedCalls => {
                Rule::number("reserved-calls", "LLM_RESERVED_CALLS", 16, 16_384, "reserved calls")
            }
            Self::Queue => Rule {
                range: 0..=65_536,
                ..Rule::number("queue", "LLM_MAX_QUEUE", 256, 65_536, "places to wait")
            },
            Self::QueueTimeout => {
                Rule::time("queue-timeout", "LLM_QUEUE_TIMEOUT", SECOND, HOUR, "time to wait")
            }
            Self::ConnectTimeout => Rule::time(
                "connect-timeout",
                "LLM_CONNECT_TIMEOUT",
                Duration::from_secs(10),
                HOUR,
                "time to connect",
            ),
            Self::FirstByteTimeout => Rule::time(
                "first-byte-timeout",
                "LLM_FIRST_BYTE_TIMEOUT",
                Duration::ZERO,
                DAY,
                "time to answer",
            ),
            Self::IdleTimeout => Rule::time(
                "idle-timeout",
                "LLM_IDLE_TIMEOUT",
                Duration::from_secs(60),
                DAY,
                "time to be silent",
            ),
            Self::Requests => {
                Rule::number("requests", "LLM_REQUESTS_PER_CALL", 16, 10_000, "requests to vendors")
            }
            Self::RequestBytes => Rule::bytes(
                "request-bytes",
                "LLM_REQUEST_LIMIT",
                64 * MIB,
                GIB,
                "space for its request",
            ),
            Self::ResponseBytes => Rule::bytes(
                "response-bytes",
                "LLM_RESPONSE_LIMIT",
                64 * MIB,
                GIB,
                "space for its answer",
            ),
            Self::EventBytes => {
                Rule::bytes("event-bytes", "LLM_EVENT_LIMIT", MIB, GIB, "space for an event")
            }
            Self::Headers => Rule::number("headers", "LLM_HEADERS_LIMIT", 100, 10_000, "headers"),
            Self::HeaderBytes => Rule::bytes(
                "header-bytes",
                "LLM_HEADER_BYTES_LIMIT",
                64 * KIB,
                256 * KIB,
                "space for headers",
            ),
            Self::LogLines => {
                Rule::number("log-lines", "LLM_PLUGIN_LOG_LINES", 1_000, 1_000_000, "lines of log")
            }
            Self::LogBytes => {
                Rule::bytes("log-bytes", "LLM_PLUGIN_LOG_BYTES", 64 * KIB, GIB, "log")
            }
            Self::Handles => Rule::number("handles", "LLM_PLUGIN_HANDLES", 256, 100_000, "handles"),
            Self::HostCallBytes => Rule::bytes(
                "host-call-bytes",
                "LLM_PLUGIN_HOST_CALL_BYTES",
                64 * MIB,
                GIB,
                "space for what it hands to the host",
            ),
            Self::Reuse => {
                Rule::number("reuse", "LLM_PLUGIN_REUSE", 1, 1_000_000, "calls of one instance")
            }
        }
    }

    /// Its key under `[limits]` in a provider's file.
    pub fn key(self) -> &'static str {
        self.rule().key
    }

    /// Its setting, for all providers.
    pub fn setting(self) -> &'static str {
        self.rule().setting
    }

    /// Returns its unit.
    #[cfg(test)]
    pub(super) fn unit(self) -> Unit {
        self.rule().unit
    }

    /// Returns the thing that a guest that breaks it used too much of, as a word or two.
    pub fn of(self) -> &'static str {
        self.rule().of
    }

    /// The limit of this key.
    pub fn named(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|limit| limit.key() == key)
    }

    /// Returns true if a provider's file can't go beyond the setting, because the room for all
    /// providers is made at the start.
    pub fn is_ceiling(self) -> bool {
        matches!(self, Self::Memory | Self::Calls)
    }

    /// Returns the sentence that tells an operator where this limit is raised.
    pub fn how_to_raise(self) -> String {
        let (key, setting) = (self.key(), self.setting());
        if self.is_ceiling() {
            format!("`{key}` under [limits] in the provider's file raises it, up to {setting}")
        } else {
            format!("`{key}` under [limits] in the provider's file raises it, or {setting}")
        }
    }

    /// A value with its unit, for people.
    pub fn show(self, value: u64) -> String {
        match self.rule().unit {
            Unit::Bytes => show_bytes(value),
            Unit::Milliseconds => format!("{:?}", Duration::from_millis(value)),
            Unit::Number => value.to_string(),
        }
    }

    /// Reads a value as it stands in a file: a number of bytes, milliseconds or things, or text
    /// with a unit.
    ///
    /// # Errors
    /// The rule that the text breaks.
    pub fn read(self, text: &str) -> Result<u64, LimitError> {
        let Rule { unit, range, .. } = self.rule();
        let (value, example) = match unit {
            Unit::Bytes => (parse_size(text), "a size such as 65536, \"64 KiB\" or \"16 MiB\""),
            Unit::Milliseconds => (
                parse_duration(text).and_then(|time| u64::try_from(time.as_millis()).ok()),
                "a time such as 500, \"30s\", \"10m\" or \"1h\"",
            ),
            Unit::Number => (text.trim().parse().ok(), "a whole number"),
        };
        let value = value.ok_or(LimitError::NotOne { example })?;
        if range.contains(&value) {
            return Ok(value);
        }
        Err(LimitError::OutOfRange {
            least: self.show(*range.start()),
            most: self.show(*range.end()),
        })
    }
}

/// A text that can't be the value of a limit. It says what it must be, and doesn't show the text,
/// which may be the value of a variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// It isn't written in the limit's unit.
    #[error("must be {example}")]
    NotOne {
        /// Values as they are written.
        example: &'static str,
    },
    /// It's beyond a bound.
    #[error("must be from {least} to {most}")]
    OutOfRange {
        /// The least value, with its unit.
        least: String,
        /// The greatest.
        most: String,
    },
}

/// The limits of one call, and of the calls at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits([u64; Limit::ALL.len()]);

impl Default for Limits {
    fn default() -> Self {
        Self(Limit::ALL.map(|limit| limit.rule().default))
    }
}

impl Limits {
    pub(super) fn parse(vars: &Vars, mistakes: &mut Mistakes) -> Self {
        let mut limits = Self::default();
        for limit in Limit::ALL {
            let Some(text) = vars.get(limit.setting()) else { continue };
            match limit.read(text) {
                Ok(value) => limits.set(limit, value),
                Err(rule) => mistakes.add(limit.setting(), format!("{rule}, not {text:?}")),
            }
        }
        limits
    }

    /// Sets one.
    pub fn set(&mut self, limit: Limit, value: u64) {
        // A variant's number is its place in `ALL`: a test holds the two together.
        if let Some(slot) = self.0.get_mut(limit as usize) {
            *slot = value;
        }
    }

    /// Returns the calls that are reserved: never more than there may be.
    pub fn reserved_calls(&self) -> u64 {
        self.raw(Limit::ReservedCalls).min(self.raw(Limit::Calls))
    }

    /// Returns one of them in its own unit, for messages and for comparing.
    pub fn raw(&self, limit: Limit) -> u64 {
        let value = self.0.get(limit as usize).copied().unwrap_or_default();
        match limit {
            Limit::FirstByteTimeout if value == 0 => self.raw(Limit::IdleTimeout),
            _ => value,
        }
    }

    /// Returns one of them as it is set, without the limit that stands for it.
    #[cfg(test)]
    pub(super) fn stored(&self, limit: Limit) -> u64 {
        self.0.get(limit as usize).copied().unwrap_or_default()
    }

    fn amount(&self, limit: Limit) -> usize {
        usize::try_from(self.raw(limit)).unwrap_or(usize::MAX)
    }

    fn time(&self, limit: Limit) -> Duration {
        Duration::from_millis(self.raw(limit))
    }
}

/// Makes a method for each limit, of the type of its unit: none can be read as another.
macro_rules! readers {
    ($($(#[$doc:meta])* $name:ident: time($limit:path),)* ; $($(#[$of:meta])* $amount:ident: amount($size:path),)*) => {
        impl Limits {
            $($(#[$doc])* pub fn $name(&self) -> Duration { self.time($limit) })*
            $($(#[$of])* pub fn $amount(&self) -> usize { self.amount($size) })*
        }
    };
}

readers! {
    /// Returns the computing time.
    cpu: time(Limit::Cpu),
    /// Returns the time of the whole call.
    timeout: time(Limit::Timeout),
    /// Returns the wait for a place.
    queue_timeout: time(Limit::QueueTimeout),
    /// Returns the time to connect to the vendor.
    connect_timeout: time(Limit::ConnectTimeout),
    /// Returns the time until the vendor's reply begins; the silence allowed where it is not set.
    first_byte_timeout: time(Limit::FirstByteTimeout),
    /// Returns the vendor's silence.
    idle_timeout: time(Limit::IdleTimeout),
    ;
    /// Returns the bytes over all memories of the component.
    memory: amount(Limit::Memory),
    /// Returns the calls of one provider at once.
    calls: amount(Limit::Calls),
    /// Returns the calls that find a place whatever others do.
    reserved: amount(Limit::ReservedCalls),
    /// Returns the calls that wait for a place.
    queue: amount(Limit::Queue),
    /// Returns the requests to vendors.
    requests: amount(Limit::Requests),
    /// Returns the bytes of a request to the vendor.
    request_bytes: amount(Limit::RequestBytes),
    /// Returns the bytes of the vendor's reply, and of the completion made of it.
    response_bytes: amount(Limit::ResponseBytes),
    /// Returns the bytes of one event or line of the vendor's stream.
    event_bytes: amount(Limit::EventBytes),
    /// Returns the number of headers of one request or reply.
    headers: amount(Limit::Headers),
    /// Returns the bytes of these headers.
    header_bytes: amount(Limit::HeaderBytes),
    /// Returns the lines of the log.
    log_lines: amount(Limit::LogLines),
    /// Returns the bytes of the log.
    log_bytes: amount(Limit::LogBytes),
    /// Returns the handles held at once.
    handles: amount(Limit::Handles),
    /// Returns the bytes that the guest hands to the host in one call.
    host_call_bytes: amount(Limit::HostCallBytes),
    /// Returns the calls that one instance answers.
    reuse: amount(Limit::Reuse),
}

fn show_bytes(bytes: u64) -> String {
    match bytes {
        0 => "0 bytes".into(),
        _ if bytes.is_multiple_of(GIB) => format!("{} GiB", bytes / GIB),
        _ if bytes.is_multiple_of(MIB) => format!("{} MiB", bytes / MIB),
        _ if bytes.is_multiple_of(KIB) => format!("{} KiB", bytes / KIB),
        _ => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limits_number_is_its_place_and_its_names_are_its_own() {
        for (place, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, place);
            assert_eq!(Limit::named(limit.key()), Some(limit));
            assert_eq!(
                Limit::ALL.iter().filter(|other| other.setting() == limit.setting()).count(),
                1
            );
            let Rule { default, range, .. } = limit.rule();
            assert!(range.contains(&default) || limit == Limit::FirstByteTimeout, "{limit:?}");
        }
    }

    #[test]
    fn each_method_reads_its_own_limit_in_its_own_unit() {
        for limit in Limit::ALL {
            let mut limits = Limits::default();
            limits.set(Limit::IdleTimeout, 7);
            limits.set(limit, 123_456);
            let time = Duration::from_millis(123_456);
            let read = match limit {
                Limit::Memory => limits.memory() == 123_456,
                Limit::Cpu => limits.cpu() == time,
                Limit::Timeout => limits.timeout() == time,
                Limit::Calls => limits.calls() == 123_456,
                Limit::ReservedCalls => limits.reserved() == 123_456,
                Limit::Queue => limits.queue() == 123_456,
                Limit::QueueTimeout => limits.queue_timeout() == time,
                Limit::ConnectTimeout => limits.connect_timeout() == time,
                Limit::FirstByteTimeout => limits.first_byte_timeout() == time,
                Limit::IdleTimeout => limits.idle_timeout() == time,
                Limit::Requests => limits.requests() == 123_456,
                Limit::RequestBytes => limits.request_bytes() == 123_456,
                Limit::ResponseBytes => limits.response_bytes() == 123_456,
                Limit::EventBytes => limits.event_bytes() == 123_456,
                Limit::Headers => limits.headers() == 123_456,
                Limit::HeaderBytes => limits.header_bytes() == 123_456,
                Limit::LogLines => limits.log_lines() == 123_456,
                Limit::LogBytes => limits.log_bytes() == 123_456,
                Limit::Handles => limits.handles() == 123_456,
                Limit::HostCallBytes => limits.host_call_bytes() == 123_456,
                Limit::Reuse => limits.reuse() == 123_456,
            };
            assert!(read, "{limit:?}");
        }
    }

    #[test]
    fn values_are_read_with_and_without_units() {
        assert_eq!(Limit::Memory.read("16777216"), Ok(16 * MIB));
        assert_eq!(Limit::Memory.read("16 MiB"), Ok(16 * MIB));
        assert_eq!(Limit::Cpu.read("300ms"), Ok(300));
        assert_eq!(Limit::Calls.read("7"), Ok(7));
        for (limit, text, part) in [
            (Limit::Memory, "lots", "must be a size"),
            (Limit::Memory, "1 KiB", "from 1 MiB to 4 GiB"),
            (Limit::Cpu, "0", "from 10ms to 3600s"),
            (Limit::Calls, "1.5", "a whole number"),
            (Limit::Calls, "0", "from 1 to 16384"),
        ] {
            let problem = limit.read(text).unwrap_err().to_string();
            assert!(problem.contains(part), "{problem}");
        }
    }

    #[test]
    fn the_first_byte_may_take_as_long_as_silence_may() {
        let mut limits = Limits::default();
        limits.set(Limit::IdleTimeout, 5_000);
        assert_eq!(limits.first_byte_timeout(), Duration::from_secs(5));
        limits.set(Limit::FirstByteTimeout, 100);
        assert_eq!(limits.first_byte_timeout(), Duration::from_millis(100));
    }
}
