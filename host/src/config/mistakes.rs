//! Mistakes in the settings, all of them at once.

use std::borrow::Cow;
use std::fmt;

/// The mistakes in the settings.
#[derive(Debug, Default)]
pub struct Mistakes(Vec<(Cow<'static, str>, String)>);

impl Mistakes {
    /// Adds a mistake in a setting.
    pub fn add(&mut self, name: impl Into<Cow<'static, str>>, problem: String) {
        self.0.push((name.into(), problem));
    }

    /// Adds other mistakes behind these.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Returns true if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns a single mistake.
    pub fn one(name: &'static str, problem: String) -> Self {
        Self(vec![(name.into(), problem)])
    }
}

impl std::error::Error for Mistakes {}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, problem)) in self.0.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}  {name}: {problem}")?;
        }
        Ok(())
    }
}
