//! The meaning of a refusal's status and headers, read here once for every provider.

use jiff::civil::DateTime;

use super::bindings::arete::provider::http::Refusal;
use crate::contract::ErrorKind;
use crate::egress::Reply;

/// The headers in which vendors give the id of a request.
const REQUEST_IDS: [&str; 6] = [
    "request-id",
    "x-request-id",
    "x-amzn-requestid",
    "apim-request-id",
    "x-goog-request-id",
    "cf-ray",
];

/// Returns what status and headers of an answer say about a refusal.
pub(super) fn classify(reply: &Reply) -> Refusal {
    let status = reply.status();
    let header = |name: &str| reply.header(name);
    Refusal {
        kind: kind(status),
        status,
        retry_after_ms: retry_after_ms(header),
        request_id: REQUEST_IDS.iter().find_map(|name| header(name)),
    }
}

/// Returns the kind of failure that a status stands for.
fn kind(status: u16) -> ErrorKind {
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

/// Returns the wait that the vendor asks for. `retry-after-ms` is the more exact header and wins; a
/// date is held against the answer's own, because two clocks needn't agree.
fn retry_after_ms(header: impl Fn(&str) -> Option<String>) -> Option<u32> {
    let exact = header("retry-after-ms").and_then(|text| milliseconds(&text, 1.0));
    exact.or_else(|| {
        let value = header("retry-after")?;
        milliseconds(&value, 1_000.0).or_else(|| until(&value, &header("date")?))
    })
}

/// A wait too long to count is the longest that can be counted; casts of floats saturate.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
fn milliseconds(text: &str, unit: f64) -> Option<u32> {
    let number: f64 = text.trim().parse().ok()?;
    (number.is_finite() && 0.0 <= number).then(|| (number * unit).ceil() as u32)
}

/// Returns the time from one date to another. A date that has passed asks for no wait.
fn until(date: &str, now: &str) -> Option<u32> {
    // Without a time zone, because the last days that HTTP can write have no timestamp.
    let moment = |date: &str| DateTime::strptime("%a, %d %b %Y %H:%M:%S GMT", date.trim()).ok();
    let wait = moment(date)?.duration_since(moment(now)?);
    Some(u32::try_from(wait.as_millis().max(0)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_the_kind_that_the_contract_gives_it() {
        for (status, name) in [
            (301, "bad-response"),
            (400, "invalid-request"),
            (401, "credentials"),
            (402, "billing"),
            (403, "credentials"),
            (404, "not-found"),
            (408, "timeout"),
            (409, "other"),
            (413, "too-large"),
            (422, "invalid-request"),
            (429, "rate-limited"),
            (500, "vendor-failed"),
            (503, "overloaded"),
            (504, "timeout"),
            (529, "overloaded"),
        ] {
            assert_eq!(kind(status).name(), name, "{status}");
        }
    }

    #[test]
    fn waits_are_read_from_milliseconds_seconds_and_dates() {
        let read = |name: &'static str, value: &'static str| {
            retry_after_ms(move |asked| match asked {
                "date" => Some("Sun, 06 Nov 1994 08:49:00 GMT".into()),
                _ => (asked == name).then(|| value.into()),
            })
        };
        for (name, value, wait) in [
            ("retry-after-ms", "0.2", Some(1)),
            ("retry-after", " 1.5 ", Some(1_500)),
            ("retry-after", "9999999999999999999999", Some(u32::MAX)),
            ("retry-after", "-1", None),
            ("retry-after", "NaN", None),
            ("retry-after", "soon", None),
            ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT", Some(37_000)),
            ("retry-after", "Sun, 06 Nov 1994 08:48:00 GMT", Some(0)),
            ("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT", Some(u32::MAX)),
        ] {
            assert_eq!(read(name, value), wait, "{name}: {value}");
        }
    }
}
