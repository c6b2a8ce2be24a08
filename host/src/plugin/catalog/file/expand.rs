//! `${NAME}` and `${NAME:-default}` in a provider's file.

use crate::config::Vars;

/// A text with its variables filled in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    pub(super) text: String,
    /// Variables without a value or a default. Nothing stands in their places.
    pub(super) missing: Vec<String>,
    /// All variables that are named.
    pub(super) names: Vec<String>,
}

/// A text whose variables can't be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ExpandError {
    /// A brace isn't closed.
    #[error("has a ${{ without its }}")]
    Unclosed,
    /// No variable can have that name.
    #[error("must name a variable as ${{NAME}} or ${{NAME:-default}}")]
    BadName,
}

/// Fills in a text's variables. `$$` is a dollar sign; so is one that no brace follows.
pub(super) fn expand(text: &str, vars: &Vars) -> Result<Expanded, ExpandError> {
    let mut expanded =
        Expanded { text: String::with_capacity(text.len()), missing: vec![], names: vec![] };
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.text.push_str(before);
        rest = if let Some(inner) = after.strip_prefix('{') {
            let Some((inner, rest)) = inner.split_once('}') else {
                return Err(ExpandError::Unclosed);
            };
            let (name, default) = match inner.split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (inner, None),
            };
            if !is_name(name) {
                return Err(ExpandError::BadName);
            }
            match vars.get(name).or(default) {
                Some(value) => expanded.text.push_str(value),
                None => expanded.missing.push(name.to_owned()),
            }
            expanded.names.push(name.to_owned());
            rest
        } else {
            expanded.text.push('$');
            after.strip_prefix('$').unwrap_or(after)
        };
    }
    expanded.text.push_str(rest);
    Ok(expanded)
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(template: &str) -> String {
        expand(template, &Vars::from([("KEY", "sk-1"), ("URL", "http://a")])).unwrap().text
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
        let expanded = expand("${A} ${KEY} ${B}", &Vars::from([("KEY", "k")])).unwrap();
        assert_eq!(expanded.missing, ["A", "B"]);
        assert_eq!(expanded.names, ["A", "KEY", "B"]);
        assert_eq!(expanded.text, " k ");
    }

    #[test]
    fn what_cannot_be_a_variable_is_a_mistake() {
        for text in ["${KEY", "${}", "${1A}", "${A-b}", "${ KEY }"] {
            assert!(expand(text, &Vars::default()).is_err(), "{text}");
        }
    }
}
