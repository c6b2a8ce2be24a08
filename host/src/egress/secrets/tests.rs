//! No secret comes through and everything else arrives unchanged, wherever a body is cut; and how
//! much of it comes when tells nothing of the secrets.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use secrecy::SecretString;
use url::Url;

use super::search::REDACTED;
use super::*;

const KEY: &str = r#"sk-ant-0123456789/abc+d&"f"#;

fn grant(headers: &[(&'static str, &str)]) -> Grant {
    let headers = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), SecretString::from(*value)));
    let origin = Url::parse("https://api.example.com").unwrap().origin();
    Grant { headers: headers.collect(), ..Grant::of(origin) }
}

fn secrets(headers: &[(&'static str, &str)]) -> Arc<Secrets> {
    Arc::new(Secrets::new(&[grant(headers)]))
}

fn bearer() -> Arc<Secrets> {
    secrets(&[("authorization", &format!("Bearer {KEY}")), ("x-api-key", "x7Kq92Lm4ZpQ")])
}

/// Returns the output when the bytes come in these pieces, and how much had come out after each.
fn pieces<'a>(
    secrets: &Arc<Secrets>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (String, Vec<usize>) {
    let mut redactor = Redactor::new(secrets.clone());
    let mut out = Vec::new();
    let mut lengths = Vec::new();
    for piece in pieces {
        redactor.feed(piece, |bytes| out.extend_from_slice(bytes));
        lengths.push(out.len());
        assert!(redactor.held() <= secrets.longest());
    }
    redactor.end(|bytes| out.extend_from_slice(bytes));
    (String::from_utf8(out).unwrap(), lengths)
}

#[track_caller]
fn check(secrets: &Arc<Secrets>, input: &str, expected: &str) {
    assert_eq!(secrets.redact(input), expected);
    assert_eq!(secrets.redact_header(input.as_bytes()), expected);
    assert_eq!(pieces(secrets, [input.as_bytes()]).0, expected, "whole");
    assert_eq!(pieces(secrets, input.as_bytes().chunks(1)).0, expected, "byte by byte");
    for cut in 0..input.len() {
        let (head, tail) = input.as_bytes().split_at(cut);
        assert_eq!(pieces(secrets, [head, tail]).0, expected, "cut at {cut}");
    }
}

#[test]
fn a_credential_goes_with_and_without_its_scheme() {
    check(
        &bearer(),
        &format!("a {KEY} b Bearer {KEY} c x7Kq92Lm4ZpQ"),
        "a [redacted] b [redacted] c [redacted]",
    );
    check(
        &bearer(),
        "sk-ant-0123 sk-an Bearer x7Kq92Lm4Zp",
        "sk-ant-0123 sk-an Bearer x7Kq92Lm4Zp",
    );
    check(
        &bearer(),
        &format!("sk-ant-{KEY}{KEY}x7Kq92x7Kq92Lm4ZpQ"),
        "sk-ant-[redacted][redacted]x7Kq92[redacted]",
    );
}

#[test]
fn basic_credentials_go_encoded_and_plain() {
    let secrets = secrets(&[("authorization", "Basic dXNlcjpwYXNzd29yZC0wMTIzNDU2Nzg5")]);
    check(&secrets, "dXNlcjpwYXNzd29yZC0wMTIzNDU2Nzg5", "[redacted]");
    check(&secrets, "user:password-0123456789", "[redacted]");
    check(&secrets, "it is password-0123456789.", "it is [redacted].");
}

#[test]
fn the_session_of_a_cookie_goes_and_its_words_stay() {
    let secrets = secrets(&[("cookie", "sid=S0m3S3ss10nOfOurs; theme=dark")]);
    check(&secrets, "S0m3S3ss10nOfOurs in the dark", "[redacted] in the dark");
    check(&secrets, "sid=S0m3S3ss10nOfOurs; theme=dark", "[redacted]");
}

#[test]
fn each_spelling_goes() {
    for spelling in [
        r#"sk-ant-0123456789%2Fabc%2Bd%26%22f"#,
        r#"sk-ant-0123456789%2fabc%2bd%26%22f"#,
        // Some of it escaped, and some not.
        r#"s%6B-ant-0123456789/abc%2bd&"%66"#,
        r#"sk%2Dant%2D0123456789%2Fabc+d%26%22f"#,
        r#"sk-ant-0123456789%252Fabc%252Bd%2526%2522f"#,
        r#"sk-ant-0123456789/abc+d&\"f"#,
        r#"sk-ant-0123456789\/abc+d\u0026\"f"#,
        r#"sk-ant-0123456789\u002Fabc\u002bd\u0026\u0022f"#,
        r#"\u0073k-ant-0123456789/abc+d&\u0022f"#,
        r#"sk-ant-0123456789\\/abc+d&\\\"f"#,
        r#"sk-ant-0123456789/abc+d&amp;&quot;f"#,
        r#"sk-ant-0123456789&#x2F;abc&#43;d&#38;&#34;f"#,
        r#"sk-ant-0123456789&#x2f;abc&#x2b;d&#x0026;&#x22;f"#,
    ] {
        check(&bearer(), &format!("{{'key': '{spelling}'}}"), "{'key': '[redacted]'}");
    }
    let spaced = secrets(&[("x-api-key", "pass phrase 0123456789")]);
    check(&spaced, "a=pass+phrase%200123456789&b", "a=[redacted]&b");
    for before in ["", "a", "ab", "abc", "user:"] {
        let text = STANDARD.encode(format!("{before}{KEY}!"));
        let clean = pieces(&bearer(), [text.as_bytes()]).0;
        // Of the key no more is left than what shares a character with its neighbours.
        assert!(
            clean.contains(REDACTED) && clean.len() <= before.len() * 4 / 3 + REDACTED.len() + 8,
            "{text}: {clean}"
        );
    }
}

#[test]
fn a_credential_behind_what_looks_like_an_escape_goes_too() {
    let secrets = secrets(&[("x-api-key", "ab0123456789cd")]);
    check(&secrets, "100%ab0123456789cd", "100%[redacted]");
    check(&secrets, r"C:\u00ab0123456789cd", r"C:\u00[redacted]");
    check(&secrets, "&#ab0123456789cd;", "&#[redacted];");
}

#[test]
fn what_is_escaped_stays_well_formed() {
    let secrets = secrets(&[("x-api-key", r#""0123456789abc\"#)]);
    for (escaped, clean) in [
        (r#"{"a":"\"0123456789abc\\"}"#, r#"{"a":"[redacted]\\"}"#),
        (r#"{"a":"\n\"0123456789abc\\\n"}"#, r#"{"a":"\n[redacted]\\\n"}"#),
    ] {
        check(&secrets, escaped, clean);
        serde_json::from_str::<serde_json::Value>(clean).unwrap();
    }
}

#[test]
fn long_credentials_go_only_if_they_are_whole() {
    let long: String =
        (0..400_u32).map(|n| char::from_digit(n * n * 7 % 36, 36).unwrap()).collect();
    let secrets = secrets(&[("authorization", &format!("Bearer {long}"))]);
    let other = format!("{}~", &long[..399]);
    assert_eq!(secrets.redact(&format!("<{long}><{other}>")), format!("<[redacted]><{other}>"));
    let (clean, _) = pieces(&secrets, format!("<{long}><{other}>").as_bytes().chunks(7));
    assert_eq!(clean, format!("<[redacted]><{other}>"));
}

#[test]
fn words_and_settings_are_no_secrets() {
    let secrets = secrets(&[
        ("x-api-key", "ollama"),
        ("authorization", "Bearer lm-studio"),
        ("anthropic-version", "2023-06-01-and-0123456789"),
        ("content-type", "application/json"),
        ("x-region", "eu-central-1"),
    ]);
    let text = "Install the lm-studio CLI; ollama on 2023-06-01-and-0123456789 in eu-central-1";
    check(&secrets, text, text);
}

#[test]
fn the_operator_is_told_of_credentials_that_are_not_taken_out() {
    let told = |value: &str| {
        let headers = [("authorization", value), ("x-region", "eu"), ("content-type", "a/b")];
        unprotected(&grant(&headers)).collect::<Vec<_>>()
    };
    for plain in ["Bearer lm-studio", "not-needed", "Basic b2xsYW1hOnBhc3N3b3Jk", "x7Kq92Lm4Zp"] {
        let told = told(plain);
        assert!(
            told.len() == 1 && told[0].contains("header authorization for https://api.example.com"),
            "{plain}: {told:?}"
        );
        assert!(!told[0].contains(plain), "{told:?}");
    }
    for key in [KEY, "Bearer x7Kq92Lm4ZpQ", "Basic dXNlcjpwYXNzd29yZC0wMTIzNDU2Nzg5"] {
        assert!(told(key).is_empty(), "{key}");
    }
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
    let bytes = [b"\xff\xfe", KEY.as_bytes(), b"\x80\n"].concat();
    let mut out = Vec::new();
    Redactor::new(bearer()).feed(&bytes, |bytes| out.extend_from_slice(bytes));
    assert_eq!(out, b"\xff\xfe[redacted]\x80\n");
}

#[test]
fn what_is_larger_than_a_block_is_as_clean() {
    let filler = "0123456789\\abcdef ".repeat(BLOCK / 8);
    let input = format!("{filler}{KEY}{filler}{KEY}");
    let clean = format!("{filler}[redacted]{filler}[redacted]");
    assert!(bearer().redact(&input) == clean);
    assert!(pieces(&bearer(), [input.as_bytes()]).0 == clean);
}

/// Cuts a text at these places.
fn cut<'a>(text: &'a str, cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| (*cut).min(text.len())).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn cuts_never_change_what_comes_through(
        input in "(sk-0a1b|sk-|0a1b|Bearer |[ab01]|%|%2|%25|\\\\|\\\\u00|&#|&amp;|\"|\n|c2st|\u{e9}|[A-Za-z0-9+/]){0,60}",
        key in "sk-[ab01]{9,14}",
        long in "[ab01]{4}-[ab01]{12}",
        at in 0_usize..200,
        cuts in proptest::collection::vec(0_usize..400, 0..8),
    ) {
        prop_assume!(is_like_a_key(&key) && is_like_a_key(&format!("{key}{long}")));
        let secrets = secrets(&[("x-api-key", &key), ("authorization", &format!("Bearer {key}{long}"))]);
        let at = (0..=at.min(input.len())).rev().find(|at| input.is_char_boundary(*at)).unwrap();
        let (head, tail) = input.split_at(at);
        let escaped = key.replace('-', "%2d").replace('a', "\\u0061");
        let whole = format!("{head}{key}{tail}{escaped}{tail}{key}{long}");
        let clean = pieces(&secrets, cut(&whole, &cuts)).0;
        prop_assert!(!clean.contains(&key) && !clean.contains(&escaped));
        prop_assert_eq!(&clean, &*secrets.redact(&whole));
        // What stands between the secrets is there, in order.
        let mut rest = whole.as_str();
        for kept in clean.split(REDACTED) {
            let place = rest.find(kept);
            prop_assert!(place.is_some(), "{:?} isn't in {:?}", kept, rest);
            rest = &rest[place.unwrap() + kept.len()..];
        }
    }

    /// A guest whose vendor echoes what the guest sends, piece by piece, sees how much of it comes
    /// when. Right beginnings of the key, in any spelling, must look like anything else.
    #[test]
    fn nothing_tells_a_right_beginning_from_a_wrong_one(
        key in "sk-[a-z0-9]{12,40}",
        beginnings in proptest::collection::vec((0_usize..44, 0_usize..4, "[!.~]{0,9}|\n"), 1..30),
        cuts in proptest::collection::vec(0_usize..2_000, 0..20),
    ) {
        prop_assume!(is_like_a_key(&key));
        let secrets = secrets(&[("authorization", &format!("Bearer {key}"))]);
        let spell = |(index, letter): (usize, char), way: usize| match way {
            1 => format!("%{:02x}", u32::from(letter)),
            2 if index % 2 == 0 => format!("\\u{:04X}", u32::from(letter)),
            3 => format!("&#{};", u32::from(letter)),
            _ => letter.to_string(),
        };
        let mut right = String::new();
        for (length, way, between) in &beginnings {
            // Never all of it.
            let beginning = key.chars().take((*length).min(key.len() - 1)).enumerate();
            right.extend(beginning.map(|letter| spell(letter, *way)));
            right.push_str(between);
            right.push('~');
        }
        let wrong: String = right.chars().map(|letter| if letter == '\n' { letter } else { '~' }).collect();
        let (right, right_lengths) = (right.clone(), pieces(&secrets, cut(&right, &cuts)).1);
        prop_assert_eq!(right.len(), wrong.len());
        prop_assert_eq!(right_lengths, pieces(&secrets, cut(&wrong, &cuts)).1);
        prop_assert_eq!(pieces(&secrets, cut(&right, &cuts)).0, right);
    }
}
