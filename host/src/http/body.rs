//! Request bodies: how much of one is taken, and JSON out of it.

mod arriving;
mod size;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, header};

pub(crate) use self::arriving::{Arriving, Bounds};
use super::json::FromJson;
use super::places::Place;
use super::problem::Problem;
use crate::turns;

/// The bytes of a body that takes long to read: at most some 30 ms for a MiB.
const LONG_BYTES: usize = 1 << 20;

/// The JSON body of a request: an extractor that answers 415, 413, 408 or 400 where there is none.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: FromJson, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let JsonText(bytes) = JsonText::from_request(request, state).await?;
        T::from_json(&bytes).map(Self)
    }
}

/// The body of a request that is announced as JSON, not yet read as such: an extractor that answers
/// 415, 413 or 408 where there is none.
pub(crate) struct JsonText(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonText {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::not_json());
        }
        let place = request.extensions().get::<Place>().cloned();
        let place = place.ok_or_else(|| Problem::internal("a body was read without a place"))?;
        let bytes = arriving::read(request.into_body()).await?;
        place.begin_work()?;
        if !place.take_bytes(size::beyond_text(&bytes)) {
            return Err(Problem::bodies_full());
        }
        if LONG_BYTES <= bytes.len() {
            turns::begin_long().await;
        }
        Ok(Self(bytes))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    let (kind, subtype) = essence.split_once('/').unwrap_or_default();
    let suffix = subtype
        .len()
        .checked_sub("+json".len())
        .and_then(|at| subtype.get(at..))
        .unwrap_or_default();
    kind.eq_ignore_ascii_case("application")
        && (subtype.eq_ignore_ascii_case("json") || suffix.eq_ignore_ascii_case("+json"))
}
