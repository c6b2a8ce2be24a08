//! What callers can ask for: one file a resource.

pub(crate) mod cache;
pub(crate) mod chat;
pub(crate) mod docs;
pub(crate) mod health;
pub(crate) mod providers;
pub(crate) mod users;

use axum::response::sse::Event as SseEvent;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;

/// Who calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    /// The name of the key; none while the server has no keys.
    pub(crate) name: Option<Arc<str>>,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    /// Left by the layer that checks keys.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// An event of a stream, with a JSON body. Line ends in it are escaped by JSON, so no event can
/// forge another.
fn event(name: &'static str, body: &impl Serialize) -> SseEvent {
    SseEvent::default().event(name).data(serde_json::to_string(body).unwrap_or_default())
}
