//! Where settings come from: the process environment over `.env`, read once into a map, so that
//! nothing later reads the environment and tests pass a map of their own.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::Mistakes;

/// Settings by name. Empty values count as not set.
#[derive(Clone, Default)]
pub struct Vars {
    /// Of the process: they win.
    process: Arc<BTreeMap<String, String>>,
    /// Of the file.
    file: Arc<BTreeMap<String, String>>,
    /// Where the file is, if there may be one.
    path: Option<PathBuf>,
}

impl Vars {
    /// The process environment, and beneath it the file `.env` in the working directory, if there
    /// is one.
    ///
    /// # Errors
    /// A sentence, without the file's contents, when `.env` can't be read.
    pub fn load() -> Result<Self, String> {
        // Names and values that aren't UTF-8 can't be settings of ours.
        let process = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self { process: Arc::new(process.collect()), path: Some(".env".into()), ..Self::default() }
            .read_again()
    }

    /// The same with the file as it is now: a provider's file may name a variable that was put
    /// there since.
    ///
    /// # Errors
    /// A sentence, without the file's contents, when `.env` can't be read.
    pub fn read_again(&self) -> Result<Self, String> {
        let Some(path) = &self.path else { return Ok(self.clone()) };
        Ok(Self { file: Arc::new(Self::from_file(path)?), ..self.clone() })
    }

    /// The same with another value for one setting, whatever the environment and the file say.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        Arc::make_mut(&mut self.process).insert(name.to_owned(), value.to_owned());
        self
    }

    fn from_file(path: &Path) -> Result<BTreeMap<String, String>, String> {
        let lines = match dotenvy::from_path_iter(path) {
            Ok(lines) => lines,
            Err(error) if error.not_found() => return Ok(BTreeMap::new()),
            Err(dotenvy::Error::Io(error)) => return Err(format!(".env can't be read: {error}")),
            Err(_) => return Err(".env can't be read".into()),
        };
        let mut vars = BTreeMap::new();
        for line in lines {
            match line {
                Ok((name, value)) => vars.insert(name, value),
                // The error of a bad line quotes the line, which may hold a key.
                Err(_) => {
                    let read = vars.len();
                    return Err(format!(
                        ".env has a line that isn't NAME=value (after the first {read} settings); quote values that \
                         hold spaces"
                    ));
                }
            };
        }
        Ok(vars)
    }

    /// `.env.example` as a process has it that reads it.
    #[cfg(test)]
    pub(crate) fn example() -> Self {
        let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.env.example"));
        Self { path: Some(path), ..Self::default() }.read_again().unwrap()
    }

    /// The value of a setting, without white space around it.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.process.get(name).or_else(|| self.file.get(name));
        value.map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// A value parsed by its type's own rules, or `default`.
    pub(super) fn parse<T: FromStr>(
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

    /// A count between two bounds.
    pub(super) fn count(
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

    /// A switch.
    pub(super) fn switch(
        &self,
        name: &'static str,
        default: bool,
        mistakes: &mut Mistakes,
    ) -> bool {
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

    /// A length of time between two bounds: milliseconds, or a number with a unit.
    pub(super) fn duration(
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

impl<const N: usize> From<[(&str, &str); N]> for Vars {
    fn from(pairs: [(&str, &str); N]) -> Self {
        let process = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { process: Arc::new(process), ..Self::default() }
    }
}

/// Values may be secrets.
impl fmt::Debug for Vars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vars")
    }
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
    use crate::config::Config;

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
        let shown = Config::parse(&Vars::example()).unwrap();
        assert_eq!(
            format!("{shown:#?}"),
            format!("{:#?}", Config::parse(&Vars::default()).unwrap())
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

    #[test]
    fn the_process_wins_over_the_file_which_may_change() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let process = Arc::new(BTreeMap::from([("A".to_owned(), "process".to_owned())]));
        let vars = Vars { process, path: Some(file.path().to_owned()), ..Vars::default() };
        std::fs::write(&file, "A=file\nB=file\n").unwrap();
        assert_eq!(vars.get("B"), None);
        let vars = vars.read_again().unwrap();
        assert_eq!((vars.get("A"), vars.get("B")), (Some("process"), Some("file")));
    }

    #[test]
    fn an_empty_value_is_no_value() {
        let vars = Vars::from([("A", ""), ("B", "  "), ("C", " c ")]);
        assert_eq!((vars.get("A"), vars.get("B"), vars.get("C")), (None, None, Some("c")));
    }

    #[test]
    fn a_bad_line_is_reported_without_its_text() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "A=1\nsk-secret value without a name\n").unwrap();
        let message = Vars::from_file(file.path()).err().unwrap();
        assert!(!message.contains("sk-secret"), "{message}");
    }
}
