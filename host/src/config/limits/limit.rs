//! A limit: its names, its unit, its default and its bounds.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::units::{DAY, GIB, HOUR, KIB, MIB, SECOND};
use crate::config::vars::{parse_duration, parse_size};

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
pub(in crate::config) enum Unit {
    Bytes,
    Milliseconds,
    Number,
}

/// A limit's names, default and bounds.
pub(super) struct Rule {
    key: &'static str,
    setting: &'static str,
    unit: Unit,
    pub(super) default: u64,
    pub(super) range: RangeInclusive<u64>,
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

    pub(super) const fn rule(self) -> Rule {
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
    pub(in crate::config) fn unit(self) -> Unit {
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

fn show_bytes(bytes: u64) -> String {
    match bytes {
        0 => "0 bytes".into(),
        _ if bytes.is_multiple_of(GIB) => format!("{} GiB", bytes / GIB),
        _ if bytes.is_multiple_of(MIB) => format!("{} MiB", bytes / MIB),
        _ if bytes.is_multiple_of(KIB) => format!("{} KiB", bytes / KIB),
        _ => format!("{bytes} bytes"),
    }
}
