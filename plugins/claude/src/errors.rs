//! What went wrong, in the contract's terms: a refusal with a status, an error inside a stream, or
//! an answer that isn't what the vendor's API promises.

use arete_plugin::http::Header;
use arete_plugin::json::{self, Object};
use arete_plugin::llm::{ErrorKind, ProviderError};
use arete_plugin::vendor_error::{
    add_advice, header, kind_of_status, message, retry_after_ms, string, unexplained, word,
};

/// An answer whose status isn't a success. A body that isn't the vendor's JSON is expected here:
/// what stands between answers with pages of its own.
pub(crate) fn refusal(status: u16, headers: &[Header], body: &str) -> ProviderError {
    let vendor = VendorError::read(Object::parse(body).unwrap_or_default());
    let kind =
        vendor.code.as_deref().and_then(kind_of_code).unwrap_or_else(|| kind_of_status(status));
    let mut extra = vendor.extra;
    add_advice(&mut extra, headers);
    ProviderError {
        kind,
        message: vendor.message.unwrap_or_else(|| unexplained(status)),
        status: Some(status),
        code: vendor.code,
        field: None,
        request_id: header(headers, "request-id").map(String::from).or(vendor.request_id),
        retry_after_ms: retry_after_ms(headers),
        extra: extra.into_extra(),
    }
}

/// An error told after the vendor had begun to answer. It has no status: the one of the answer was
/// 200.
pub(crate) fn in_band(body: Object) -> ProviderError {
    without_status(body, ErrorKind::VendorFailed)
}

/// An error told in place of a stream, with status 200. Where its words don't say of which kind it
/// is, another attempt would only hear them again.
pub(crate) fn unframed(body: Object) -> ProviderError {
    without_status(body, ErrorKind::BadResponse)
}

fn without_status(body: Object, unknown: ErrorKind) -> ProviderError {
    let vendor = VendorError::read(body);
    ProviderError {
        kind: vendor.code.as_deref().and_then(kind_of_code).unwrap_or(unknown),
        message: vendor
            .message
            .unwrap_or_else(|| "The vendor reported an error without saying which.".into()),
        status: None,
        code: vendor.code,
        field: None,
        request_id: vendor.request_id,
        retry_after_ms: None,
        extra: vendor.extra.into_extra(),
    }
}

/// Returns true if this tells an error, as the body of an answer: in the vendor's way, or in that of
/// a gateway before it, which leaves the type out.
pub(crate) fn is_error(body: &Object) -> bool {
    is_marked(body) || body.get("error").is_some_and(|error| error.get() != "null")
}

fn is_marked(body: &Object) -> bool {
    body.get("type").is_some_and(|kind| kind.get() == r#""error""#)
}

/// What the vendor says of an error:
/// `{"type":"error","error":{"type":…,"message":…},"request_id":…}`. Everything may be missing, and
/// gateways before the vendor have shapes of their own.
struct VendorError {
    code: Option<String>,
    message: Option<String>,
    request_id: Option<String>,
    extra: Object<'static>,
}

impl VendorError {
    fn read(body: Object) -> Self {
        let mut body = body.into_owned();
        if is_marked(&body) {
            body.take("type");
        }
        let request_id = string(&mut body, "request_id").map(|id| word(&id));

        let error = body.take("error");
        let mut inner = error
            .as_ref()
            .and_then(|error| Object::parse(error.get()).ok())
            .unwrap_or_default()
            .into_owned();
        let code = string(&mut inner, "type").map(|code| word(&code));
        let plain = error.as_deref().and_then(json::string);
        let message =
            string(&mut inner, "message").or(plain).or_else(|| string(&mut body, "message"));

        for (key, value) in body {
            inner.set(&key, value);
        }
        Self { code, message: message.map(|it| self::message(&it)), request_id, extra: inner }
    }
}

fn kind_of_code(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "invalid_request_error" => ErrorKind::InvalidRequest,
        "authentication_error" | "permission_error" => ErrorKind::Credentials,
        "billing_error" => ErrorKind::Billing,
        "not_found_error" => ErrorKind::NotFound,
        "conflict_error" => ErrorKind::Other("conflict".into()),
        "request_too_large" => ErrorKind::TooLarge,
        "rate_limit_error" => ErrorKind::RateLimited,
        "api_error" => ErrorKind::VendorFailed,
        "timeout_error" => ErrorKind::Timeout,
        "overloaded_error" => ErrorKind::Overloaded,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
