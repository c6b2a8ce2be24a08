//! The URL that a vendor's API can be reached at, as settings and providers' files have it.

use url::{ParseError, Url};

/// A text that is no base URL. It says what it must be, and never shows the URL, which may hold a
/// password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BaseUrlError {
    /// It isn't a URL.
    #[error("must be a URL such as https://api.anthropic.com: {0}")]
    NotAUrl(#[from] ParseError),
    /// It's one of another protocol, or names no host.
    #[error("must begin with http:// or https://")]
    NotHttp,
    /// It holds a credential.
    #[error("must not hold a user name or password")]
    HoldsUser,
    /// It has more behind its path.
    #[error("must not hold a query or fragment")]
    HoldsQuery,
}

/// Reads a base URL.
pub(crate) fn base_url(text: &str) -> Result<Url, BaseUrlError> {
    let url = Url::parse(text)?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(BaseUrlError::NotHttp);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BaseUrlError::HoldsUser);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(BaseUrlError::HoldsQuery);
    }
    Ok(url)
}
