//! Settings by name: the process environment over a file `.env`, read once into a map, so that
//! nothing later reads the environment and tests pass a map of their own.
//!
//! The server and the tools for plugin authors share it, so that both find the same value for the
//! same name.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        reason = "a test that unwraps what isn't there fails, as it should"
    )
)]

mod dotenv;
pub mod template;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Settings by name. Empty values count as not set.
#[derive(Clone, Default)]
pub struct Vars {
    /// Settings of the process: they win.
    process: Arc<BTreeMap<String, String>>,
    /// Settings of the file.
    file: Arc<BTreeMap<String, String>>,
    /// The file's place, if there may be one.
    path: Option<PathBuf>,
}

impl Vars {
    /// Reads the process environment, and beneath it the file `.env` in the working directory, if
    /// there is one.
    ///
    /// # Errors
    /// A sentence, without the file's contents, when `.env` can't be read.
    pub fn load() -> Result<Self, Unreadable> {
        Self::load_from(".env")
    }

    /// Reads the process environment, and beneath it this file, if it is there.
    ///
    /// # Errors
    /// A sentence, without the file's contents, when the file can't be read.
    pub fn load_from(path: impl Into<PathBuf>) -> Result<Self, Unreadable> {
        // Names and values that aren't UTF-8 can't be settings of ours.
        let process = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self { process: Arc::new(process.collect()), path: Some(path.into()), ..Self::default() }
            .read_again()
    }

    /// Reads this file, and nothing of the process environment.
    ///
    /// # Errors
    /// A sentence, without the file's contents, when the file can't be read.
    pub fn of_file(path: impl Into<PathBuf>) -> Result<Self, Unreadable> {
        Self { path: Some(path.into()), ..Self::default() }.read_again()
    }

    /// Returns the same settings with the file as it is now: a provider's file may name a variable
    /// that was put there since.
    ///
    /// # Errors
    /// A sentence, without the file's contents, when `.env` can't be read.
    pub fn read_again(&self) -> Result<Self, Unreadable> {
        let Some(path) = &self.path else { return Ok(self.clone()) };
        Ok(Self { file: Arc::new(read(path, &self.process)?), ..self.clone() })
    }

    /// Returns the same settings with another value for one of them, which wins over the
    /// environment and the file.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        Arc::make_mut(&mut self.process).insert(name.to_owned(), value.to_owned());
        self
    }

    /// Returns the value of a setting, without white space around it.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.process.get(name).or_else(|| self.file.get(name));
        value.map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

/// The reason why `.env` can't be read, without anything that stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(String);

impl std::error::Error for Unreadable {}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The largest file in bytes. A real one has some thousand.
const BYTES_MAX: u64 = 1 << 20;

fn read(
    path: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Unreadable> {
    let unreadable = |error: std::io::Error| Unreadable(format!(".env can't be read: {error}"));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if BYTES_MAX < bytes.len() as u64 {
        return Err(Unreadable(format!(".env is larger than {} MiB", BYTES_MAX >> 20)));
    }
    // Windows' tools like to write UTF-16.
    let text = String::from_utf8(bytes)
        .map_err(|_| Unreadable(".env isn't UTF-8; save it with that encoding".into()))?;
    dotenv::parse(&text, environment).map_err(|error| Unreadable(error.to_string()))
}

impl<const N: usize> From<[(&str, &str); N]> for Vars {
    fn from(pairs: [(&str, &str); N]) -> Self {
        let process = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { process: Arc::new(process), ..Self::default() }
    }
}

/// Shows no value: values may be secrets.
impl fmt::Debug for Vars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vars")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let message = Vars::of_file(file.path()).err().unwrap().to_string();
        assert_eq!(message, ".env line 2: it isn't NAME=value");
        std::fs::write(&file, b"\xff\xfeA\0=\0b\0").unwrap();
        let message = Vars::of_file(file.path()).err().unwrap().to_string();
        assert_eq!(message, ".env isn't UTF-8; save it with that encoding");
    }
}
