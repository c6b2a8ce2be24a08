//! Settings as most providers have them. A mistake is named, but its value isn't repeated: it may
//! hold a password, where none belongs.

use crate::llm::{ErrorKind, ProviderError};

/// A setting that is there. One that is blank counts as absent: that is what an empty variable of
/// the environment means.
pub fn text(get: impl Fn(&str) -> Option<String>, key: &str) -> Option<String> {
    let value = get(key)?;
    let trimmed = value.trim();
    match trimmed.len() {
        0 => None,
        length if length == value.len() => Some(value),
        _ => Some(trimmed.to_owned()),
    }
}

/// The setting `base-url`, with `path` behind it. The base may have a path of its own, as gateways
/// in between do.
///
/// # Errors
/// When the base isn't the beginning of an HTTP address.
pub fn url(base: &str, path: &str) -> Result<String, ProviderError> {
    let scheme_end = base.find("://").map(|colon| base.split_at(colon));
    let rest = match scheme_end {
        Some((scheme, rest))
            if scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http") =>
        {
            rest
        }
        _ => return Err(setting_error("base-url", "should start with `https://` or `http://`")),
    };
    let rest = rest.trim_start_matches("://");
    let host = rest.split('/').next().unwrap_or_default();
    if host.is_empty()
        || host.contains('@')
        || rest.contains(['?', '#'])
        || rest.contains(char::is_whitespace)
    {
        return Err(setting_error(
            "base-url",
            "should be a host and perhaps a path, without user name, query and fragment",
        ));
    }
    Ok(format!("{}{path}", base.trim_end_matches('/')))
}

/// The error for a setting that isn't right. `says` goes on where the setting's name ends: `should
/// be …`.
pub fn setting_error(key: &str, says: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Unconfigured, format!("The setting `{key}` {says}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_may_end_in_a_slash_and_have_a_path() {
        for (base, whole) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/x"),
            ("https://api.example.com/", "https://api.example.com/v1/x"),
            ("HTTPS://gateway.example/vendor//", "HTTPS://gateway.example/vendor/v1/x"),
            ("http://[::1]:9/a/b", "http://[::1]:9/a/b/v1/x"),
        ] {
            assert_eq!(url(base, "/v1/x").unwrap(), whole);
        }
    }

    #[test]
    fn a_wrong_base_url_is_not_repeated() {
        for base in [
            "api.example.com",
            "ftp://api.example.com",
            "https://",
            "https:///v1",
            "https://user:hunter2@api.example.com",
            "https://api.example.com?key=hunter2",
            "https://api.example.com/#",
            "https://api.example.com/a b",
        ] {
            let error = url(base, "").unwrap_err();
            assert_eq!(error.kind, ErrorKind::Unconfigured, "{base}");
            assert!(
                error.message.contains("base-url") && !error.message.contains("hunter2"),
                "{}",
                error.message
            );
        }
    }

    #[test]
    fn a_blank_setting_counts_as_absent() {
        let get = |value: &'static str| move |_: &str| Some(value.to_owned());
        assert_eq!(text(get(" "), "model"), None);
        assert_eq!(text(get(" a b "), "model").as_deref(), Some("a b"));
    }
}
