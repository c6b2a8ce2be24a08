//! `${NAME}` and `${NAME:-default}` in the texts of a provider's file, taken apart. The server
//! fills the variables in, and the tools for authors look at them, by this one reading.

/// A piece of a text with variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text that stands for itself.
    Text(&'a str),
    /// A variable.
    Variable {
        /// Its name.
        name: &'a str,
        /// The text that stands for it where it has no value.
        default: Option<&'a str>,
    },
}

/// A text whose variables can't be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateError {
    /// A brace isn't closed.
    Unclosed,
    /// No variable can have that name.
    BadName,
}

impl std::error::Error for TemplateError {}

impl std::fmt::Display for TemplateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unclosed => "has a ${ without its }",
            Self::BadName => "must name a variable as ${NAME} or ${NAME:-default}",
        })
    }
}

/// Takes a text apart. `$$` is a dollar sign; so is one that no brace follows.
///
/// # Errors
/// When a variable isn't written as one.
pub fn pieces(text: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        pieces.extend(Some(Piece::Text(before)).filter(|_| !before.is_empty()));
        rest = if let Some(inner) = after.strip_prefix('{') {
            let (inner, rest) = inner.split_once('}').ok_or(TemplateError::Unclosed)?;
            let (name, default) = match inner.split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (inner, None),
            };
            if !is_name(name) {
                return Err(TemplateError::BadName);
            }
            pieces.push(Piece::Variable { name, default });
            rest
        } else {
            pieces.push(Piece::Text("$"));
            after.strip_prefix('$').unwrap_or(after)
        };
    }
    pieces.extend(Some(Piece::Text(rest)).filter(|_| !rest.is_empty()));
    Ok(pieces)
}

/// Returns true if a variable can have this name.
pub(crate) fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::Piece::{Text, Variable};
    use super::*;

    #[test]
    fn variables_are_told_from_text() {
        let variable = |name, default| Variable { name, default };
        assert_eq!(
            pieces("a ${B}c${D:-e:-f}").unwrap(),
            [Text("a "), variable("B", None), Text("c"), variable("D", Some("e:-f"))]
        );
        assert_eq!(pieces("${X:-}").unwrap(), [variable("X", Some(""))]);
        assert_eq!(pieces("").unwrap(), []);
    }

    #[test]
    fn a_dollar_sign_without_a_brace_is_itself() {
        let text = |text| {
            let shown = |piece: &Piece<'_>| match *piece {
                Text(text) => text.to_owned(),
                Variable { .. } => "variable".to_owned(),
            };
            pieces(text).unwrap().iter().map(shown).collect::<String>()
        };
        assert_eq!(text("$$5 and $5 and $"), "$5 and $5 and $");
        assert_eq!(text("$${KEY}"), "${KEY}");
    }

    #[test]
    fn what_cannot_be_a_variable_is_a_mistake() {
        for text in ["${", "a${B"] {
            assert_eq!(pieces(text), Err(TemplateError::Unclosed), "{text}");
        }
        for text in ["${}", "${1A}", "${A-b}", "${ KEY }"] {
            assert_eq!(pieces(text), Err(TemplateError::BadName), "{text}");
        }
    }
}
