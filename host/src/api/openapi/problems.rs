//! The problems of the document, with an example of each: made by the constructors that answer with
//! them.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::chat::RouteError;
use crate::config::Limits;
use crate::contract::{ErrorKind, ProviderError};
use crate::http::problem::{FieldError, PROBLEM_JSON, Problem};
use crate::plugin::{CallError, MissingSettings};
use crate::store::users::StoreError;

/// The id in all examples.
const REQUEST_ID: &str = "019b7d3c-5a10-7000-8000-0123456789ab";

/// The sentence about a vendor that refuses connections, as the client library ends it.
const UNREACHABLE: &str = "the vendor could not be reached: client error (Connect): \
     tcp connect error: Connection refused (os error 111)";

/// A status with which routes fail.
struct Kind {
    status: u16,
    description: &'static str,
    /// Makes the examples, one for each code of the status.
    examples: fn() -> Vec<Problem>,
}

const KINDS: &[Kind] = &[
    Kind {
        status: 400,
        description: "The request is not valid; `errors` lists each mistake with its path.",
        examples: || {
            let errors = vec![
                FieldError::new("name", "is required"),
                FieldError::new("nmae", "is not a field of this request"),
            ];
            vec![Problem::mistakes(errors, 2)]
        },
    },
    Kind {
        status: 401,
        description: "The request has no key of this server.",
        examples: || vec![Problem::unauthorized()],
    },
    Kind {
        status: 403,
        description: "The server has no keys and does not answer this host or web page.",
        examples: || vec![Problem::forbidden_host("evil.example")],
    },
    Kind {
        status: 404,
        description: "What the request names does not exist.",
        examples: || {
            let known = vec!["claude".to_owned(), "echo".to_owned()];
            vec![RouteError::UnknownProvider { id: "cluade".to_owned(), known }.into()]
        },
    },
    Kind {
        status: 408,
        description: "The request body stopped arriving.",
        examples: || vec![Problem::of_status(StatusCode::REQUEST_TIMEOUT)],
    },
    Kind {
        status: 409,
        description: "The change would contradict what is stored.",
        examples: || vec![StoreError::EmailTaken.into()],
    },
    Kind {
        status: 412,
        description: "The user has changed since it was read.",
        examples: || vec![StoreError::Stale { current: 2 }.into()],
    },
    Kind {
        status: 413,
        description: "The body is too large, for this server or for the vendor.",
        examples: || vec![Problem::body_too_large(32 << 20)],
    },
    Kind {
        status: 415,
        description: "The body is not announced as JSON.",
        examples: || vec![Problem::not_json()],
    },
    Kind {
        status: 429,
        description: "The vendor still limits the rate after all retries.",
        examples: || {
            let message = "Number of requests has exceeded your rate limit";
            vec![vendor(ErrorKind::RateLimited, message)]
        },
    },
    Kind {
        status: 500,
        description: "The server met a fault of its own.",
        examples: || vec![Problem::internal("")],
    },
    Kind {
        status: 502,
        description: "The vendor failed, refused the server's account, or the provider's plugin failed.",
        examples: || {
            let trap = "wasm trap: wasm `unreachable` instruction executed".to_owned();
            let trapped =
                CallError::Trapped { plugin: "echo 0.1.0".into(), trap, stderr: String::new() };
            vec![
                vendor(ErrorKind::Connection, UNREACHABLE),
                vendor(ErrorKind::Credentials, "invalid x-api-key"),
                Problem::from(&trapped),
            ]
        },
    },
    Kind {
        status: 503,
        description: "The server is overloaded; the request can be tried again.",
        examples: || vec![Problem::full()],
    },
    Kind {
        status: 504,
        description: "The answer was not complete when the deadline passed.",
        examples: || {
            let allowed = Limits::default().timeout();
            vec![Problem::from(&CallError::Deadline { allowed })]
        },
    },
];

/// A failure that a vendor reports, in its words.
fn vendor(kind: ErrorKind, message: &str) -> Problem {
    let error = ProviderError {
        kind,
        message: message.to_owned(),
        status: None,
        code: None,
        field: None,
        request_id: None,
        retry_after_ms: None,
        extra: None,
    };
    Problem::from(&CallError::from(error))
}

/// A further example of a route that asks a vendor, with a status that others have too.
fn unavailable() -> Problem {
    let names = vec!["ANTHROPIC_API_KEY".to_owned()];
    let missing = MissingSettings { provider: Arc::from("claude"), names, in_folder: false };
    Problem::from(&CallError::Unconfigured(missing))
}

/// Returns the description of a status where the route has none.
pub(super) fn description(status: u16) -> &'static str {
    kind(status).map_or("The request failed for another reason.", |kind| kind.description)
}

/// Returns the content of a response that is a problem.
pub(super) fn content(status: u16, asks_vendor: bool) -> Value {
    let mut problems = kind(status).map(|kind| (kind.examples)()).unwrap_or_default();
    if status == 503 && asks_vendor {
        problems.push(unavailable());
    }
    let examples: Map<String, Value> = problems.iter().map(example).collect();
    let media =
        json!({ "schema": { "$ref": "#/components/schemas/Problem" }, "examples": examples });
    json!({ PROBLEM_JSON: media })
}

fn kind(status: u16) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.status == status)
}

/// Returns an example, by its code.
fn example(problem: &Problem) -> (String, Value) {
    let body = serde_json::to_value(problem.body(Some(REQUEST_ID.into()))).unwrap_or_default();
    let name = body["code"].as_str().unwrap_or_default().to_owned();
    (name, json!({ "value": body }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_example_has_the_status_it_stands_at() {
        for kind in KINDS {
            for problem in (kind.examples)() {
                assert_eq!(problem.status().as_u16(), kind.status, "{problem:?}");
            }
        }
        assert_eq!(unavailable().status().as_u16(), 503);
    }
}
