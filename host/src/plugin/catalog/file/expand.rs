//! `${NAME}` and `${NAME:-default}` in a provider's file.

use arete_vars::template::{self, Piece, TemplateError};

use crate::config::Vars;

/// A text with its variables filled in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    pub(super) text: String,
    /// Variables without a value or a default. Nothing stands in their places.
    pub(super) missing: Vec<String>,
    /// All variables that are named.
    pub(super) names: Vec<String>,
    /// True if the text is one variable and nothing else.
    pub(super) whole: bool,
}

/// A text whose variables can't be filled in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ExpandError {
    /// Its variables can't be told.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// It is longer than it may be.
    #[error("is too long with the values of its variables")]
    TooLong,
}

/// Fills in a text's variables, up to so many bytes. `$$` is a dollar sign; so is one that no brace
/// follows.
pub(super) fn expand(text: &str, vars: &Vars, most: usize) -> Result<Expanded, ExpandError> {
    let pieces = template::pieces(text)?;
    let whole = matches!(pieces.as_slice(), [Piece::Variable { .. }]);
    let mut expanded = Expanded { text: String::new(), missing: vec![], names: vec![], whole };
    for piece in pieces {
        match piece {
            Piece::Text(text) => expanded.text.push_str(text),
            Piece::Variable { name, default } => {
                match vars.get(name).or(default) {
                    Some(value) => expanded.text.push_str(value),
                    None => expanded.missing.push(name.to_owned()),
                }
                expanded.names.push(name.to_owned());
            }
        }
        if most < expanded.text.len() {
            return Err(ExpandError::TooLong);
        }
    }
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(template: &str) -> String {
        expand(template, &Vars::from([("KEY", "sk-1"), ("URL", "http://a")]), 100).unwrap().text
    }

    #[test]
    fn variables_are_filled_in() {
        assert_eq!(text("Bearer ${KEY}"), "Bearer sk-1");
        assert_eq!(text("${URL:-https://b}/${X:-v1}"), "http://a/v1");
        assert_eq!(text("${X:-}"), "");
        assert_eq!(text("${X:-https://b:8080/a?b}"), "https://b:8080/a?b");
        assert_eq!(text("$$5 and $5 and $"), "$5 and $5 and $");
        assert_eq!(text("$${KEY}"), "${KEY}");
    }

    #[test]
    fn what_has_no_value_is_told() {
        let expanded = expand("${A} ${KEY} ${B}", &Vars::from([("KEY", "k")]), 100).unwrap();
        assert_eq!(expanded.missing, ["A", "B"]);
        assert_eq!(expanded.names, ["A", "KEY", "B"]);
        assert_eq!(expanded.text, " k ");
    }

    #[test]
    fn a_text_that_is_one_variable_is_told() {
        let whole = |text| expand(text, &Vars::default(), 100).unwrap().whole;
        assert!(whole("${A}") && whole("${A:-https://b/c}"));
        assert!(!whole("${A}/b") && !whole("${A}${B}") && !whole("a") && !whole(""));
    }

    #[test]
    fn what_cannot_be_a_variable_is_a_mistake() {
        for text in ["${KEY", "${}", "${1A}", "${A-b}", "${ KEY }"] {
            assert!(expand(text, &Vars::default(), 100).is_err(), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_too_long_with_its_values_is_a_mistake() {
        let vars = Vars::from([("A", "0123456789")]);
        assert_eq!(expand("${A}${A}", &vars, 20).unwrap().text.len(), 20);
        assert_eq!(expand("${A}${A}", &vars, 19), Err(ExpandError::TooLong));
    }
}
