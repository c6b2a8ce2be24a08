//! Values of a TOML document, read one by one; every mistake is kept with its line, and all are
//! told in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use toml::de::{DeArray, DeTable, DeValue};

use super::expand::{Expanded, expand};
use crate::config::Vars;

/// A value and where it stands.
pub(super) type Spanned<'i> = toml::Spanned<DeValue<'i>>;

/// The origins of one provider; the headers, paths and methods of one origin.
pub(super) const ENTRIES_MAX: usize = 32;

/// The most bytes of all values together, their variables filled in. A file may name a long one
/// thousands of times.
const VALUES_BYTES_MAX: usize = 1 << 20;

/// The least likeness of an unknown key to a known one for it to be taken for a typing error: 0 is
/// nothing alike, 1 the same.
const ALIKE: f64 = 0.75;

/// Everything that is wrong with a file.
#[derive(Debug, Clone)]
pub(crate) struct Problems(Vec<Problem>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    line: usize,
    text: String,
    /// The variables that the value is made of.
    variables: Vec<String>,
}

impl Problems {
    /// Returns the problem of a text that isn't TOML.
    pub(super) fn of_syntax(text: &str, error: &toml::de::Error) -> Self {
        let line = error.span().map_or(1, |span| line(text, span.start));
        let text = error.message().trim().replace('\n', ", ");
        Self(vec![Problem { line, text, variables: vec![] }])
    }

    /// Returns the problems, each with the variables that the value is made of.
    pub(in super::super) fn of_variables(&self) -> impl Iterator<Item = (&[String], &str)> {
        self.0.iter().map(|problem| (&*problem.variables, &*problem.text))
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { line, text, .. }) in self.0.iter().enumerate() {
            let between = if index == 0 { "" } else { "; " };
            write!(f, "{between}line {line}: {text}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Reads values and collects what is wrong with them.
pub(super) struct Reader<'a> {
    text: &'a str,
    vars: &'a Vars,
    problems: Vec<Problem>,
    /// The variables of values, by the places of these.
    variables: BTreeMap<usize, Vec<String>>,
    missing: BTreeSet<String>,
    /// The bytes that values may still have.
    left: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, vars: &'a Vars) -> Self {
        Self {
            text,
            vars,
            problems: vec![],
            variables: BTreeMap::new(),
            missing: BTreeSet::new(),
            left: VALUES_BYTES_MAX,
        }
    }

    /// Notes what is wrong with a value.
    pub(super) fn complain(&mut self, value: &Spanned<'_>, problem: String) {
        self.complain_at(value.span().start, problem);
    }

    fn complain_at(&mut self, offset: usize, problem: String) {
        let variables = self.variables.get(&offset).cloned().unwrap_or_default();
        let line = line(self.text, offset);
        self.problems.push(Problem { line, text: problem, variables });
    }

    /// Complains about keys that nobody reads: whoever wrote them expects something.
    pub(super) fn known(&mut self, table: &DeTable<'_>, known: &[&str], place: &str) {
        for key in table.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let nearest = known.iter().map(|known| (strsim::jaro_winkler(name, known), known));
            let nearest =
                nearest.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(alike, _)| ALIKE <= *alike);
            let advice = match nearest {
                Some((_, nearest)) => format!("did you mean {nearest:?}?"),
                None => format!("it may have: {}", known.join(", ")),
            };
            self.complain_at(key.span().start, format!("{place} has no key {name:?}; {advice}"));
        }
    }

    pub(super) fn boolean(&mut self, value: &Spanned<'_>, place: &str) -> Option<bool> {
        if let DeValue::Boolean(value) = value.get_ref() {
            return Some(*value);
        }
        self.complain(value, format!("{place} must be true or false"));
        None
    }

    /// Text, its variables filled in; nothing if one of them has no value.
    pub(super) fn text(&mut self, value: &Spanned<'_>, place: &str) -> Option<String> {
        if !value.get_ref().is_str() {
            self.complain(value, format!("{place} must be text in quotes"));
            return None;
        }
        self.scalar(value, place)
            .filter(|expanded| expanded.missing.is_empty())
            .map(|expanded| expanded.text)
    }

    /// Text, a number or a switch, as text, its variables filled in.
    pub(super) fn scalar(&mut self, value: &Spanned<'_>, place: &str) -> Option<Expanded> {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(switch) => switch.to_string(),
            DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                self.complain(value, format!("{place} must be text, a number, true or false"));
                return None;
            }
        };
        match expand(&text, self.vars, self.left) {
            Ok(expanded) => {
                self.left -= expanded.text.len();
                self.missing.extend(expanded.missing.iter().cloned());
                self.variables.insert(value.span().start, expanded.names.clone());
                Some(expanded)
            }
            Err(problem) => {
                self.complain(value, format!("{place} {problem}"));
                None
            }
        }
    }

    /// Returns the value of a variable that a word of the file stands for. One without a value is
    /// missing, unless the provider can do without it.
    pub(super) fn variable(&mut self, name: &str) -> Option<String> {
        let value = self.optional_variable(name);
        if value.is_none() {
            self.missing.insert(name.to_owned());
        }
        value
    }

    /// Returns the value of a variable that the provider can do without.
    pub(super) fn optional_variable(&self, name: &str) -> Option<String> {
        self.vars.get(name).map(str::to_owned).filter(|value| !value.is_empty())
    }

    /// Returns the line that a value stands in.
    pub(super) fn line(&self, value: &Spanned<'_>) -> usize {
        line(self.text, value.span().start)
    }

    /// The entries of a table; none if it isn't there.
    pub(super) fn table<'t, 'i>(
        &mut self,
        value: Option<&'t Spanned<'i>>,
        place: &str,
    ) -> Vec<(&'t str, &'t Spanned<'i>)> {
        match value.map(|value| (value, value.get_ref())) {
            None => vec![],
            Some((_, DeValue::Table(table))) => {
                table.iter().map(|(key, value)| (&**key.get_ref(), value)).collect()
            }
            Some((value, _)) => {
                self.complain(value, format!("{place} must be a table of keys and values"));
                vec![]
            }
        }
    }

    /// The entries of an array; none if it isn't there.
    pub(super) fn array<'t, 'i>(
        &mut self,
        value: Option<&'t Spanned<'i>>,
        place: &str,
        written: &str,
    ) -> &'t [Spanned<'i>] {
        match value.map(|value| (value, value.get_ref())) {
            None => &[],
            Some((_, DeValue::Array(array))) => entries(array),
            Some((value, _)) => {
                self.complain(value, format!("{place} is written as {written}, once for each"));
                &[]
            }
        }
    }

    /// The entries of a list of texts.
    pub(super) fn list<'t, 'i>(
        &mut self,
        value: &'t Spanned<'i>,
        place: &str,
        example: &str,
    ) -> &'t [Spanned<'i>] {
        if let DeValue::Array(array) = value.get_ref() {
            return entries(array);
        }
        self.complain(value, format!("{place} must be a list, such as {example}"));
        &[]
    }

    /// Variables that have no value.
    pub(super) fn missing(&self) -> impl Iterator<Item = &str> {
        self.missing.iter().map(String::as_str)
    }

    /// All that was wrong, in the order of lines.
    pub(super) fn finish(self) -> Result<(), Problems> {
        if self.problems.is_empty() {
            return Ok(());
        }
        let mut problems = self.problems;
        problems.sort();
        Err(Problems(problems))
    }
}

fn entries<'t, 'i>(array: &'t DeArray<'i>) -> &'t [Spanned<'i>] {
    array
}

fn line(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
