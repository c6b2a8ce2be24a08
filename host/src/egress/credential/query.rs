//! Credentials in a request's query, for vendors that take them nowhere else, and what of a guest's
//! query gives way to the operator's.

use http::Uri;
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

/// The beginning of the parameters that sign a request to Amazon, in lower case.
const SIGNING: &str = "x-amz-";

/// Returns the address that a request goes to: the guest's, with the operator's parameters at its
/// end. A guest's own of such a name are left out, and of a request that is signed, those by which
/// a guest could sign it with another key.
///
/// # Errors
/// When the result is no address that can be sent.
pub(in crate::egress) fn attach(
    mut url: Url,
    granted: &[(String, SecretString)],
    signed: bool,
) -> Result<Uri, http::uri::InvalidUri> {
    let is_the_guests = |name: &str| {
        let theirs = granted.iter().any(|(granted, _)| granted == name)
            || (signed && name.to_ascii_lowercase().starts_with(SIGNING));
        !theirs
    };
    let pairs = || form_urlencoded::parse(url.query().unwrap_or_default().as_bytes());
    // A query is written anew only if something has to go: it needn't be a form.
    if pairs().any(|(name, _)| !is_the_guests(&name)) {
        let kept: Vec<_> = pairs().filter(|(name, _)| is_the_guests(name)).collect();
        let kept: String =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
        url.set_query(Some(&*kept).filter(|kept| !kept.is_empty()));
    }
    if !granted.is_empty() {
        let mut query = url.query_pairs_mut();
        for (name, value) in granted {
            query.append_pair(name, value.expose_secret());
        }
    }
    url.as_str().parse()
}

/// Returns true if a parameter of this name is one for credentials. Others, such as
/// `api-version`, may be granted too.
pub(in crate::egress) fn is_credential_parameter(name: &str) -> bool {
    const ENDS: [&str; 7] = ["key", "token", "secret", "password", "sig", "signature", "code"];
    let name = name.to_ascii_lowercase();
    ENDS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(url: &str, granted: &[(&str, &str)], signed: bool) -> String {
        let granted: Vec<_> = granted
            .iter()
            .map(|(name, value)| ((*name).to_owned(), SecretString::from(*value)))
            .collect();
        attach(Url::parse(url).unwrap(), &granted, signed).unwrap().to_string()
    }

    #[test]
    fn the_operators_parameters_stand_behind_the_guests() {
        let key = [("key", "a b&c")];
        assert_eq!(sent("https://a.b/v1", &key, false), "https://a.b/v1?key=a+b%26c");
        assert_eq!(
            sent("https://a.b/v1?alt=sse", &key, false),
            "https://a.b/v1?alt=sse&key=a+b%26c"
        );
        let two = [("api-version", "2024-10-21"), ("key", "k")];
        assert_eq!(sent("https://a.b/", &two, false), "https://a.b/?api-version=2024-10-21&key=k");
    }

    #[test]
    fn a_guests_own_of_that_name_goes_however_it_is_spelled() {
        let key = [("key", "k")];
        for forged in ["key=x", "k%65y=x", "key", "key=x&key=y"] {
            let url = format!("https://a.b/?a=%20&{forged}&b=");
            assert_eq!(sent(&url, &key, false), "https://a.b/?a=+&b=&key=k", "{forged}");
        }
        assert_eq!(sent("https://a.b/?key=x", &key, false), "https://a.b/?key=k");
        assert_eq!(sent("https://a.b/?KEY=x", &key, false), "https://a.b/?KEY=x&key=k");
    }

    #[test]
    fn a_query_from_which_nothing_has_to_go_is_sent_as_it_is() {
        for url in ["https://a.b/?a=%20+b&&c", "https://a.b/?", "https://a.b/?x"] {
            assert_eq!(sent(url, &[], true), url);
        }
    }

    #[test]
    fn a_guest_signs_nothing_that_the_host_signs() {
        let url = "https://a.b/?X-Amz-Signature=1&x-amz-credential=2&a=1";
        assert_eq!(sent(url, &[], true), "https://a.b/?a=1");
        assert_eq!(sent(url, &[], false), url);
    }

    #[test]
    fn names_tell_credentials_from_settings() {
        for name in ["key", "apiKey", "subscription-key", "access_token", "sig"] {
            assert!(is_credential_parameter(name), "{name}");
        }
        assert!(!is_credential_parameter("api-version"));
    }
}
