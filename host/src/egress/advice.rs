//! Notes for the operator on what is granted: what isn't wrong, and may not be meant.

use url::{Host, Origin};

use super::address::{self, Class, Reach};
use super::{Grant, request, secrets};

/// Returns the notes on a grant.
pub(crate) fn advice(grant: &Grant) -> impl Iterator<Item = String> {
    let in_clear = sends_credentials_in_clear(grant).then(|| {
        let origin = grant.origin.ascii_serialization();
        format!(
            "its credential for {origin} is sent without encryption, and everybody on the way can read it; write \
             https:// if the vendor has it"
        )
    });
    in_clear.into_iter().chain(secrets::unprotected(grant))
}

/// Returns true if credentials leave the operator's network without TLS.
fn sends_credentials_in_clear(grant: &Grant) -> bool {
    let Origin::Tuple(scheme, host, _) = &grant.origin else { return false };
    let outside = match (host, address::literal(host)) {
        (Host::Domain(name), _) => Reach::of(name, grant.private) == Reach::Public,
        (_, Some(address)) => Class::of(address) == Class::Public,
        (_, None) => true,
    };
    scheme == "http"
        && outside
        && grant.headers.iter().any(|(name, _)| request::is_credential(name))
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use secrecy::SecretString;
    use url::Url;

    use super::*;

    const KEY: &str = "sk-ant-0123456789";

    fn told(origin: &str, private: bool, header: &'static str, value: &str) -> Vec<String> {
        let headers = vec![(HeaderName::from_static(header), SecretString::from(value))];
        let origin = Url::parse(origin).unwrap().origin();
        advice(&Grant { origin, headers, private, endpoints: Default::default() }).collect()
    }

    #[test]
    fn credentials_that_would_cross_the_internet_in_clear_are_told() {
        for (origin, private) in [
            ("http://api.example.com", false),
            ("http://8.8.8.8", false),
            ("http://[2606:4700::1111]:8080", false),
        ] {
            let told = told(origin, private, "authorization", KEY);
            assert!(told.len() == 1 && told[0].contains(origin), "{origin}: {told:?}");
            assert!(!told[0].contains(KEY), "{told:?}");
        }
        for (origin, private) in [
            ("https://api.example.com", false),
            ("http://api.example.com", true),
            ("http://localhost:11434", false),
            ("http://gpu.lan", false),
            ("http://127.0.0.1:8080", false),
            ("http://10.0.0.7", false),
        ] {
            assert!(told(origin, private, "authorization", KEY).is_empty(), "{origin}");
        }
        assert!(told("http://api.example.com", false, "anthropic-version", "1").is_empty());
    }

    #[test]
    fn credentials_that_are_too_plain_are_told() {
        let told = told("http://localhost:1234", false, "authorization", "Bearer lm-studio");
        assert!(told.len() == 1 && told[0].contains("too much like words"), "{told:?}");
    }
}
