//! An ordinary client: well-behaved HTTP, answers read whole.

use std::sync::LazyLock;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;

use super::within;

/// One client for all tests. It keeps no connections: a connection belongs to the runtime of the
/// test that opened it.
static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    let builder = Client::builder().pool_max_idle_per_host(0).no_proxy();
    builder.redirect(reqwest::redirect::Policy::none()).build().expect("a client can be built")
});

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

/// A request to add to and to [`send`].
pub fn request(method: Method, url: String) -> RequestBuilder {
    CLIENT.request(method, url)
}

/// Sends a request and reads the whole answer.
pub async fn send(request: RequestBuilder) -> Answer {
    let whole = async { Answer::read(request.send().await.expect("the server answers")).await };
    within("an answer of the server", whole).await
}

impl Answer {
    pub(super) async fn read(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.expect("the answer has an end");
        Self {
            status,
            headers,
            body: String::from_utf8(body.to_vec()).expect("the answer is text"),
        }
    }

    /// A header's value, or nothing.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("headers are text"))
    }

    /// The id by which the server knows this request.
    pub fn id(&self) -> &str {
        self.header("x-request-id").expect("every answer has an id")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    /// The body of a success. Fails if it isn't one.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        assert_eq!(self.header("content-type"), Some("application/json"));
        self.json()
    }

    /// The body of a failure. Fails unless it is a problem of this status and code, in the form
    /// that all have.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!((self.status, problem["code"].as_str()), (status, Some(code)), "{}", self.body);
        assert_problem(&problem);
        assert_eq!(problem["requestId"].as_str(), Some(self.id()), "{}", self.body);
        problem
    }
}

/// Fails unless this has the form of a problem: a kind, a title, a sentence that says something.
#[track_caller]
pub fn assert_problem(problem: &Value) {
    assert_eq!(problem["type"], "about:blank", "{problem}");
    assert!(
        problem["status"].as_u64().is_some_and(|status| (400..600).contains(&status)),
        "{problem}"
    );
    for field in ["title", "detail", "code", "requestId"] {
        assert!(
            problem[field].as_str().is_some_and(|text| !text.trim().is_empty()),
            "{field} of {problem}"
        );
    }
}
