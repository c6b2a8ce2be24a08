//! What the refusals of all vendors have in common: what a status means, how long to wait, and how
//! much of a vendor's words is passed on.

use crate::http::Header;
use crate::json::{self, Mismatch, Object};
use crate::llm::{ErrorKind, ProviderError};

/// The characters of the vendor's message that are passed on. Enough for every message that
/// explains something; some hold the whole schema or body that they complain about.
pub const MESSAGE_CHARACTERS_MAX: usize = 1000;

/// The characters of a word that the vendor made up that are passed on.
pub const WORD_CHARACTERS_MAX: usize = 100;

/// A promise of the vendor's API that an answer broke, as a sentence without its full stop. It
/// holds nothing of what the answer says.
#[derive(Debug)]
pub struct Broken(pub String);

impl From<Mismatch> for Broken {
    fn from(mismatch: Mismatch) -> Self {
        Self(mismatch.to_string())
    }
}

impl From<Broken> for ProviderError {
    fn from(Broken(sentence): Broken) -> Self {
        Self::new(
            ErrorKind::BadResponse,
            format!("The vendor's answer isn't what its API promises: {sentence}."),
        )
    }
}

/// An answer with status 200 to a request for a stream that isn't one.
pub fn not_a_stream(content_type: &str) -> ProviderError {
    Broken(format!("a stream was asked for, but what came as `{}` is none", word(content_type)))
        .into()
}

/// The body of a stream is at its end, and the vendor's own mark of the answer's end hasn't come.
pub fn closed_early() -> ProviderError {
    let says = "The vendor closed the stream before the end of its answer.";
    ProviderError::new(ErrorKind::Interrupted, says)
}

/// Returns the kind that a status means where the vendor's own words say no more than it.
pub fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 | 403 => ErrorKind::Credentials,
        402 => ErrorKind::Billing,
        404 => ErrorKind::NotFound,
        408 | 504 => ErrorKind::Timeout,
        409 => ErrorKind::Other("conflict".into()),
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::RateLimited,
        503 | 529 => ErrorKind::Overloaded,
        400..=499 => ErrorKind::InvalidRequest,
        500..=599 => ErrorKind::VendorFailed,
        _ => ErrorKind::BadResponse,
    }
}

/// The message for a refusal without one.
pub fn unexplained(status: u16) -> String {
    match status {
        300..=399 => {
            format!(
                "The vendor answered HTTP {status}, a redirect, which isn't followed; is `base-url` right?"
            )
        }
        404 | 405 => {
            format!("The vendor answered HTTP {status} without a reason; is `base-url` right?")
        }
        _ => format!("The vendor answered HTTP {status} without a reason."),
    }
}

/// Returns the wait that the vendor asks for, in milliseconds.
///
/// `retry-after-ms` is the more exact of the two headers and wins. Anything that is neither a
/// number nor a date says nothing. A date is held against the answer's own `date`: two clocks
/// needn't agree, and so providers need none.
pub fn retry_after_ms(headers: &[Header]) -> Option<u32> {
    let exact = header(headers, "retry-after-ms").and_then(|ms| milliseconds(ms, 1.0));
    exact.or_else(|| {
        let value = header(headers, "retry-after")?;
        milliseconds(value, 1000.0).or_else(|| until(value, header(headers, "date")?))
    })
}

/// Adds the vendor's advice whether to try again, if its headers give one.
pub fn add_advice(extra: &mut Object, headers: &[Header]) {
    if let Some(advice) = header(headers, "x-should-retry") {
        extra.set("x-should-retry", json::raw(&word(advice)));
    }
}

/// The first header of that name.
pub fn header<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value.as_str())
}

/// Takes a string that says something. Of another type it stays where it is and is passed on with
/// the rest.
pub fn string(object: &mut Object, key: &str) -> Option<String> {
    let text = object.get(key).and_then(json::string)?;
    object.take(key);
    (!text.trim().is_empty()).then_some(text)
}

