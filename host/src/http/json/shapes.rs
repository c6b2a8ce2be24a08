//! Shapes that bodies are made of.

use std::borrow::Cow;
use std::fmt::Display;
use std::ops::RangeInclusive;

use serde::de::SeqAccess;
use serde_json::Number;

use super::mistakes::write_bounded;
use super::{At, Found, Seed, Shape};

/// A string.
pub(crate) struct Text;

impl Shape<'_> for Text {
    type Value = String;

    fn expected(&self) -> Cow<'static, str> {
        "a string".into()
    }

    fn text(self, text: &str, _: &At<'_>) -> Option<String> {
        Some(text.to_owned())
    }
}

/// True or false.
pub(crate) struct Bool;

impl Shape<'_> for Bool {
    type Value = bool;

    fn expected(&self) -> Cow<'static, str> {
        "a boolean".into()
    }

    fn boolean(self, value: bool, _: &At<'_>) -> Option<bool> {
        Some(value)
    }
}

/// A whole number within a range. One message says all of it: type and range.
pub(crate) struct Whole(pub(crate) RangeInclusive<u64>);

impl Shape<'_> for Whole {
    type Value = u64;

    fn expected(&self) -> Cow<'static, str> {
        format!("a whole number from {} to {}", self.0.start(), self.0.end()).into()
    }

    fn number(self, number: &Number, at: &At<'_>) -> Option<u64> {
        let whole = number.as_u64().filter(|number| self.0.contains(number));
        whole.or_else(|| self.mismatch(Found::Number(number), at))
    }

    fn mismatch(&self, _: Found<'_>, at: &At<'_>) -> Option<u64> {
        at.wrong(format_args!("must be {}", self.expected()))
    }
}

/// A number within a range, whole or not.
pub(crate) struct Decimal(pub(crate) RangeInclusive<f64>);

impl Shape<'_> for Decimal {
    type Value = f64;

    fn expected(&self) -> Cow<'static, str> {
        format!("a number from {} to {}", self.0.start(), self.0.end()).into()
    }

    fn number(self, number: &Number, at: &At<'_>) -> Option<f64> {
        let decimal = number.as_f64().filter(|number| self.0.contains(number));
        decimal.or_else(|| self.mismatch(Found::Number(number), at))
    }

    fn mismatch(&self, _: Found<'_>, at: &At<'_>) -> Option<f64> {
        at.wrong(format_args!("must be {}", self.expected()))
    }
}

/// A string that is one of these words, each with its meaning.
pub(crate) struct Words<T: 'static>(pub(crate) &'static [(&'static str, T)]);

impl<T: Clone> Shape<'_> for Words<T> {
    type Value = T;

    fn expected(&self) -> Cow<'static, str> {
        "a string".into()
    }

    fn text(self, text: &str, at: &At<'_>) -> Option<T> {
        let found = self.0.iter().find(|(word, _)| *word == text).map(|(_, value)| value.clone());
        found.or_else(|| at.unknown_word(text, self.0.iter().map(|(word, _)| *word)))
    }
}

impl At<'_> {
    /// Notes a word that isn't one of those known.
    pub(crate) fn unknown_word<'a, T>(
        &self,
        text: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> Option<T> {
        let mut message = String::from("is `");
        // Writing to a string doesn't fail.
        let _ = write_bounded(&mut message, text);
        let known: Vec<String> = known.map(|word| format!("`{word}`")).collect();
        self.wrong(format_args!("{message}`, must be one of {}", known.join(", ")))
    }
}

/// A string that a type reads, with its own words about what it must be.
pub(crate) struct Parsed<T, E>(pub(crate) fn(String) -> Result<T, E>);

impl<T, E: Display> Shape<'_> for Parsed<T, E> {
    type Value = T;

    fn expected(&self) -> Cow<'static, str> {
        "a string".into()
    }

    fn text(self, text: &str, at: &At<'_>) -> Option<T> {
        match (self.0)(text.to_owned()) {
            Ok(value) => Some(value),
            Err(error) => at.wrong(error),
        }
    }
}

/// An array, each element of one shape; at most so many elements.
pub(crate) struct List<F> {
    /// Makes the shape of an element.
    pub(crate) of: F,
    /// The most elements.
    pub(crate) max: usize,
}

impl<F> List<F> {
    /// Returns a list without a bound of its own: the body's size bounds it.
    pub(crate) fn of(of: F) -> Self {
        Self { of, max: usize::MAX }
    }
}

impl<'de, S: Shape<'de>, F: Fn() -> S> Shape<'de> for List<F> {
    type Value = Vec<S::Value>;

    fn expected(&self) -> Cow<'static, str> {
        "an array".into()
    }

    fn array<A: SeqAccess<'de>>(
        self,
        mut array: A,
        at: &At<'_>,
    ) -> Result<Option<Vec<S::Value>>, A::Error> {
        let mut all = Some(Vec::new());
        for index in 0.. {
            let element = Seed { shape: (self.of)(), at: at.index(index) };
            let Some(element) = array.next_element_seed(element)? else { break };
            if index == self.max {
                at.wrong::<()>(format_args!("must have at most {} elements", self.max));
            }
            // After a mistake the list isn't needed any more.
            match (&mut all, element) {
                (Some(all), Some(element)) if index < self.max => all.push(element),
                _ => all = None,
            }
        }
        Ok(all)
    }
}
