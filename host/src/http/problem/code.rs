//! The kinds of failures, and the one status of each.

use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// A kind of failure, for programs. The set is closed; each has one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// 400
    InvalidRequest,
    /// 401
    Unauthorized,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// 405
    MethodNotAllowed,
    /// 408
    RequestTimeout,
    /// 409
    Conflict,
    /// 412
    PreconditionFailed,
    /// 413
    BodyTooLarge,
    /// 415
    UnsupportedMediaType,
    /// 429
    RateLimited,
    /// 500
    Internal,
    /// 502
    ProviderFailed,
    /// 502
    ProviderCredentials,
    /// 502
    PluginFailed,
    /// 503
    ProviderUnavailable,
    /// 503
    Overloaded,
    /// 504
    DeadlineExceeded,
}

impl Code {
    /// Returns its name, as callers read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid-request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::RequestTimeout => "request-timeout",
            Self::Conflict => "conflict",
            Self::PreconditionFailed => "precondition-failed",
            Self::BodyTooLarge => "body-too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::RateLimited => "rate-limited",
            Self::Internal => "internal",
            Self::ProviderFailed => "provider-failed",
            Self::ProviderCredentials => "provider-credentials",
            Self::PluginFailed => "plugin-failed",
            Self::ProviderUnavailable => "provider-unavailable",
            Self::Overloaded => "overloaded",
            Self::DeadlineExceeded => "deadline-exceeded",
        }
    }

    /// Returns the one status of this failure, and its title.
    pub(super) fn status(self) -> (StatusCode, &'static str) {
        match self {
            Self::InvalidRequest => (StatusCode::BAD_REQUEST, "Invalid request"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "Forbidden"),
            Self::NotFound => (StatusCode::NOT_FOUND, "Not found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
            Self::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "Request timeout"),
            Self::Conflict => (StatusCode::CONFLICT, "Conflict"),
            Self::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "Precondition failed"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Body too large"),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type")
            }
            Self::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "Rate limited"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
            Self::ProviderFailed => (StatusCode::BAD_GATEWAY, "Provider failed"),
            Self::ProviderCredentials => (StatusCode::BAD_GATEWAY, "Provider credentials refused"),
            Self::PluginFailed => (StatusCode::BAD_GATEWAY, "Plugin failed"),
            Self::ProviderUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "Provider unavailable"),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "Overloaded"),
            Self::DeadlineExceeded => (StatusCode::GATEWAY_TIMEOUT, "Deadline exceeded"),
        }
    }
}
