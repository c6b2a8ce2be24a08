//! Failures in the words of the two APIs whose clients call under `/v1/`. The status is the
//! problem's own; here each code gets the dialect's type.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::wording::Wording;
use super::{Code, Problem};

/// An API whose clients can call this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// OpenAI's: Chat Completions and what stands beside it.
    OpenAi,
    /// Anthropic's Messages API.
    Anthropic,
}

impl Dialect {
    /// Returns the dialect that the caller of this path speaks, or nothing for the server's own
    /// paths. Paths that both APIs have are told apart by the header that only Anthropic's clients
    /// send.
    pub(crate) fn of(path: &str, headers: &HeaderMap) -> Option<Self> {
        let rest = path.strip_prefix("/v1")?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        let is_under = |place: &str| {
            rest.strip_prefix(place).is_some_and(|more| more.is_empty() || more.starts_with('/'))
        };
        let anthropic = ["/messages", "/complete"].into_iter().any(is_under);
        let openai = ["/chat", "/responses", "/embeddings"].into_iter().any(is_under);
        let version = headers.contains_key("anthropic-version");
        let anthropic = anthropic || !openai && version;
        Some(if anthropic { Self::Anthropic } else { Self::OpenAi })
    }

    /// Returns the body of a failure, for a response or for the last event of a stream.
    pub(crate) fn body(self, problem: &Problem, request_id: &str) -> Value {
        let error = match problem.wording.as_deref() {
            Some(Wording::Error { error, .. }) => Value::Object(error.clone()),
            Some(Wording::Raw { body, .. }) => match serde_json::from_slice(body) {
                Ok(body @ Value::Object(_)) => return body,
                _ => self.error(problem),
            },
            None => self.error(problem),
        };
        match self {
            Self::OpenAi => json!({ "error": error }),
            Self::Anthropic => {
                json!({ "type": "error", "error": error, "request_id": request_id })
            }
        }
    }

    fn error(self, problem: &Problem) -> Value {
        let message = self.message(problem);
        match self {
            Self::OpenAi => {
                let param = problem.errors.first().map(|error| self.param(&error.field));
                let (kind, code) = openai(problem.code, param.as_deref());
                json!({ "message": message, "type": kind, "param": param, "code": code })
            }
            Self::Anthropic => json!({ "type": anthropic(problem.code), "message": message }),
        }
    }

    /// Returns the message, in which fields have the dialect's names.
    fn message(self, problem: &Problem) -> String {
        match problem.errors.as_slice() {
            // A provider names the contract's fields, and says in words what it wants.
            [error] if !problem.detail.starts_with(error.field.as_str()) => {
                let param = self.param(&error.field);
                if problem.detail.contains(&param) {
                    problem.detail.clone()
                } else {
                    format!("{param}: {}", problem.detail)
                }
            }
            _ => problem.detail.clone(),
        }
    }

    /// Returns the dialect's name of a field that a provider names as the native API does.
    fn param(self, field: &str) -> String {
        let end = field.find(['.', '[']).unwrap_or(field.len());
        let (name, rest) = field.split_at(end);
        let name = match (name, self) {
            ("extra", _) => return rest.trim_start_matches('.').to_owned(),
            ("maxTokens", _) => "max_tokens",
            ("topP", _) => "top_p",
            ("topK", _) => "top_k",
            ("stopSequences", Self::OpenAi) => "stop",
            ("stopSequences", Self::Anthropic) => "stop_sequences",
            ("toolChoice", _) => "tool_choice",
            (other, _) => other,
        };
        format!("{name}{rest}")
    }
}

impl Problem {
    /// Gives the failure an error object of the caller's dialect, and a status if it has another
    /// than its code.
    #[must_use]
    pub(crate) fn worded(mut self, wording: Wording) -> Self {
        self.wording = Some(Box::new(wording));
        self
    }

    /// Returns the status under the paths of a dialect.
    pub(crate) fn dialect_status(&self) -> StatusCode {
        match self.wording.as_deref() {
            Some(Wording::Error { status: Some(status), .. } | Wording::Raw { status, .. }) => {
                *status
            }
            Some(Wording::Error { status: None, .. }) | None => self.status(),
        }
    }

    /// Returns the body in a dialect, byte by byte the vendor's where it is the vendor's.
    pub(crate) fn dialect_body(&self, dialect: Dialect, request_id: &str) -> Bytes {
        match self.wording.as_deref() {
            Some(Wording::Raw { body, .. }) => body.clone(),
            Some(Wording::Error { .. }) | None => dialect.body(self, request_id).to_string().into(),
        }
    }
}

/// Returns OpenAI's type and code.
fn openai(code: Code, param: Option<&str>) -> (&'static str, Option<&'static str>) {
    match code {
        Code::Unauthorized => ("invalid_request_error", Some("invalid_api_key")),
        Code::NotFound if param == Some("model") => {
            ("invalid_request_error", Some("model_not_found"))
        }
        Code::InvalidRequest if param.is_some() => ("invalid_request_error", Some("invalid_value")),
        Code::InvalidRequest
        | Code::Forbidden
        | Code::NotFound
        | Code::MethodNotAllowed
        | Code::RequestTimeout
        | Code::Conflict
        | Code::PreconditionFailed
        | Code::BodyTooLarge
        | Code::UnsupportedMediaType => ("invalid_request_error", None),
        Code::RateLimited => ("requests", Some("rate_limit_exceeded")),
        Code::Internal
        | Code::ProviderFailed
        | Code::ProviderCredentials
        | Code::PluginFailed
        | Code::ProviderUnavailable
        | Code::Overloaded
        | Code::DeadlineExceeded => ("server_error", None),
    }
}

