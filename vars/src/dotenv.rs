//! The rules of `.env`, told in `docs/settings.md`: a value is kept as it is written, or refused with
//! its line. Nothing is cut off in silence.
//!
//! The file has always been read as shells read assignments: quotes, backslashes, `export`, comments
//! and `${NAME}`. What shells do with a `$` that nobody meant is what keys can't bear: it goes away
//! with the letters after it. So a `$` is itself here, unless it is written as `${NAME}`.

use std::collections::BTreeMap;
use std::fmt;

use crate::template::is_name;

/// The most bytes that all `${NAME}` of a file together stand for. Each may name one above it, so a
/// few lines could come to more than any memory.
const FILLED_IN_MAX: usize = 1 << 20;

/// A line that can't be read, without any of its value: that may be a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadLine {
    line: usize,
    /// The setting, if it could be read.
    name: Option<String>,
    problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Problem {
    NoSetting,
    Spaces,
    Unclosed(char),
    Backslash,
    UnknownVariable,
    BadVariable,
    NamesVariable,
    TooLarge,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, name, problem } = self;
        write!(f, ".env line {line}: ")?;
        let name = name.as_deref().unwrap_or("the line");
        match problem {
            Problem::NoSetting => write!(f, "it isn't NAME=value"),
            Problem::Spaces => write!(
                f,
                "{name} has something behind a space; put a value that holds spaces into quotes, and write a comment \
                 after ` #`"
            ),
            Problem::Unclosed(quote) => write!(
                f,
                "{name} has a {quote} without a second one; write \\{quote} for the sign itself"
            ),
            Problem::Backslash => write!(
                f,
                "{name} has a \\ before something else than n, $, a quote, a space or another \\; put the value into \
                 single quotes ('…') to keep it as it is, or write \\\\ for the sign itself"
            ),
            Problem::UnknownVariable => write!(
                f,
                "{name} has a ${{…}} that names nothing that is set above it or in the environment; put the value into \
                 single quotes ('…') to keep the $ as it is"
            ),
            Problem::BadVariable => write!(
                f,
                "{name} has a ${{ that isn't a ${{NAME}}; put the value into single quotes ('…') to keep the $ as it is"
            ),
            Problem::NamesVariable => write!(
                f,
                "{name} has a $ with the name of another setting or variable behind it, so it can be meant in two ways; \
                 put the value into single quotes ('…') to keep the $ as it is, or write ${{NAME}} for the variable's value"
            ),
            Problem::TooLarge => write!(
                f,
                "with {name} the values of all ${{NAME}} come to more than {} MiB",
                FILLED_IN_MAX >> 20
            ),
        }
    }
}

/// Reads a file. `environment` is what `${NAME}` may name beside settings above it.
pub(crate) fn parse(
    text: &str,
    environment: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, BadLine> {
    // Windows' line ends, inside of quotes too.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let mut parser =
        Parser { rest: &text, line: 1, left: FILLED_IN_MAX, environment, vars: BTreeMap::new() };
    while parser.skip_to_setting() {
        parser.setting()?;
    }
    Ok(parser.vars)
}

struct Parser<'a> {
    rest: &'a str,
    line: usize,
    /// The bytes that `${NAME}` may still stand for.
    left: usize,
    environment: &'a BTreeMap<String, String>,
    vars: BTreeMap<String, String>,
}

