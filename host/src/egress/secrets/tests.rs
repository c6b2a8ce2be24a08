//! However a body is cut, no secret comes through and everything else arrives unchanged.

use proptest::prelude::*;
use secrecy::SecretString;
use url::Url;

use super::*;

const KEY: &str = "sk-ant-0123456789/abc+def";

fn secrets(headers: &[(&'static str, &str)]) -> Arc<Secrets> {
    let headers = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), SecretString::from(*value)));
    let origin = Url::parse("https://api.example.com").unwrap().origin();
    Arc::new(Secrets::new(&[Grant { origin, headers: headers.collect(), private: false }]))
}

fn bearer() -> Arc<Secrets> {
    secrets(&[("authorization", &format!("Bearer {KEY}")), ("x-api-key", "sk-short")])
}

/// Returns the output when the bytes come in these pieces.
fn redacted<'a>(secrets: &Arc<Secrets>, pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut redactor = Redactor::new(secrets.clone());
    let mut out = Vec::new();
    for piece in pieces {
        redactor.feed(piece, |bytes| out.extend_from_slice(bytes));
        assert!(redactor.held.len() < secrets.anywhere.as_ref().map_or(1, |search| search.longest));
    }
    redactor.end(|bytes| out.extend_from_slice(bytes));
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn check(secrets: &Arc<Secrets>, input: &str, expected: &str) {
    assert_eq!(secrets.redact(input), expected);
    assert_eq!(redacted(secrets, [input.as_bytes()]), expected, "whole");
    assert_eq!(redacted(secrets, input.as_bytes().chunks(1)), expected, "byte by byte");
    for cut in 0..input.len() {
        let (head, tail) = input.as_bytes().split_at(cut);
        assert_eq!(redacted(secrets, [head, tail]), expected, "cut at {cut}");
    }
}

#[test]
fn a_credential_goes_with_and_without_its_scheme() {
    check(
        &bearer(),
        &format!("a {KEY} b Bearer {KEY} c sk-short"),
        "a [redacted] b [redacted] c [redacted]",
    );
    check(&bearer(), "sk-ant-0123 sk-an Bearer sk-shor", "sk-ant-0123 sk-an Bearer sk-shor");
    check(
        &bearer(),
        &format!("sk-ant-{KEY}{KEY}sk-shorsk-short"),
        "sk-ant-[redacted][redacted]sk-shor[redacted]",
    );
}

#[test]
fn basic_credentials_go_encoded_and_plain() {
    let secrets = secrets(&[("authorization", "Basic dXNlcjpwYXNzd29yZC1vZi1taW5l")]);
    check(&secrets, "dXNlcjpwYXNzd29yZC1vZi1taW5l", "[redacted]");
    check(&secrets, "user:password-of-mine", "[redacted]");
    check(&secrets, "it is password-of-mine.", "it is [redacted].");
}

#[test]
fn other_spellings_go_too() {
    for spelling in ["sk-ant-0123456789%2Fabc%2Bdef", r"sk-ant-0123456789\/abc+def"] {
        check(&bearer(), &format!("{{\"key\": \"{spelling}\"}}"), "{\"key\": \"[redacted]\"}");
    }
    // All there are, the longest held back up to its last byte.
    for spelling in &bearer().anywhere.as_ref().unwrap().spellings {
        check(&bearer(), std::str::from_utf8(spelling).unwrap(), REDACTED);
    }
    for before in ["", "a", "ab", "abc", "user:"] {
        let text = STANDARD.encode(format!("{before}{KEY}!"));
        let clean = redacted(&bearer(), [text.as_bytes()]);
        // Of the key no more is left than what shares a character with its neighbours.
        assert!(
            clean.contains(REDACTED) && clean.len() <= before.len() * 4 / 3 + REDACTED.len() + 8,
            "{text}: {clean}"
        );
    }
}

#[test]
fn placeholders_and_settings_are_no_secrets_in_a_body() {
    let secrets = secrets(&[
        ("x-api-key", "ollama"),
        ("authorization", "Bearer none"),
        ("anthropic-version", "2023-06-01-and-longer"),
        ("content-type", "application/json"),
        ("x-region", "eu-central-1"),
    ]);
    let text = "ollama said none on 2023-06-01-and-longer in eu-central-1 as application/json";
    check(&secrets, text, text);
    assert_eq!(secrets.redact_header(b"application/json"), "application/json");
    assert_eq!(
        secrets.redact_header(b"ollama/1.0; region=eu-central-1"),
        "[redacted]/1.0; region=[redacted]"
    );
}

#[test]
fn nothing_is_copied_and_nothing_held_when_there_is_nothing() {
    let event = b"event: x\ndata: {\"text\": \"hello\"}\n\n";
    for secrets in [bearer(), Arc::default()] {
        let mut redactor = Redactor::new(secrets.clone());
        let mut pieces = Vec::new();
        redactor.feed(event, |bytes| pieces.push((bytes.as_ptr(), bytes.len())));
        assert_eq!(pieces, [(event.as_ptr(), event.len())]);
        assert!(matches!(secrets.redact("hello"), Cow::Borrowed("hello")));
    }
}

#[test]
fn what_is_not_text_arrives_unchanged() {
    let bytes = [b"\xff\xfe", KEY.as_bytes(), b"\x80"].concat();
    let mut out = Vec::new();
    Redactor::new(bearer()).feed(&bytes, |bytes| out.extend_from_slice(bytes));
    assert_eq!(out, b"\xff\xfe[redacted]\x80");
}

proptest! {
    #[test]
    fn cuts_never_change_what_comes_through(
        input in "(sk-aba|sk-|abab|aba|Bearer |[ab]|\"|\n|c2st|\u{e9}|[A-Za-z0-9+/]){0,40}",
        key in "sk-[ab]{5,9}",
        long in "[ab]{4}-[ab]{12}",
        at in 0_usize..200,
        cuts in proptest::collection::vec(0_usize..300, 0..8),
    ) {
        let secrets = secrets(&[("x-api-key", &key), ("authorization", &format!("Bearer {key}{long}"))]);
        let at = (0..=at.min(input.len())).rev().find(|at| input.is_char_boundary(*at)).unwrap();
        let (head, tail) = input.split_at(at);
        let whole = format!("{head}{key}{tail}{key}{long}");
        let bytes = whole.as_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let clean = redacted(&secrets, cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]));
        prop_assert!(!clean.contains(&key));
        prop_assert_eq!(&clean, &*secrets.redact(&whole));
        // What stands between the secrets is there, in order.
        let mut rest = whole.as_str();
        for kept in clean.split(REDACTED) {
            let place = rest.find(kept);
            prop_assert!(place.is_some(), "{:?} isn't in {:?}", kept, rest);
            rest = &rest[place.unwrap() + kept.len()..];
        }
    }
}