/// Returns Anthropic's type.
fn anthropic(code: Code) -> &'static str {
    match code {
        Code::InvalidRequest
        | Code::MethodNotAllowed
        | Code::RequestTimeout
        | Code::Conflict
        | Code::PreconditionFailed
        | Code::UnsupportedMediaType => "invalid_request_error",
        Code::Unauthorized => "authentication_error",
        Code::Forbidden => "permission_error",
        Code::NotFound => "not_found_error",
        Code::BodyTooLarge => "request_too_large",
        Code::RateLimited => "rate_limit_error",
        Code::Overloaded => "overloaded_error",
        Code::DeadlineExceeded => "timeout_error",
        Code::Internal
        | Code::ProviderFailed
        | Code::ProviderCredentials
        | Code::PluginFailed
        | Code::ProviderUnavailable => "api_error",
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_path_tells_the_dialect_and_the_version_where_both_have_it() {
        let plain = HeaderMap::new();
        let mut versioned = HeaderMap::new();
        versioned.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
        for (path, without, with) in [
            ("/v1/messages", Some(Dialect::Anthropic), Some(Dialect::Anthropic)),
            ("/v1/messages/count_tokens", Some(Dialect::Anthropic), Some(Dialect::Anthropic)),
            ("/v1/chat/completions", Some(Dialect::OpenAi), Some(Dialect::OpenAi)),
            ("/v1/responses", Some(Dialect::OpenAi), Some(Dialect::OpenAi)),
            ("/v1/models", Some(Dialect::OpenAi), Some(Dialect::Anthropic)),
            ("/v1/messagesx", Some(Dialect::OpenAi), Some(Dialect::Anthropic)),
            ("/v1", Some(Dialect::OpenAi), Some(Dialect::Anthropic)),
            ("/v10/messages", None, None),
            ("/api/llm/chat", None, None),
        ] {
            assert_eq!(Dialect::of(path, &plain), without, "{path}");
            assert_eq!(Dialect::of(path, &versioned), with, "{path}");
        }
    }

    #[test]
    fn each_code_has_a_type_in_both_dialects() {
        for (code, openai, of_code, anthropic) in [
            (Code::InvalidRequest, "invalid_request_error", None, "invalid_request_error"),
            (
                Code::Unauthorized,
                "invalid_request_error",
                Some("invalid_api_key"),
                "authentication_error",
            ),
            (Code::BodyTooLarge, "invalid_request_error", None, "request_too_large"),
            (Code::RateLimited, "requests", Some("rate_limit_exceeded"), "rate_limit_error"),
            (Code::ProviderCredentials, "server_error", None, "api_error"),
            (Code::Overloaded, "server_error", None, "overloaded_error"),
            (Code::DeadlineExceeded, "server_error", None, "timeout_error"),
        ] {
            let problem = Problem::new(code, "the reason");
            assert_eq!(
                Dialect::OpenAi.body(&problem, "id"),
                json!({ "error": { "message": "the reason", "type": openai, "param": null, "code": of_code } })
            );
            assert_eq!(
                Dialect::Anthropic.body(&problem, "id"),
                json!({ "type": "error", "error": { "type": anthropic, "message": "the reason" }, "request_id": "id" })
            );
        }
    }

    #[test]
    fn fields_have_the_names_of_the_dialect() {
        for (field, openai, anthropic) in [
            ("maxTokens", "max_tokens", "max_tokens"),
            ("stopSequences", "stop", "stop_sequences"),
            ("messages[0].content[1]", "messages[0].content[1]", "messages[0].content[1]"),
            ("extra.reasoning_effort", "reasoning_effort", "reasoning_effort"),
        ] {
            assert_eq!(Dialect::OpenAi.param(field), openai);
            assert_eq!(Dialect::Anthropic.param(field), anthropic);
        }
    }

    #[test]
    fn another_wording_replaces_status_and_error() {
        let error =
            json!({ "type": "overloaded_error", "message": "Overloaded", "details": { "a": 1 } });
        let Value::Object(error) = error else { unreachable!("it is an object") };
        let status = Some(StatusCode::from_u16(529).unwrap());
        let problem = Problem::new(Code::Overloaded, "x")
            .worded(Wording::Error { status, error: error.clone() });
        assert_eq!(problem.dialect_status().as_u16(), 529);
        assert_eq!(Dialect::Anthropic.body(&problem, "id")["error"], Value::Object(error));
    }

    #[test]
    fn a_body_of_the_vendors_stays_as_it_came() {
        let status = StatusCode::from_u16(529).unwrap();
        let raw = r#"{"type":"error", "error":{"n":1.10}}"#;
        let body = Bytes::from_static(raw.as_bytes());
        let problem = Problem::new(Code::Overloaded, "x").worded(Wording::Raw { status, body });
        assert_eq!(problem.dialect_status(), status);
        assert_eq!(problem.dialect_body(Dialect::Anthropic, "id"), raw.as_bytes());
        assert_eq!(Dialect::Anthropic.body(&problem, "id")["type"], "error");
        let page = Bytes::from_static(b"<html>");
        let problem =
            Problem::new(Code::Overloaded, "x").worded(Wording::Raw { status, body: page });
        assert_eq!(Dialect::Anthropic.body(&problem, "id")["error"]["message"], "x");
    }
}
