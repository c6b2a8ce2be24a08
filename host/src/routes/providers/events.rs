//! `GET /api/llm/providers/events`: how the providers are, and every change as it happens.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::{broadcast, watch};
use utoipa::ToSchema;

use super::{ProviderDetail, detail};
use crate::app::App;
use crate::plugin::{Change, Providers};
use crate::routes::event;

/// A provider that is gone.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProviderGone {
    /// Its name.
    id: String,
}

/// Tells changes of the providers as they happen
///
/// Begins with an event `provider` for each provider there is; from then on one for each change,
/// and `gone` for a provider that was taken away. Comments keep the connection while nothing
/// changes. Ends when the server stops.
#[utoipa::path(
    get,
    path = "/api/llm/providers/events",
    tag = "chat",
    operation_id = "watchProviders",
    responses((
        status = 200,
        description = "Events `provider`, whose data is a provider's detail, and `gone`.",
        content((String = "text/event-stream"))
    ))
)]
pub(crate) async fn events(State(app): State<Arc<App>>) -> Response {
    let mut listener = Listener {
        // Before the first look, so that no change falls between the two.
        changes: app.providers.changes(),
        providers: app.providers.clone(),
        stopping: app.stopping.subscribe(),
        ready: VecDeque::new(),
    };
    listener.all();
    let events = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    let mut response =
        Sse::new(events).keep_alive(KeepAlive::new().interval(app.heartbeat)).into_response();
    // Proxies that buffer would hold back what is meant to be seen at once.
    response.headers_mut().insert("x-accel-buffering", http::HeaderValue::from_static("no"));
    response
}

/// Somebody who is told of changes.
struct Listener {
    providers: Providers,
    changes: broadcast::Receiver<Change>,
    stopping: watch::Receiver<bool>,
    /// Events to be sent.
    ready: VecDeque<SseEvent>,
}

impl Listener {
    fn all(&mut self) {
        let all = self.providers.all();
        self.ready.extend(all.iter().map(|(id, slot)| provider(&detail(id, slot))));
    }

    /// The next event; nothing when the server stops.
    async fn next(&mut self) -> Option<SseEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let change = tokio::select! {
                change = self.changes.recv() => change,
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
            };
            match change {
                Ok(Change { id, slot: Some(slot) }) => return Some(provider(&detail(&id, &slot))),
                Ok(Change { id, slot: None }) => return Some(event("gone", &ProviderGone { id })),
                // Too slow for each change: how everything is now will do.
                Err(broadcast::error::RecvError::Lagged(_)) => self.all(),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

fn provider(detail: &ProviderDetail) -> SseEvent {
    event("provider", detail)
}
