//! Mistakes in a request, each with its path, and the places that paths lead to.

use std::cell::{Cell, RefCell};
use std::fmt;

use crate::http::problem::{Code, FieldError, Problem};

/// The most mistakes that one answer names.
const NAMED_MAX: usize = 50;
/// The most characters of a field's name in a path: callers can send names of any length.
const NAME_MAX: usize = 100;

/// The mistakes found in one request.
#[derive(Debug, Default)]
pub(crate) struct Mistakes {
    named: RefCell<Vec<FieldError>>,
    found: Cell<usize>,
    /// The message about the body as a whole.
    of_the_whole: RefCell<Option<String>>,
}

impl Mistakes {
    /// Notes a mistake in a field of this name.
    pub(crate) fn add(&self, field: &str, message: impl fmt::Display) {
        At::root(self).field(field).wrong::<()>(message);
    }

    /// Returns the value, if there were no mistakes.
    ///
    /// # Errors
    /// A 400 that names the first mistakes, those in `fields` in the order given there.
    pub(crate) fn finish<T>(self, value: Option<T>, fields: &[&str]) -> Result<T, Problem> {
        if let Some(message) = self.of_the_whole.into_inner() {
            return Err(Problem::new(Code::InvalidRequest, format!("the body {message}")));
        }
        let mut named = self.named.into_inner();
        match value {
            Some(value) if named.is_empty() => Ok(value),
            _ if named.is_empty() => Err(Problem::internal("a body was refused without a reason")),
            _ => {
                let rank = |error: &FieldError| {
                    let end = error.field.find(['.', '[']).unwrap_or(error.field.len());
                    let name = error.field.get(..end);
                    fields.iter().position(|field| Some(*field) == name).unwrap_or(fields.len())
                };
                named.sort_by_key(rank);
                Err(Problem::mistakes(named, self.found.get()))
            }
        }
    }
}

/// A place in a request, and where mistakes there are noted.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    mistakes: &'a Mistakes,
    parent: Option<&'a At<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Field(&'a str),
    Index(usize),
}

impl<'a> At<'a> {
    /// Returns the place of the whole body.
    pub(crate) fn root(mistakes: &'a Mistakes) -> Self {
        Self { mistakes, parent: None, step: Step::Root }
    }

    /// Returns the place of a field of the object here.
    pub(crate) fn field<'b>(&'b self, name: &'b str) -> At<'b> {
        At { mistakes: self.mistakes, parent: Some(self), step: Step::Field(name) }
    }

    /// Returns the place of an element of the array here.
    pub(crate) fn index(&self, index: usize) -> At<'_> {
        At { mistakes: self.mistakes, parent: Some(self), step: Step::Index(index) }
    }

    /// Notes a mistake here. Returns nothing, which is what the value then is.
    pub(crate) fn wrong<T>(&self, message: impl fmt::Display) -> Option<T> {
        if matches!(self.step, Step::Root) {
            *self.mistakes.of_the_whole.borrow_mut() = Some(message.to_string());
            return None;
        }
        self.mistakes.found.set(self.mistakes.found.get().saturating_add(1));
        let mut named = self.mistakes.named.borrow_mut();
        if named.len() < NAMED_MAX {
            named.push(FieldError::new(self.to_string(), message.to_string()));
        }
        None
    }
}

impl fmt::Display for At<'_> {
    /// Writes the path: `messages[0].content`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Field(name) => {
                if self.parent.is_some_and(|parent| !matches!(parent.step, Step::Root)) {
                    f.write_str(".")?;
                }
                write_bounded(f, name)
            }
        }
    }
}

/// Writes a text of the caller's, without what could forge a line of a log, and not all of a long
/// one.
pub(super) fn write_bounded(f: &mut impl fmt::Write, text: &str) -> fmt::Result {
    for (index, c) in text.chars().enumerate() {
        if index == NAME_MAX {
            return f.write_str("…");
        }
        f.write_char(if c.is_control() { '\u{fffd}' } else { c })?;
    }
    Ok(())
}
