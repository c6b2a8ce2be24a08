//! Settings as values: counts, times, sizes and switches, each read from its text by one rule. The
//! texts come from [`Vars`].

use std::str::FromStr;
use std::time::Duration;

pub use arete_vars::Vars;

use super::mistakes::Mistakes;

/// Settings read as values. A wrong one is added to the mistakes, and its default stands for it.
pub(super) trait ReadSetting {
    /// Returns a value parsed by its type's own rules, or `default`.
    fn parse<T: FromStr>(
        &self,
        name: &'static str,
        default: T,
        what: &str,
        mistakes: &mut Mistakes,
    ) -> T;

    /// Returns a count between two bounds.
    fn count(
        &self,
        name: &'static str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
        mistakes: &mut Mistakes,
    ) -> u64;

    /// Returns a switch.
    fn switch(&self, name: &'static str, default: bool, mistakes: &mut Mistakes) -> bool;

    /// Returns a length of time between two bounds: milliseconds, or a number with a unit.
    fn duration(
        &self,
        name: &'static str,
        default: Duration,
        range: std::ops::RangeInclusive<Duration>,
        mistakes: &mut Mistakes,
    ) -> Duration;
}

impl ReadSetting for Vars {
    fn parse<T: FromStr>(
        &self,
        name: &'static str,
        default: T,
        what: &str,
        mistakes: &mut Mistakes,
    ) -> T {
        let Some(value) = self.get(name) else { return default };
        value.parse().unwrap_or_else(|_| {
            mistakes.add(name, format!("must be {what}, not {value:?}"));
            default
        })
    }

    fn count(
        &self,
        name: &'static str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
        mistakes: &mut Mistakes,
    ) -> u64 {
        let what = format!("a whole number from {} to {}", range.start(), range.end());
        let value = self.parse(name, default, &what, mistakes);
        if range.contains(&value) {
            return value;
        }
        mistakes.add(name, format!("must be {what}, not {value}"));
        default
    }

    fn switch(&self, name: &'static str, default: bool, mistakes: &mut Mistakes) -> bool {
        let Some(value) = self.get(name) else { return default };
        match value.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => true,
            "false" | "0" | "no" | "off" => false,
            _ => {
                mistakes.add(
                    name,
                    format!("must be true or false (or 1/0, yes/no, on/off), not {value:?}"),
                );
                default
            }
        }
    }

    fn duration(
        &self,
        name: &'static str,
        default: Duration,
        range: std::ops::RangeInclusive<Duration>,
        mistakes: &mut Mistakes,
    ) -> Duration {
        let Some(value) = self.get(name) else { return default };
        match parse_duration(value) {
            Some(duration) if range.contains(&duration) => duration,
            Some(_) => {
                mistakes.add(
                    name,
                    format!("must be from {:?} to {:?}, not {value}", range.start(), range.end()),
                );
                default
            }
            None => {
                mistakes.add(
                    name,
                    format!("must be a time such as 500, 500ms, 30s, 10m or 1h, not {value:?}"),
                );
                default
            }
        }
    }
}

/// Returns `.env.example` as a process has it that reads it.
#[cfg(test)]
pub(crate) fn example() -> Vars {
    Vars::of_file(concat!(env!("CARGO_MANIFEST_DIR"), "/../.env.example")).unwrap()
}

/// A bare number is milliseconds, as the original service had it; `ms`, `s`, `m`, `h` and `d` say
/// otherwise.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit.trim() {
        "" | "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

/// A bare number is bytes; `KiB`, `MiB` and `GiB` say otherwise.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let bytes = match unit.trim() {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Machine, MemoryOf};

    const MACHINE: Machine = Machine { memory: 16 << 30, memory_of: MemoryOf::Machine };

    #[test]
    fn a_bare_number_is_milliseconds() {
        assert_eq!(parse_duration("1500"), Some(Duration::from_millis(1500)));
        assert_eq!(parse_duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(parse_duration("10 m"), Some(Duration::from_secs(600)));
        assert_eq!(parse_duration("-1"), None);
        assert_eq!(parse_duration("1.5s"), None);
        assert_eq!(parse_duration("99999999999999999999"), None);
        assert_eq!(parse_duration("18446744073709551615d"), None);
    }

    #[test]
    fn the_example_shows_the_defaults() {
        let shown = Config::parse(&example(), &MACHINE).unwrap();
        assert_eq!(
            format!("{shown:#?}"),
            format!("{:#?}", Config::parse(&Vars::default(), &MACHINE).unwrap())
        );
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("65536"), Some(65_536));
        assert_eq!(parse_size("64 KiB"), Some(65_536));
        assert_eq!(parse_size("1GiB"), Some(1 << 30));
        assert_eq!(parse_size("1 GB"), None);
        assert_eq!(parse_size("-1"), None);
        assert_eq!(parse_size("18446744073709551615 GiB"), None);
    }
}
