//! Notes for the operator on what is granted: what isn't wrong, and may not be meant.

use url::{Host, Origin};

use super::address::{self, Class, Reach};
use super::credential::{Credential, is_credential_parameter};
use super::{Grant, request, secrets};

/// Returns the notes on a grant.
pub(crate) fn advice(grant: &Grant) -> impl Iterator<Item = String> {
    let vendor = (adds_credentials(grant) && leaves_in_clear(&grant.origin, grant.private))
        .then(|| grant.origin.clone());
    let minted_at = grant.credential.as_ref().and_then(Credential::minted_at);
    let minted_at = minted_at.map(|(url, private)| (url.origin(), private));
    let minted_at = minted_at.filter(|(origin, private)| leaves_in_clear(origin, *private));
    let in_clear = vendor.into_iter().chain(minted_at.map(|(origin, _)| origin)).map(|origin| {
        let origin = origin.ascii_serialization();
        format!(
            "its credential for {origin} is sent without encryption, and everybody on the way can read it; write \
             https:// if the vendor has it"
        )
    });
    in_clear.chain(secrets::unprotected(grant))
}

/// Returns true if the host adds a credential to requests.
fn adds_credentials(grant: &Grant) -> bool {
    grant.credential.is_some()
        || grant.headers.iter().any(|(name, _)| request::is_credential(name))
        || grant.query.iter().any(|(name, _)| is_credential_parameter(name))
}

/// Returns true if what is sent there leaves the operator's network without TLS.
fn leaves_in_clear(origin: &Origin, private: bool) -> bool {
    let Origin::Tuple(scheme, host, _) = origin else { return false };
    let outside = match (host, address::literal(host)) {
        (Host::Domain(name), _) => Reach::of(name, private) == Reach::Public,
        (_, Some(address)) => Class::of(address) == Class::Public,
        (_, None) => true,
    };
    scheme == "http" && outside
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
        advice(&Grant { headers, private, ..Grant::of(origin) }).collect()
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
