//! The server with the plugin, asked over HTTP as any caller asks it.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;

use super::answer::{Answer, Body, events};
use super::server::Server;

/// The longest wait for an answer. Far more than a slow plugin on a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running service.
pub(super) struct Service {
    url: String,
    server: Server,
}

impl Service {
    /// Takes a server that listens.
    pub(super) fn new(server: Server) -> Self {
        Self { url: server.url("/api/llm/chat"), server }
    }

    /// Returns the server itself.
    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// Asks this provider and reads the whole answer.
    pub(super) async fn ask(&self, provider: &str, question: &Value) -> Answer {
        let whole = async {
            match self.open(provider, question).await {
                Ok(response) => read(response).await,
                Err(error) => strange(0, format!("the service gave no answer: {error}")),
            }
        };
        let late = || strange(0, format!("the service gave no answer within {PATIENCE:?}"));
        tokio::time::timeout(PATIENCE, whole).await.unwrap_or_else(|_| late())
    }

    /// Asks this provider; the answer is still to come. Dropping it is hanging up.
    pub(super) async fn open(&self, provider: &str, question: &Value) -> reqwest::Result<Response> {
        let mut question = question.clone();
        if let Some(fields) = question.as_object_mut() {
            fields.insert("provider".to_owned(), provider.into());
        }
        let request =
            self.server.client().post(&self.url).header("content-type", "application/json");
        request.body(question.to_string()).send().await
    }

    /// Stops the server. What is still under way is given a moment.
    pub(super) async fn stop(self) {
        self.server.stop().await;
    }
}

async fn read(response: Response) -> Answer {
    let status = response.status().as_u16();
    let header = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let (kind, retry_after) = (header("content-type").unwrap_or_default(), header("retry-after"));
    let text = match response.text().await {
        Ok(text) => text,
        Err(error) => return strange(status, format!("the service's answer broke off: {error}")),
    };
    let body = match (status, kind.as_str()) {
        (200, "text/event-stream") => events(&text).map_or_else(Body::Strange, Body::Events),
        (200, "application/json") | (400..=599, "application/problem+json") => {
            serde_json::from_str(&text).map_or_else(
                |error| Body::Strange(format!("not JSON ({error}): {text}")),
                Body::Json,
            )
        }
        _ => Body::Strange(format!("an answer of {kind:?}: {text}")),
    };
    Answer { status, retry_after: retry_after.and_then(|seconds| seconds.parse().ok()), body }
}

fn strange(status: u16, why: String) -> Answer {
    Answer { status, retry_after: None, body: Body::Strange(why) }
}
