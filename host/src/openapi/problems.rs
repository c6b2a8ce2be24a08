//! The problems of the document, with an example of each: made by the same code that answers with
//! them.

use serde_json::{Map, Value, json};

use crate::error::{Code, FieldError, PROBLEM_JSON, Problem};

/// The id in all examples.
const REQUEST_ID: &str = "019b7d3c-5a10-7000-8000-0123456789ab";

/// What a problem of a status is, and when it says how long to wait.
struct Kind {
    status: u16,
    description: &'static str,
    /// The codes of the status, and a detail for each.
    codes: &'static [(Code, &'static str)],
}

const KINDS: &[Kind] = &[
    Kind {
        status: 400,
        description: "The request is not valid; `errors` names every field at fault.",
        codes: &[(Code::InvalidRequest, "")],
    },
    Kind {
        status: 401,
        description: "The request has no key of this server.",
        codes: &[(
            Code::Unauthorized,
            "send a key of this server as authorization: Bearer <key>, or as x-api-key: <key>",
        )],
    },
    Kind {
        status: 404,
        description: "It isn't there.",
        codes: &[(Code::NotFound, "there is no such thing")],
    },
    Kind {
        status: 408,
        description: "The body stopped arriving.",
        codes: &[(Code::RequestTimeout, "the request body stopped arriving")],
    },
    Kind {
        status: 409,
        description: "It would contradict what is stored.",
        codes: &[(Code::Conflict, "another user has this email")],
    },
    Kind {
        status: 412,
        description: "What is stored has changed.",
        codes: &[(
            Code::PreconditionFailed,
            "the user has changed meanwhile: its entity tag is \"2\" now",
        )],
    },
    Kind {
        status: 413,
        description: "The body is too large, for this server or for the vendor.",
        codes: &[(Code::BodyTooLarge, "a request body may have at most 33554432 bytes")],
    },
    Kind {
        status: 415,
        description: "The body isn't announced as JSON.",
        codes: &[(
            Code::UnsupportedMediaType,
            "send the body as JSON, with the header content-type: application/json",
        )],
    },
    Kind {
        status: 429,
        description: "The vendor limits the rate, after all retries.",
        codes: &[(Code::RateLimited, "Number of requests has exceeded your rate limit")],
    },
    Kind {
        status: 500,
        description: "A fault of the server's own.",
        codes: &[(Code::Internal, "")],
    },
    Kind {
        status: 502,
        description: "The vendor failed, refused the server's account, or the provider's plugin failed.",
        codes: &[
            (Code::ProviderFailed, "the vendor could not be reached"),
            (Code::ProviderCredentials, "invalid x-api-key"),
            (
                Code::PluginFailed,
                "the plugin echo 1.0.0 trapped: wasm `unreachable` instruction executed",
            ),
        ],
    },
    Kind {
        status: 503,
        description: "More is asked than the server can take on; worth trying again.",
        codes: &[(Code::Overloaded, "the server works on as many requests as it may")],
    },
    Kind {
        status: 504,
        description: "The deadline passed.",
        codes: &[(Code::DeadlineExceeded, "the answer was not complete when the deadline passed")],
    },
];

/// What a route that asks a vendor answers besides, with a status that others have too.
const UNAVAILABLE: (Code, &str) =
    (Code::ProviderUnavailable, "provider claude needs ANTHROPIC_API_KEY to be set");

/// What is said of a status where the route says nothing.
pub(super) fn description(status: u16) -> &'static str {
    kind(status).map_or("A failure.", |kind| kind.description)
}

/// The content of a response that is a problem.
pub(super) fn content(status: u16, asks_vendor: bool) -> Value {
    let known = kind(status).map_or(&[][..], |kind| kind.codes).iter();
    let also = (status == 503 && asks_vendor).then_some(&UNAVAILABLE);
    let examples: Map<String, Value> =
        known.chain(also).map(|(code, detail)| example(*code, detail)).collect();
    let media =
        json!({ "schema": { "$ref": "#/components/schemas/Problem" }, "examples": examples });
    json!({ PROBLEM_JSON: media })
}

fn kind(status: u16) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.status == status)
}

/// An example, by its code.
fn example(code: Code, detail: &str) -> (String, Value) {
    let problem = match code {
        Code::InvalidRequest => Problem::invalid_fields(vec![
            FieldError::new("name", "is required"),
            FieldError::new("nmae", "is not a field of this request"),
        ]),
        Code::Internal => Problem::internal(""),
        _ => Problem::new(code, detail),
    };
    let body = serde_json::to_value(problem.body(Some(REQUEST_ID.into()))).unwrap_or_default();
    let name = body["code"].as_str().unwrap_or_default().to_owned();
    (name, json!({ "value": body }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_stands_beside_its_status() {
        for kind in KINDS {
            for (code, detail) in kind.codes {
                assert_eq!(Problem::new(*code, *detail).status().as_u16(), kind.status);
            }
        }
    }
}
