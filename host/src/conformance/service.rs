//! The whole service in this process, asked over HTTP as any caller asks it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use reqwest::{Client, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::answer::{Answer, Body, events};
use crate::api;
use crate::app::App;
use crate::config::Config;
use crate::http::server;
use crate::plugin::Slot;

/// How long an answer is waited for. Far more than a slow plugin on a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running service.
pub(super) struct Service {
    url: String,
    client: Client,
    app: Arc<App>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Service {
    /// Builds the service and serves on a free port of 127.0.0.1.
    pub(super) async fn start(config: Config) -> anyhow::Result<Self> {
        let app = App::build(&config).await?;
        let front = api::front(&app, &config.server);
        let listener =
            TcpListener::bind(("127.0.0.1", 0)).await.context("127.0.0.1 has no free port")?;
        let url = format!("http://{}/api/llm/chat", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel::<()>();
        let served = app.clone();
        let server = tokio::spawn(async move {
            let stopped = async move { drop(stopped.await) };
            server::run(listener, front, &config.server, &served.stop, stopped).await;
        });
        let client = Client::builder()
            .no_proxy()
            .tcp_nodelay(true)
            .build()
            .context("building the HTTP client")?;
        Ok(Self { url, client, app, stop, server })
    }

    /// What the provider of this name says of itself, or why it couldn't be loaded.
    pub(super) fn slot(&self, id: &str) -> Option<Arc<Slot>> {
        self.app.providers.get(id)
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
        let request = self.client.post(&self.url).header("content-type", "application/json");
        request.body(question.to_string()).send().await
    }

    /// Stops serving. What is still under way is given a moment.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(());
        drop(self.client);
        // An error: the server's task panicked, which its checks have told.
        let _ = tokio::time::timeout(PATIENCE, self.server).await;
        self.app.chat.cache().close().await;
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
