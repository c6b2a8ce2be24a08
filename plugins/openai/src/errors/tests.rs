//! Words against statuses, and what no server in its right mind would send.

use arete_plugin::vendor_error::{MESSAGE_CHARACTERS_MAX, WORD_CHARACTERS_MAX};
use proptest::prelude::*;

use super::*;

fn error(code: &str, class: &str) -> String {
    format!(r#"{{"error":{{"message":"m","type":{class},"param":null,"code":{code}}}}}"#)
}

#[test]
fn a_few_words_say_more_than_the_status() {
    for (status, code, class, kind) in [
        (429, r#""insufficient_quota""#, r#""insufficient_quota""#, ErrorKind::Billing),
        (429, "null", r#""insufficient_quota""#, ErrorKind::Billing),
        (429, r#""billing_not_active""#, "null", ErrorKind::Billing),
        (403, r#""model_not_found""#, r#""invalid_request_error""#, ErrorKind::NotFound),
        (400, r#""invalid_api_key""#, r#""invalid_request_error""#, ErrorKind::Credentials),
        (413, r#""rate_limit_exceeded""#, r#""tokens""#, ErrorKind::TooLarge),
        (500, "null", r#""invalid_request_error""#, ErrorKind::VendorFailed),
        (498, "null", "null", ErrorKind::Overloaded),
        (401, "429", "null", ErrorKind::Credentials),
    ] {
        let refused = refusal(status, &[], &error(code, class));
        assert_eq!(
            (refused.kind, refused.status, &*refused.message),
            (kind, Some(status), "m"),
            "{status} {code}"
        );
    }
}

#[test]
fn in_a_stream_a_number_or_the_words_have_to_do() {
    for (code, class, kind) in [
        ("429", "null", ErrorKind::RateLimited),
        (r#""503""#, "null", ErrorKind::Overloaded),
        ("500", r#""BadRequestError""#, ErrorKind::VendorFailed),
        ("7", r#""BadRequestError""#, ErrorKind::InvalidRequest),
        (r#""context_length_exceeded""#, r#""x""#, ErrorKind::InvalidRequest),
        (r#""tool_use_failed""#, r#""invalid_request_error""#, ErrorKind::InvalidRequest),
        ("null", r#""authentication_error""#, ErrorKind::Credentials),
        ("null", r#""NotFoundError""#, ErrorKind::NotFound),
        (r#""rate_limit_exceeded""#, r#""tokens""#, ErrorKind::RateLimited),
        (r#""insufficient_quota""#, "null", ErrorKind::Billing),
        ("null", r#""overloaded_error""#, ErrorKind::Overloaded),
        ("null", r#""timeout""#, ErrorKind::Timeout),
        (r#""server_error""#, r#""server_error""#, ErrorKind::VendorFailed),
        ("null", "null", ErrorKind::VendorFailed),
    ] {
        let told = in_band(Object::parse(&error(code, class)).unwrap());
        assert_eq!((told.kind, told.status, &*told.message), (kind, None, "m"), "{code} {class}");
    }
    assert_eq!(in_band(Object::default()).kind, ErrorKind::VendorFailed);
}

#[test]
fn an_error_holds_nothing_of_the_answer() {
    let chunk = r#"{"id":"c","error":{"message":"m"},"choices":[{"delta":{"content":"secret"}}],"delta":"secret","message":{"content":"secret"}}"#;
    let told = in_band(Object::parse(chunk).unwrap());
    assert_eq!((&*told.message, told.extra.as_deref()), ("m", Some(r#"{"id":"c"}"#)));
}

#[test]
fn nothing_is_no_error() {
    for body in [
        "{}",
        r#"{"error":null}"#,
        r#"{"error":false}"#,
        r#"{"error":""}"#,
        r#"{"object":"chat.completion"}"#,
    ] {
        assert!(!is_error(&Object::parse(body).unwrap()), "{body}");
    }
}

#[test]
fn an_error_in_place_of_a_stream_is_told_once() {
    for (body, kind, message) in [
        (r#"{"error":"m"}"#, ErrorKind::BadResponse, "m"),
        (r#"[{"error":{"message":"m","code":429}}]"#, ErrorKind::RateLimited, "m"),
        (
            r#"{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","code":"invalid_api_key"}}"#,
            ErrorKind::Credentials,
            "Incorrect API key provided",
        ),
    ] {
        let error = in_place_of_stream(body).unwrap();
        assert_eq!((error.kind, error.message.as_str()), (kind, message));
    }
    for body in ["<p>secret</p>", "{}", "[]", r#"{"choices":[]}"#, r#"{"error":null}"#] {
        assert_eq!(in_place_of_stream(body), None, "{body}");
    }
}

#[test]
fn half_a_character_in_a_message_is_replaced() {
    let error = refusal(400, &[], r#"{"error":{"message":"no \ud83d here","code":"x\ude00"}}"#);
    assert_eq!(error.message, "no \u{fffd} here");
    assert_eq!(error.code.as_deref(), Some("x\u{fffd}"));
}

#[test]
fn a_message_that_lies_too_deep_is_left_where_it_is() {
    let deep = format!("{{\"detail\":{}\"m\"{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let error = refusal(422, &[], &deep);
    assert_eq!(error.message, "The vendor answered HTTP 422 without a reason.");
}

proptest! {
    #[test]
    fn any_refusal_becomes_an_error_of_bounded_words(
        status: u16,
        wait in "\\PC{0,40}|[0-9.eE+-]{0,40}",
        body in "\\PC{0,60}|\\{\"error\":\\PC{0,20}\\}|\\{\"(error|detail|message)\":(\\{|\\[\\{)\"(type|code|msg)\":\"\\PC{0,200}\",\"message\":\"\\PC{0,1200}\"(\\}|\\}\\])\\}",
        date in "\\PC{0,40}|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT",
    ) {
        let headers = ["retry-after", "retry-after-ms", "x-request-id", "x-should-retry"];
        let headers = headers.map(|name| Header { name: name.into(), value: wait.clone() });
        let date = Header { name: "date".into(), value: date };
        let headers: Vec<Header> = headers.into_iter().chain([date]).collect();
        let error = refusal(status, &headers, &body);
        prop_assert!(!error.message.is_empty() && error.message.chars().count() <= MESSAGE_CHARACTERS_MAX + 1);
        prop_assert!(error.code.is_none_or(|code| code.chars().count() <= WORD_CHARACTERS_MAX + 1));
        prop_assert!(error.extra.is_none_or(|extra| json::object(&extra).is_ok()));
    }
}
