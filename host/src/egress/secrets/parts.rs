//! The parts of a granted header that are secret by themselves: a vendor repeats the token of
//! `Bearer x`, the session of a cookie or the password of `Basic x` without what stood around it.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Reads base64 with and without its padding.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// Returns the parts of a header's value, the whole first and what is innermost last.
pub(super) fn parts(value: &str) -> Vec<String> {
    let value = value.trim();
    let mut parts = vec![value.to_owned()];
    if let Some((scheme, rest)) = value.split_once([' ', '\t']) {
        let rest = rest.trim();
        parts.push(rest.to_owned());
        if scheme.eq_ignore_ascii_case("basic") {
            parts.extend(basic(rest));
            return parts;
        }
    }
    // `sid=x; theme=dark`, `Digest username="u", response="x"`, `Key id:x`.
    for field in value.split([';', ',', ' ', '\t']) {
        let inner = field.split_once('=').map_or(field, |(_, inner)| inner);
        let inner = inner.trim_matches('"');
        let password = inner.split_once(':').map(|(_, password)| password);
        parts.extend([Some(inner), password].into_iter().flatten().map(str::to_owned));
    }
    parts
}

/// Returns user and password, together and the password alone.
fn basic(token: &str) -> Vec<String> {
    let Ok(Ok(plain)) = STANDARD.decode(token).map(String::from_utf8) else { return vec![] };
    let password = plain.split_once(':').map(|(_, password)| password.to_owned());
    [Some(plain), password]
        .into_iter()
        .flatten()
        // No line holds more of it than this.
        .flat_map(|part| part.split(char::is_control).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_that_is_secret_by_itself_is_one() {
        for (value, secret) in [
            (" x ", "x"),
            ("Bearer x", "x"),
            ("bearer  x", "x"),
            ("Token token=x", "x"),
            ("sid=x; theme=dark", "x"),
            ("theme=dark;sid=\"x\"", "x"),
            ("Digest username=\"u\", response=\"x\"", "x"),
            ("Key id:x", "x"),
            ("Basic dTp4", "u:x"),
            ("Basic dTp4", "x"),
            ("basic dTp4", "dTp4"),
            // Without its padding, and with it.
            ("Basic dXNlcjp4", "x"),
            ("Basic dTp4eA==", "xx"),
            ("Basic dTp4eA", "xx"),
            // A line's end inside a password: each line is one.
            ("Basic dTphCng=", "x"),
        ] {
            let parts = parts(value);
            assert!(parts.iter().any(|part| part == secret), "{value}: {parts:?}");
        }
    }
}
