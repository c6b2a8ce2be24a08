//! The query of a list of users, every mistake named.

use std::collections::BTreeSet;

use url::form_urlencoded;

use crate::http::json::Mistakes;
use crate::http::problem::Problem;
use crate::store::users::{ListQuery, PageLimit};

/// Reads a query string. A parameter that nobody knows is a mistake: a filter misspelt would list
/// everybody.
pub(super) fn parse(query: &str) -> Result<ListQuery, Problem> {
    let mistakes = Mistakes::default();
    let mut list = ListQuery::default();
    let mut seen = BTreeSet::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if !seen.insert(name.clone()) {
            mistakes.add(&name, "is there more than once");
            continue;
        }
        match &*name {
            "limit" => match limit(&value) {
                Some(limit) => list.limit = limit,
                None => mistakes
                    .add("limit", format!("must be a whole number from 1 to {}", PageLimit::MAX)),
            },
            "cursor" => match value.parse() {
                Ok(cursor) => list.cursor = Some(cursor),
                Err(invalid) => mistakes.add("cursor", invalid),
            },
            "email" => list.email = Some(value.into_owned()),
            _ => mistakes.add(&name, "is not a query parameter of this route"),
        }
    }
    mistakes.finish(Some(list), &[])
}

fn limit(text: &str) -> Option<PageLimit> {
    // A number's type also reads a sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = text.parse().ok().filter(|_| digits)?;
    PageLimit::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::store::users::Cursor;

    fn mistakes(query: &str) -> Vec<String> {
        parse(query).unwrap_err().body(None).errors.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn parameters_are_read_as_they_are_encoded() {
        assert_eq!(parse("").unwrap(), ListQuery::default());
        let cursor = Cursor::after(Uuid::now_v7());
        let list =
            parse(&format!("limit=200&email=ada%2Bx%40example.com&cursor={cursor}")).unwrap();
        assert_eq!((list.limit.get(), list.cursor), (200, Some(cursor)));
        assert_eq!(list.email.as_deref(), Some("ada+x@example.com"));
    }

    #[test]
    fn each_mistake_names_its_parameter() {
        for query in [
            "limit=0",
            "limit=201",
            "limit=%2B5",
            "limit=-1",
            "limit=5.0",
            "limit=",
            "limit",
            "limit=1&limit=1",
        ] {
            assert_eq!(mistakes(query), ["limit"], "{query}");
        }
        for query in ["cursor=", "cursor=x", "cursor=%FF"] {
            assert_eq!(mistakes(query), ["cursor"], "{query}");
        }
        assert_eq!(mistakes("emial=a"), ["emial"]);
    }

    #[test]
    fn all_mistakes_are_named_at_once() {
        assert_eq!(
            mistakes("emial=a&limit=0&cursor=x&email=a&email=b"),
            ["emial", "limit", "cursor", "email"]
        );
    }
}