impl Parser<'_> {
    /// Skips blank lines and comments; returns false at the end.
    fn skip_to_setting(&mut self) -> bool {
        loop {
            self.skip(char::is_whitespace);
            if !self.rest.starts_with('#') {
                return !self.rest.is_empty();
            }
            self.skip(|c| c != '\n');
        }
    }

    fn setting(&mut self) -> Result<(), BadLine> {
        let line = self.line;
        let wrong = |problem| BadLine { line, name: None, problem };
        let mut name = self.name().ok_or(wrong(Problem::NoSetting))?;
        self.skip_spaces();
        // `export` is a prefix, or a name like another.
        if name == "export" && !self.rest.starts_with('=') {
            name = self.name().ok_or(wrong(Problem::NoSetting))?;
            self.skip_spaces();
        }
        if self.next() != Some('=') {
            return Err(wrong(Problem::NoSetting));
        }
        self.skip_spaces();
        let value = self.value().map_err(|(line, problem)| {
            let name = Some(name.clone());
            BadLine { line, name, problem }
        })?;
        self.vars.insert(name, value);
        Ok(())
    }

    fn name(&mut self) -> Option<String> {
        let rest = self.rest;
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return None;
        }
        self.skip(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        Some(rest.strip_suffix(self.rest).unwrap_or_default().to_owned())
    }

    /// Reads a value to the end of its line.
    fn value(&mut self) -> Result<String, (usize, Problem)> {
        let mut value = String::new();
        if self.rest.starts_with('#') {
            self.skip(|c| c != '\n');
            return Ok(value);
        }
        loop {
            let begun = !value.is_empty();
            let line = self.line;
            match self.next() {
                None | Some('\n') => return Ok(value),
                Some(c) if c == ' ' || c == '\t' || c == '\r' => {
                    self.skip(|c| c.is_whitespace() && c != '\n');
                    if self.rest.starts_with('#') {
                        self.skip(|c| c != '\n');
                    }
                    return match self.next() {
                        None | Some('\n') => Ok(value),
                        Some(_) => Err((line, Problem::Spaces)),
                    };
                }
                Some('\'') => self.single(&mut value, begun)?,
                Some('"') => self.double(&mut value, begun)?,
                Some('\\') => self.escape(&mut value)?,
                Some('$') => self.dollar(&mut value)?,
                Some(c) => value.push(c),
            }
        }
    }

    /// Reads what is in single quotes: everything is itself. Only a value that is quoted from its
    /// beginning may have several lines: a quote in the middle is an apostrophe that was forgotten.
    fn single(&mut self, value: &mut String, begun: bool) -> Result<(), (usize, Problem)> {
        let line = self.line;
        loop {
            match self.next() {
                Some('\'') => return Ok(()),
                Some('\n') if begun => return Err((line, Problem::Unclosed('\''))),
                Some(c) => value.push(c),
                None => return Err((line, Problem::Unclosed('\''))),
            }
        }
    }

    /// Reads what is in double quotes.
    fn double(&mut self, value: &mut String, begun: bool) -> Result<(), (usize, Problem)> {
        let line = self.line;
        loop {
            match self.next() {
                Some('"') => return Ok(()),
                Some('\n') if begun => return Err((line, Problem::Unclosed('"'))),
                Some('\\') => self.escape(value)?,
                Some('$') => self.dollar(value)?,
                Some(c) => value.push(c),
                None => return Err((line, Problem::Unclosed('"'))),
            }
        }
    }

    fn escape(&mut self, value: &mut String) -> Result<(), (usize, Problem)> {
        let line = self.line;
        value.push(match self.next() {
            Some('n') => '\n',
            Some(c @ ('\\' | '\'' | '"' | '$' | ' ')) => c,
            _ => return Err((line, Problem::Backslash)),
        });
        Ok(())
    }

    /// Reads what follows a `$`.
    fn dollar(&mut self, value: &mut String) -> Result<(), (usize, Problem)> {
        let line = self.line;
        if let Some(inner) = self.rest.strip_prefix('{') {
            let (name, rest) = inner.split_once('}').ok_or((line, Problem::BadVariable))?;
            if !is_name(name) {
                return Err((line, Problem::BadVariable));
            }
            let known = self.known(name).ok_or((line, Problem::UnknownVariable))?;
            let left = self.left.checked_sub(known.len()).ok_or((line, Problem::TooLarge))?;
            value.push_str(known);
            self.left = left;
            self.rest = rest;
            return Ok(());
        }
        // Files were read by longest names of letters and digits; people mean names with `_` too.
        let end = |part: fn(char) -> bool| self.rest.find(|c| !part(c)).unwrap_or(self.rest.len());
        let ends = [end(char::is_alphanumeric), end(|c| c.is_ascii_alphanumeric() || c == '_')];
        let names = ends.map(|end| self.rest.get(..end).unwrap_or_default());
        if names.iter().any(|name| self.known(name).is_some()) {
            return Err((line, Problem::NamesVariable));
        }
        value.push('$');
        Ok(())
    }

    /// Returns the value of a variable; that of the environment wins.
    fn known(&self, name: &str) -> Option<&str> {
        self.environment.get(name).or_else(|| self.vars.get(name)).map(String::as_str)
    }

    fn skip_spaces(&mut self) {
        self.skip(|c| c.is_whitespace() && c != '\n');
    }

    fn skip(&mut self, part: impl Fn(char) -> bool) {
        while self.rest.chars().next().is_some_and(&part) {
            self.next();
        }
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        self.line += usize::from(c == '\n');
        Some(c)
    }
}

#[cfg(test)]
mod tests;