/// A message of the vendor's as it is passed on.
pub fn message(message: &str) -> String {
    clip(message, MESSAGE_CHARACTERS_MAX)
}

/// A word of the vendor's as it may stand in a message.
pub fn word(word: &str) -> String {
    clip(word, WORD_CHARACTERS_MAX)
}

/// A wait too long to count is the longest that can be counted; casts of floats saturate.
fn milliseconds(text: &str, unit: f64) -> Option<u32> {
    let number: f64 = text.trim().parse().ok()?;
    (number.is_finite() && 0.0 <= number).then(|| (number * unit).ceil() as u32)
}

/// Returns the time from one date to another. A date that has passed asks for no wait.
fn until(date: &str, now: &str) -> Option<u32> {
    let moment = |date: &str| httpdate::parse_http_date(date.trim()).ok();
    let wait = moment(date)?.duration_since(moment(now)?).unwrap_or_default();
    Some(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX))
}

fn clip(text: &str, characters_max: usize) -> String {
    match text.char_indices().nth(characters_max) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_kind() {
        for (status, kind) in [
            (100, ErrorKind::BadResponse),
            (301, ErrorKind::BadResponse),
            (400, ErrorKind::InvalidRequest),
            (401, ErrorKind::Credentials),
            (402, ErrorKind::Billing),
            (403, ErrorKind::Credentials),
            (404, ErrorKind::NotFound),
            (405, ErrorKind::InvalidRequest),
            (408, ErrorKind::Timeout),
            (409, ErrorKind::Other("conflict".into())),
            (413, ErrorKind::TooLarge),
            (422, ErrorKind::InvalidRequest),
            (429, ErrorKind::RateLimited),
            (500, ErrorKind::VendorFailed),
            (502, ErrorKind::VendorFailed),
            (503, ErrorKind::Overloaded),
            (504, ErrorKind::Timeout),
            (529, ErrorKind::Overloaded),
            (599, ErrorKind::VendorFailed),
            (999, ErrorKind::BadResponse),
        ] {
            assert_eq!(kind_of_status(status), kind);
            assert!(unexplained(status).contains(&status.to_string()));
        }
    }

    #[test]
    fn waits_are_read_from_milliseconds_seconds_and_dates() {
        let now = Header { name: "Date".into(), value: "Sun, 06 Nov 1994 08:49:00 GMT".into() };
        for (name, value, wait) in [
            ("retry-after-ms", "250", Some(250)),
            ("Retry-After-Ms", "0.2", Some(1)),
            ("retry-after", "0", Some(0)),
            ("RETRY-AFTER", " 1.5 ", Some(1500)),
            ("retry-after", "9999999999999999999999", Some(u32::MAX)),
            ("retry-after", "-1", None),
            ("retry-after", "NaN", None),
            ("retry-after", "inf", None),
            ("retry-after", "soon", None),
            ("retry-after", "", None),
            ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT", Some(37_000)),
            ("retry-after", "Sun, 06 Nov 1994 08:48:00 GMT", Some(0)),
            ("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT", Some(u32::MAX)),
            ("retry-after", "Sun, 99 Nov 1994 08:49:37 GMT", None),
        ] {
            let headers = [Header { name: name.into(), value: value.into() }, now.clone()];
            assert_eq!(retry_after_ms(&headers), wait, "{name}: {value}");
        }
        let both = [("retry-after", "7"), ("retry-after-ms", "soon")];
        let both = both.map(|(name, value)| Header { name: name.into(), value: value.into() });
        assert_eq!(retry_after_ms(&both), Some(7000));
        let undated =
            [Header { name: "retry-after".into(), value: "Sun, 06 Nov 1994 08:49:37 GMT".into() }];
        assert_eq!(retry_after_ms(&undated), None);
    }

    #[test]
    fn a_word_is_cut_between_characters() {
        assert_eq!(word("ü"), "ü");
        assert_eq!(word(&"ü".repeat(101)), format!("{}…", "ü".repeat(100)));
    }
}
