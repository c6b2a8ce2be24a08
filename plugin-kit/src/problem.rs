//! The reason why a project can't be built, for the one who wrote it.

use std::path::Path;
use std::{error, fmt, io};

/// Sentences that say what is wrong and what to do about it.
#[derive(Debug)]
pub struct Problem(String);

impl Problem {
    pub(crate) fn new(sentences: impl Into<String>) -> Self {
        Self(sentences.into())
    }

    /// A file or folder that can't be read or written.
    pub(crate) fn with_file(path: &Path, error: &io::Error) -> Self {
        Self(format!("{} can't be used: {error}.", path.display()))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for Problem {}
