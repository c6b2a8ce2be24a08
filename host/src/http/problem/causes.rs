//! The problems of failures within: of calls, of routes to providers, and of stores.

use std::time::Duration;

use super::{Code, FieldError, Problem, RETRY_AFTER};
use crate::chat::RouteError;
use crate::contract::{ErrorKind, ProviderError};
use crate::plugin::CallError;
use crate::store::users::StoreError;

/// The wait that callers are asked for when the vendor limits the rate and named none: its windows
/// are commonly a minute.
const RETRY_AFTER_RATE: Duration = Duration::from_secs(30);

/// A failed call, once nothing more is tried.
impl From<&CallError> for Problem {
    fn from(error: &CallError) -> Self {
        let detail = error.detail();
        let problem = match error {
            CallError::Provider(error) => return vendor(error),
            CallError::Trapped { stderr, .. } => {
                let cause = if stderr.is_empty() {
                    detail.clone()
                } else {
                    format!("{detail}; stderr: {stderr}")
                };
                Self { cause: Some(cause.into()), ..Self::new(Code::PluginFailed, detail) }
            }
            CallError::Exceeded { .. } | CallError::Invalid { .. } => {
                Self::new(Code::PluginFailed, detail)
            }
            CallError::Unconfigured(_) => Self::new(Code::ProviderUnavailable, detail),
            CallError::Busy { .. } => Self::new(Code::Overloaded, detail).retry_after(RETRY_AFTER),
            CallError::Deadline { .. } => Self::new(Code::DeadlineExceeded, detail),
            CallError::Host(cause) => Self::internal(cause.clone()),
        };
        Self { given_up: true, ..problem }
    }
}

impl From<RouteError> for Problem {
    fn from(error: RouteError) -> Self {
        let detail = error.to_string();
        match error {
            RouteError::UnknownProvider { .. } => Self::new(Code::NotFound, detail),
            RouteError::Loading(_) => {
                Self::new(Code::ProviderUnavailable, detail).retry_after_default()
            }
            RouteError::NotLoaded(_) => Self::new(Code::ProviderUnavailable, detail),
            RouteError::NoModel(_) => Self::invalid_field("model", detail),
        }
    }
}

/// A change or a look-up that a store refused.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let detail = error.to_string();
        match error {
            StoreError::NotFound(_) => Self::new(Code::NotFound, detail),
            StoreError::EmailTaken => {
                let email = FieldError::new("email", "is another user's, maybe in another case");
                Self { errors: vec![email], ..Self::new(Code::Conflict, detail) }
            }
            StoreError::Stale { current } => {
                let detail =
                    format!("the user has changed meanwhile: its entity tag is \"{current}\" now");
                Self::new(Code::PreconditionFailed, detail)
            }
            StoreError::Busy => Self::new(Code::Overloaded, detail).retry_after(RETRY_AFTER),
            // What the engine says is about its files.
            StoreError::Engine(cause) => Self::internal(format!("the users store failed: {cause}")),
        }
    }
}

/// A failure that the provider reports.
fn vendor(error: &ProviderError) -> Problem {
    let code = match &error.kind {
        ErrorKind::InvalidRequest | ErrorKind::Unsupported => Code::InvalidRequest,
        ErrorKind::Credentials | ErrorKind::Billing => Code::ProviderCredentials,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::TooLarge => Code::BodyTooLarge,
        ErrorKind::RateLimited => Code::RateLimited,
        ErrorKind::Overloaded => Code::Overloaded,
        ErrorKind::VendorFailed
        | ErrorKind::Connection
        | ErrorKind::Interrupted
        | ErrorKind::BadResponse
        | ErrorKind::Other(_) => Code::ProviderFailed,
        ErrorKind::Timeout => Code::DeadlineExceeded,
        ErrorKind::Denied | ErrorKind::Unconfigured => Code::ProviderUnavailable,
    };
    let message = match error.message.trim() {
        "" => "the provider reports a failure and doesn't say why",
        _ => error.message.as_str(),
    };
    let asked = error.retry_after_ms.map(|ms| Duration::from_millis(ms.into()));
    let field = error.field.as_ref().filter(|_| code == Code::InvalidRequest);
    let cause = format!(
        "{} (kind {}, vendor status {:?}, code {:?}, vendor request {:?})",
        message,
        error.kind.name(),
        error.status,
        error.code,
        error.request_id
    );
    Problem {
        errors: field.map(|field| FieldError::new(field.clone(), message)).into_iter().collect(),
        retry_after: match code {
            Code::RateLimited => Some(asked.unwrap_or(RETRY_AFTER_RATE)),
            Code::Overloaded => Some(asked.unwrap_or(RETRY_AFTER)),
            _ => asked,
        },
        given_up: true,
        cause: Some(cause.into()),
        ..Problem::new(code, message)
    }
}
