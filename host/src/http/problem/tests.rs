//! Each failure has its status, and tells the caller and the log what each may know.

use super::*;
use crate::contract::{ErrorKind, ProviderError};
use crate::plugin::CallError;
use crate::store::users::StoreError;

fn failed(kind: ErrorKind) -> ProviderError {
    ProviderError {
        kind,
        message: "the vendor's words".into(),
        status: None,
        code: None,
        field: None,
        request_id: None,
        retry_after_ms: None,
        extra: None,
    }
}

#[test]
fn a_vendors_failure_has_the_status_of_its_kind() {
    for (kind, status) in [
        (ErrorKind::InvalidRequest, 400),
        (ErrorKind::Unsupported, 400),
        (ErrorKind::Credentials, 502),
        (ErrorKind::Billing, 502),
        (ErrorKind::NotFound, 404),
        (ErrorKind::TooLarge, 413),
        (ErrorKind::RateLimited, 429),
        (ErrorKind::Overloaded, 503),
        (ErrorKind::VendorFailed, 502),
        (ErrorKind::Timeout, 504),
        (ErrorKind::Connection, 502),
        (ErrorKind::Interrupted, 502),
        (ErrorKind::BadResponse, 502),
        (ErrorKind::Denied, 503),
        (ErrorKind::Unconfigured, 503),
        (ErrorKind::Other("strange".into()), 502),
    ] {
        let response = Problem::from(&CallError::from(failed(kind.clone()))).into_response();
        assert_eq!(response.status().as_u16(), status, "{kind:?}");
        assert_eq!(response.headers()["x-should-retry"], "false", "{kind:?}");
    }
}

#[test]
fn what_a_store_did_not_do_has_a_status() {
    for (error, status) in [
        (StoreError::NotFound(uuid::Uuid::nil()), 404),
        (StoreError::EmailTaken, 409),
        (StoreError::Stale { current: 7 }, 412),
        (StoreError::Busy, 503),
        (StoreError::Engine("users.redb: no space left".into()), 500),
    ] {
        let problem = Problem::from(error.clone());
        assert_eq!(problem.status().as_u16(), status, "{error:?}");
        let response = problem.clone().into_response();
        assert_eq!(
            response.headers().contains_key(header::RETRY_AFTER),
            status == 503,
            "{error:?}"
        );
        // An engine's words are for the log alone.
        assert!(
            !problem.detail.contains("redb")
                && (status != 500 || problem.log_text().contains("redb"))
        );
    }
}

#[test]
fn a_rate_limit_always_says_how_long_to_wait() {
    let unsaid = Problem::from(&CallError::from(failed(ErrorKind::RateLimited))).into_response();
    assert_eq!(unsaid.headers()[header::RETRY_AFTER], "30");
    let said = ProviderError { retry_after_ms: Some(61_001), ..failed(ErrorKind::RateLimited) };
    let said = Problem::from(&CallError::from(said)).into_response();
    assert_eq!(said.headers()[header::RETRY_AFTER], "62");
}

#[test]
fn a_crash_shows_the_plugin_and_hides_what_it_wrote() {
    let trapped = CallError::Trapped {
        plugin: "echo 1.0.0".into(),
        trap: "unreachable".into(),
        stderr: "panicked at 'secret prompt'".into(),
    };
    let problem = Problem::from(&trapped);
    assert!(problem.detail.contains("echo 1.0.0") && !problem.detail.contains("secret prompt"));
    assert!(problem.log_text().contains("secret prompt"));
}

#[test]
fn a_code_has_one_name() {
    for code in [
        Code::InvalidRequest,
        Code::Unauthorized,
        Code::Forbidden,
        Code::NotFound,
        Code::MethodNotAllowed,
        Code::RequestTimeout,
        Code::Conflict,
        Code::PreconditionFailed,
        Code::BodyTooLarge,
        Code::UnsupportedMediaType,
        Code::RateLimited,
        Code::Internal,
        Code::ProviderFailed,
        Code::ProviderCredentials,
        Code::PluginFailed,
        Code::ProviderUnavailable,
        Code::Overloaded,
        Code::DeadlineExceeded,
    ] {
        assert_eq!(serde_json::to_value(code).unwrap(), code.name());
    }
}
