//! `if-match`: change what was read, or nothing (RFC 9110, section 13.1.1).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::header;
use http::request::Parts;

use crate::store::users::{StoreError, etag_version};

/// A version that no user has: the first one is 1.
const NOBODYS: u64 = 0;

/// A caller's demand on the version of a user.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Nothing, or that there is one.
    Any,
    /// One of these. Tags that aren't ours match nobody, and aren't here.
    OneOf(Vec<u64>),
}

impl IfMatch {
    /// Does `write` if the user has a version that is demanded. The store compares and writes in
    /// one step, and takes one version at a time: it says which one there is, and if that is
    /// another of those demanded, it is asked again. Versions only grow, so that ends.
    pub(super) async fn attempt<T, F: Future<Output = Result<T, StoreError>>>(
        self,
        write: impl Fn(Option<u64>) -> F,
    ) -> Result<T, StoreError> {
        let Self::OneOf(versions) = self else {
            return write(None).await;
        };
        let mut expected = versions.first().copied().unwrap_or(NOBODYS);
        loop {
            match write(Some(expected)).await {
                Err(StoreError::Stale { current })
                    if current != expected && versions.contains(&current) =>
                {
                    expected = current;
                }
                answer => return answer,
            }
        }
    }

    fn parse(values: &[String]) -> Self {
        if values.is_empty() || values.iter().any(|value| value.trim() == "*") {
            return Self::Any;
        }
        Self::OneOf(values.iter().filter_map(|value| strong_tags(value)).flatten().collect())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let values = parts.headers.get_all(header::IF_MATCH).iter();
        // Bytes that aren't text are in no tag of ours.
        let values: Vec<_> =
            values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
        Ok(Self::parse(&values))
    }
}

/// The versions in a list of tags; `None` if it isn't one. Weak tags don't match here, as the RFC
/// has it. A tag may hold commas, so they don't tell tags apart by themselves.
fn strong_tags(mut list: &str) -> Option<Vec<u64>> {
    let space_or_comma = |c: char| matches!(c, ' ' | '\t' | ',');
    let mut versions = vec![];
    loop {
        list = list.trim_start_matches(space_or_comma);
        if list.is_empty() {
            return Some(versions);
        }
        let weak = list.starts_with("W/");
        let opened = list.strip_prefix("W/").unwrap_or(list).strip_prefix('"')?;
        let (tag, rest) = opened.split_once('"')?;
        if !rest.is_empty() && !rest.starts_with(space_or_comma) {
            return None;
        }
        versions.extend(etag_version(&format!("\"{tag}\"")).filter(|_| !weak));
        list = rest;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn parse(value: &str) -> IfMatch {
        IfMatch::parse(&[value.to_owned()])
    }

    #[test]
    fn a_list_holds_the_versions_of_its_strong_tags() {
        assert_eq!(IfMatch::parse(&[]), IfMatch::Any);
        assert_eq!(parse(" * "), IfMatch::Any);
        for (value, versions) in [
            (r#""5""#, vec![5]),
            (r#""5", "6""#, vec![5, 6]),
            (r#" ,"5" ,	W/"6",, "7""#, vec![5, 7]),
            (r#""a,b", "5""#, vec![5]),
            (r#"W/"5""#, vec![]),
            (r#""05""#, vec![]),
            (r#""five""#, vec![]),
            ("5", vec![]),
            (r#""5"#, vec![]),
            (r#"5""#, vec![]),
            (r#""5"x"#, vec![]),
            (r#""a,"5",b""#, vec![]),
            (r#"w/"5""#, vec![]),
            ("", vec![]),
        ] {
            assert_eq!(parse(value), IfMatch::OneOf(versions), "{value}");
        }
        assert_eq!(IfMatch::parse(&[r#""5""#.into(), r#""6""#.into()]), IfMatch::OneOf(vec![5, 6]));
    }

    /// Returns what a store is asked whose user has version `current`, and what it answers.
    async fn asked(if_match: IfMatch, current: u64) -> (Vec<Option<u64>>, bool) {
        let asked = RefCell::new(vec![]);
        let answer = if_match.attempt(async |expected| {
            asked.borrow_mut().push(expected);
            if expected.is_none_or(|expected| expected == current) {
                Ok(())
            } else {
                Err(StoreError::Stale { current })
            }
        });
        let done = answer.await.is_ok();
        (asked.into_inner(), done)
    }

    #[tokio::test]
    async fn the_store_is_asked_for_one_version_at_a_time() {
        assert_eq!(asked(IfMatch::Any, 3).await, (vec![None], true));
        assert_eq!(asked(IfMatch::OneOf(vec![3]), 3).await, (vec![Some(3)], true));
        assert_eq!(asked(IfMatch::OneOf(vec![1, 2, 3]), 3).await, (vec![Some(1), Some(3)], true));
        assert_eq!(asked(IfMatch::OneOf(vec![1, 2]), 3).await, (vec![Some(1)], false));
        assert_eq!(asked(IfMatch::OneOf(vec![]), 3).await, (vec![Some(0)], false));
    }
}
