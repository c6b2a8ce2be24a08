//! Credentials taken out of a vendor's stream. The first byte says how the stream is cut; then come
//! two lines, the credential and what stands before it in its header, and the stream. In it, the
//! bytes 1 to 7 stand for the credential: as it is, as in a URL, as in JSON, in base64 behind 0 to
//! 2 other bytes, and in base64 for URLs.
//!
//! Promises: no credential comes through in any of these spellings; a stream without one arrives
//! unchanged; between what is taken out, everything is there, in order; the cuts change nothing.

use std::sync::Arc;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use http::HeaderName;
use secrecy::SecretString;
use url::Url;

use super::cuts::pieces;
use crate::egress::{Grant, Redactor, Secrets, is_like_a_key};

/// The text in a credential's place.
const REDACTED: &[u8] = b"[redacted]";
/// A length that no credential falls short of.
const CREDENTIAL_MIN: usize = 8;
/// The length from which it is looked for in base64.
const BASE64_MIN: usize = 16;

/// Reads a stream that holds a credential, or none.
pub fn run(data: &[u8]) {
    let [cuts, rest @ ..] = data else { return };
    let mut lines = rest.splitn(3, |byte| *byte == b'\n');
    let (Some(secret), Some(scheme), Some(template)) = (lines.next(), lines.next(), lines.next())
    else {
        return;
    };
    let (Some(secret), Some(scheme)) = (credential(secret), std::str::from_utf8(scheme).ok())
    else {
        return;
    };
    if !scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return;
    }
    let value = if scheme.is_empty() { secret.to_owned() } else { format!("{scheme} {secret}") };
    let secrets = Arc::new(secrets(&value));
    let stream = filled_in(template, secret);

    let clean = redacted(&secrets, &stream, *cuts);
    check_secret(&clean, secret);
    check_rest(&clean, &stream);
    let one_word = secret.bytes().all(is_of_a_word) && !scheme.eq_ignore_ascii_case("basic");
    if one_word && is_plain(&stream) {
        assert_eq!(clean, stream, "a stream without a credential was changed");
    }
    assert_eq!(clean, redacted(&secrets, &stream, 0), "the cuts changed what came through");
    if let Ok(text) = std::str::from_utf8(&stream) {
        assert_eq!(secrets.redact(text).as_bytes(), clean, "a text isn't redacted as a stream is");
    }
}

/// Returns a credential that is looked for, and that is not in the text that takes its place.
fn credential(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let fits = |byte: u8| (b' '..=b'~').contains(&byte) && !matches!(byte, b'[' | b']');
    let found = is_like_a_key(text) && text.len() <= 200 && text.trim() == text;
    (found && text.bytes().all(fits) && !contains(REDACTED, bytes)).then_some(text)
}

fn secrets(value: &str) -> Secrets {
    let Ok(url) = Url::parse("https://api.example.com") else { return Secrets::default() };
    let headers = vec![(HeaderName::from_static("authorization"), SecretString::from(value))];
    Secrets::new(&[Grant { headers, ..Grant::of(url.origin()) }])
}

fn redacted(secrets: &Arc<Secrets>, stream: &[u8], cuts: u8) -> Vec<u8> {
    let mut redactor = Redactor::new(secrets.clone());
    let mut clean = Vec::new();
    for piece in pieces(stream, cuts) {
        redactor.feed(piece, |bytes| clean.extend_from_slice(bytes));
    }
    redactor.end(|bytes| clean.extend_from_slice(bytes));
    clean
}

/// Returns a credential as it is, as in a URL or a form, and as in JSON.
fn spellings(secret: &str) -> [String; 5] {
    let in_a_form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let in_json = secret.replace('\\', "\\\\").replace('"', "\\\"");
    [
        secret.to_owned(),
        in_a_form.replace('+', "%20"),
        in_json.replace('/', "\\/"),
        in_a_form,
        in_json,
    ]
}

/// Returns the stream of a template: each mark is the credential in one spelling.
fn filled_in(template: &[u8], secret: &str) -> Vec<u8> {
    let [plain, in_a_url, in_json, ..] = spellings(secret);
    let marked = [
        plain,
        in_a_url,
        in_json,
        STANDARD.encode(secret),
        STANDARD.encode(format!("x{secret}")),
        STANDARD.encode(format!("xy{secret}z")),
        lenient(&alphabet::URL_SAFE).encode(format!("u:{secret}")),
    ];
    let mut stream = Vec::new();
    for byte in template {
        match usize::from(*byte).checked_sub(1).and_then(|mark| marked.get(mark)) {
            Some(spelling) => stream.extend_from_slice(spelling.as_bytes()),
            None => stream.push(*byte),
        }
    }
    stream
}

/// Fails if the credential can be had from what came through.
fn check_secret(clean: &[u8], secret: &str) {
    for spelling in spellings(secret) {
        assert!(!contains(clean, spelling.as_bytes()), "it came through as {spelling}");
    }
    let secret = secret.as_bytes();
    if secret.len() < BASE64_MIN {
        return;
    }
    for alphabet in [&alphabet::STANDARD, &alphabet::URL_SAFE] {
        let code = lenient(alphabet);
        let words = clean.split(|byte| !alphabet.as_str().as_bytes().contains(byte));
        for word in words.filter(|word| BASE64_MIN <= word.len()) {
            for start in 0..4 {
                let Some(word) = word.get(start..) else { continue };
                let whole = word.len() - usize::from(word.len() % 4 == 1);
                let plain = word.get(..whole).and_then(|word| code.decode(word).ok());
                assert!(
                    !plain.is_some_and(|plain| contains(&plain, secret)),
                    "it came through in base64"
                );
            }
        }
    }
}

/// Fails unless what came through is the stream with some of it taken out.
fn check_rest(clean: &[u8], stream: &[u8]) {
    let mut rest = stream;
    let mut kept = clean;
    loop {
        let end = position(kept, REDACTED);
        let (piece, more) = kept.split_at(end.unwrap_or(kept.len()));
        let Some(place) = position(rest, piece) else { panic!("something was added or moved") };
        rest = rest.get(place + piece.len()..).unwrap_or_default();
        match more.strip_prefix(REDACTED) {
            Some(more) => kept = more,
            None => return,
        }
    }
}

/// Returns true if no word is as long as a credential.
fn is_plain(stream: &[u8]) -> bool {
    stream.split(|byte| !is_of_a_word(*byte)).all(|word| word.len() < CREDENTIAL_MIN)
}

/// Returns true for what credentials and their spellings are made of.
fn is_of_a_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=-_.~:%\\".contains(&byte)
}

fn lenient(alphabet: &alphabet::Alphabet) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config)
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    position(bytes, wanted).is_some()
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() {
        return Some(0);
    }
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
