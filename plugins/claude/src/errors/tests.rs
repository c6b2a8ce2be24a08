//! Every type and every status, and what no server in its right mind would send.

use arete_plugin::json;
use arete_plugin::vendor_error::{MESSAGE_CHARACTERS_MAX, WORD_CHARACTERS_MAX};
use proptest::prelude::*;

use super::*;

#[test]
fn the_type_decides_with_a_status_and_without() {
    for (code, kind) in [
        ("invalid_request_error", ErrorKind::InvalidRequest),
        ("authentication_error", ErrorKind::Credentials),
        ("permission_error", ErrorKind::Credentials),
        ("billing_error", ErrorKind::Billing),
        ("not_found_error", ErrorKind::NotFound),
        ("conflict_error", ErrorKind::Other("conflict".into())),
        ("request_too_large", ErrorKind::TooLarge),
        ("rate_limit_error", ErrorKind::RateLimited),
        ("api_error", ErrorKind::VendorFailed),
        ("timeout_error", ErrorKind::Timeout),
        ("overloaded_error", ErrorKind::Overloaded),
    ] {
        let body = format!(
            r#"{{"type":"error","error":{{"type":"{code}","message":"m"}},"request_id":"req_1"}}"#
        );
        let expected = ProviderError {
            code: Some(code.into()),
            request_id: Some("req_1".into()),
            ..ProviderError::new(kind, "m")
        };
        assert_eq!(in_band(Object::parse(&body).unwrap()), expected);
        let refused = refusal(418, &[], &body);
        assert_eq!(refused, ProviderError { status: Some(418), ..expected });
    }
}

#[test]
fn the_status_decides_where_there_is_no_type() {
    for (status, kind) in
        [(404, ErrorKind::NotFound), (529, ErrorKind::Overloaded), (999, ErrorKind::BadResponse)]
    {
        let error = refusal(status, &[], "<html>");
        assert_eq!((error.kind, error.status, error.code), (kind, Some(status), None));
        assert!(error.message.contains(&status.to_string()), "{}", error.message);
    }
    assert_eq!(in_band(Object::default()).kind, ErrorKind::VendorFailed);
}

#[test]
fn an_error_in_place_of_a_stream_is_told_once() {
    let told = |body| unframed(Object::parse(body).unwrap());
    for (body, kind, message) in [
        (r#"{"error":{"message":"m"}}"#, ErrorKind::BadResponse, "m"),
        (r#"{"error":"m"}"#, ErrorKind::BadResponse, "m"),
        (
            r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#,
            ErrorKind::Credentials,
            "invalid x-api-key",
        ),
    ] {
        let error = told(body);
        assert_eq!((error.kind, error.message.as_str()), (kind, message));
    }
}

#[test]
fn half_a_character_in_a_message_is_replaced() {
    let error =
        refusal(400, &[], r#"{"type":"error","error":{"type":"x\ude00","message":"no \ud83d"}}"#);
    assert_eq!(error.message, "no \u{fffd}");
    assert_eq!(error.code.as_deref(), Some("x\u{fffd}"));
}

proptest! {
    #[test]
    fn any_refusal_becomes_an_error_of_bounded_words(
        status: u16,
        wait in "\\PC{0,40}|[0-9.eE+-]{0,40}|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT",
        body in "\\PC{0,60}|\\{\"error\":\\PC{0,20}\\}|\\{\"type\":\"error\",\"error\":\\{\"type\":\"\\PC{0,200}\",\"message\":\"\\PC{0,3000}\"\\}\\}",
        date in "\\PC{0,40}|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT",
    ) {
        let headers = ["retry-after", "retry-after-ms", "request-id", "x-should-retry"];
        let headers = headers.map(|name| Header { name: name.into(), value: wait.clone() });
        let date = Header { name: "date".into(), value: date };
        let headers: Vec<Header> = headers.into_iter().chain([date]).collect();
        let error = refusal(status, &headers, &body);
        prop_assert!(!error.message.is_empty() && error.message.chars().count() <= MESSAGE_CHARACTERS_MAX + 1);
        prop_assert!(error.code.is_none_or(|code| code.chars().count() <= WORD_CHARACTERS_MAX + 1));
        prop_assert!(error.extra.is_none_or(|extra| json::object(&extra).is_ok()));
    }
}
