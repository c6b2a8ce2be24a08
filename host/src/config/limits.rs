//! The limits of one call of a provider. Each limit has a setting, which is the default for all
//! providers, and a key under `[limits]` in a provider's file.

mod limit;

use std::time::Duration;

#[cfg(test)]
pub(super) use self::limit::Unit;
pub use self::limit::{Limit, LimitError};
use super::mistakes::Mistakes;
use super::vars::Vars;

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

#[cfg(test)]
mod tests {
    use super::limit::Rule;
    use super::*;
    use crate::config::units::MIB;

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
