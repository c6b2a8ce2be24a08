//! `GET /api/llm/providers/events`: the state of the providers, and every change as it happens.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{broadcast, watch};
use utoipa::ToSchema;

use super::detail;
use crate::api::sse::{self, EventSource, Events};
use crate::app::App;
use crate::http::places::StreamPlace;
use crate::plugin::{Change, Providers};

/// A provider that was removed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProviderGone {
    /// The name of the provider.
    id: String,
}

/// Streams changes of the providers
///
/// Begins with an event `provider` for each provider; from then on sends one for each change, and
/// `gone` for a provider that was removed. Comments keep a silent stream alive. The stream ends
/// when the server stops.
#[utoipa::path(
    get,
    path = "/api/llm/providers/events",
    tag = "chat",
    operation_id = "watchProviders",
    responses((
        status = 200,
        description = "A stream of events: `provider`, with the detail of a provider, and `gone`.",
        content((String = "text/event-stream"))
    ))
)]
pub(crate) async fn events(State(app): State<Arc<App>>, _place: StreamPlace) -> Response {
    let mut changes = ProviderChanges {
        // Before the first look, so that no change falls between the two.
        changes: app.providers.changes(),
        providers: app.providers.clone(),
        stopping: app.stop.draining(),
        ready: Events::default(),
    };
    changes.push_all();
    sse::respond(changes, app.heartbeat)
}

/// The providers' changes, for one listener.
struct ProviderChanges {
    providers: Providers,
    changes: broadcast::Receiver<Change>,
    stopping: watch::Receiver<bool>,
    ready: Events,
}

impl ProviderChanges {
    fn push_all(&mut self) {
        for (id, slot) in self.providers.all().iter() {
            self.ready.push("provider", &detail(id, slot));
        }
    }
}

impl EventSource for ProviderChanges {
    async fn next(&mut self) -> Option<Bytes> {
        while self.ready.is_empty() {
            let change = tokio::select! {
                change = self.changes.recv() => change,
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
            };
            match change {
                Ok(Change { id, slot: Some(slot) }) => {
                    self.ready.push("provider", &detail(&id, &slot));
                }
                Ok(Change { id, slot: None }) => self.ready.push("gone", &ProviderGone { id }),
                // Too slow for each change: the present state of all will do.
                Err(broadcast::error::RecvError::Lagged(_)) => self.push_all(),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
        Some(self.ready.take())
    }
}
