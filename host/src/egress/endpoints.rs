//! The endpoints of a granted origin: the paths and methods that an operator lets a provider ask
//! there. Without any, all are.
//!
//! A path is compared as it goes out, letter by letter. One that two servers could read in two ways
//! is no granted path, whatever it is: a gateway may take `/v1/messages/%2e%2e/files` for
//! `/v1/files`.

mod plain;

use std::fmt;

use http::Method;
use url::Url;

use self::plain::is_plain;
use crate::digest::FieldHash;

/// The longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 10;

/// The endpoints that a grant lets through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// The path of the base URL, without a slash at its end: `paths` are below it.
    pub base: String,
    /// The paths. None: all of the origin, also beside `base`.
    pub paths: Option<Vec<PathPattern>>,
    /// The methods. None: all that a guest may use.
    pub methods: Option<Vec<Method>>,
}

/// The reason why a path isn't granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathFault {
    /// No pattern is for it.
    Other,
    /// It isn't below the base URL's path.
    BesideBase,
    /// It can be read in more than one way.
    Ambiguous,
}

impl Endpoints {
    pub(super) fn allow_method(&self, method: &Method) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.contains(method))
    }

    /// Checks a path as it goes out, without a query.
    pub(super) fn check_path(&self, path: &str) -> Result<(), PathFault> {
        let Some(patterns) = &self.paths else { return Ok(()) };
        if !is_plain(path) {
            return Err(PathFault::Ambiguous);
        }
        let below = self.below_base(path).ok_or(PathFault::BesideBase)?;
        if patterns.iter().any(|pattern| pattern.matches(below)) {
            return Ok(());
        }
        Err(PathFault::Other)
    }

    /// Returns a path as `paths` would name it.
    pub(super) fn below_base<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(&self.base).filter(|below| below.starts_with('/'))
    }

    /// Adds the endpoints to a digest; none adds nothing, as before there were any.
    pub(crate) fn hash(&self, hash: &mut FieldHash) {
        let Self { base, paths, methods } = self;
        if let Some(paths) = paths {
            hash.add("paths");
            hash.add(base);
            paths.iter().for_each(|path| hash.add(&path.text));
        }
        if let Some(methods) = methods {
            hash.add("methods");
            methods.iter().for_each(|method| hash.add(method.as_str()));
        }
    }
}

/// Methods and paths for people, or nothing if all are granted.
impl fmt::Display for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods = self.methods.iter().flatten().map(Method::as_str);
        f.write_str(&methods.collect::<Vec<_>>().join(" or "))?;
        for (index, path) in self.paths.iter().flatten().enumerate() {
            let between = match (index, &self.methods) {
                (0, None) => "",
                (0, Some(_)) => " ",
                _ => ", ",
            };
            write!(f, "{between}{}{}", self.base, path.text)?;
        }
        Ok(())
    }
}

/// A pattern of paths: exact but for `*`, which stands for one or more letters within a segment,
/// or, as the last segment, for everything below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
}

/// A text that is no pattern. It says what a pattern must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It doesn't begin with a slash.
    #[error("must begin with /, such as \"/v1/messages\" or \"/v1/*\"")]
    NoSlash,
    /// It has more to it than a path.
    #[error("must be a path alone: a query or a fragment never counts")]
    NotAPath,
    /// It isn't written as URLs go out.
    #[error("must be written as it goes out: {0:?}")]
    OtherSpelling(String),
    /// No plain path can match it.
    #[error(
        "must have no // and no encoded slash, backslash or dots: a path that can be read in two ways is never let through"
    )]
    Ambiguous,
    /// A segment has two stars.
    #[error("may have one * between two slashes")]
    TwoStars,
    /// It's longer than any path has to be.
    #[error("must have at most {PATTERN_BYTES_MAX} bytes")]
    TooLong,
}

impl PathPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// The rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if PATTERN_BYTES_MAX < text.len() {
            return Err(PatternError::TooLong);
        }
        if !text.starts_with('/') {
            return Err(PatternError::NoSlash);
        }
        if text.contains(['?', '#']) {
            return Err(PatternError::NotAPath);
        }
        // The library's own writing of a path, which is also that of every URL that goes out.
        let written = Url::parse(&format!("https://host{text}"));
        let written = written.map_err(|_| PatternError::NotAPath)?.path().to_owned();
        if written != text {
            return Err(PatternError::OtherSpelling(written));
        }
        if !is_plain(text) {
            return Err(PatternError::Ambiguous);
        }
        if text.split('/').any(|segment| 1 < segment.matches('*').count()) {
            return Err(PatternError::TwoStars);
        }
        Ok(Self { text: text.to_owned() })
    }

    /// Returns true if a plain path is one of these.
    fn matches(&self, path: &str) -> bool {
        if let Some(above) = self.text.strip_suffix("/*") {
            let segments = above.split('/').count();
            let end = path.match_indices('/').nth(segments - 1).map(|(index, _)| index);
            return end.and_then(|end| path.get(..end)).is_some_and(|path| same(above, path));
        }
        same(&self.text, path)
    }
}

/// Returns true if a path has these segments and no others.
fn same(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if segment_matches(wanted, given) => {}
            _ => return false,
        }
    }
}

fn segment_matches(wanted: &str, given: &str) -> bool {
    match wanted.split_once('*') {
        None => wanted == given,
        Some((start, end)) => {
            let rest = given.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
            rest.is_some_and(|star| !star.is_empty())
        }
    }
}

#[cfg(test)]
mod tests;
