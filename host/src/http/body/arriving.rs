//! A request's body on its way in: how much of it is taken, and how long a pause in it may last.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Sleep;

use crate::http::problem::{Code, Problem};

/// Room made at once for a body of several pieces. More is made when it has come: who announces
/// much needn't send it.
const ROOM_MAX: u64 = 1024 * 1024;

/// The bounds of a request's body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The most bytes that are taken.
    pub(crate) limit: usize,
    /// The longest wait for the next piece.
    pub(crate) pause: Duration,
}

/// A body that breaks when it is too large or stops arriving.
pub(crate) struct Arriving {
    inner: Incoming,
    bounds: Bounds,
    taken: usize,
    /// Runs while a piece is waited for. Most bodies have come with their heads, and never need
    /// it.
    pause: Option<Pin<Box<Sleep>>>,
}

/// The reason why a body didn't come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// It has more than this many bytes.
    #[error("it has more than {0} bytes")]
    TooLarge(usize),
    /// The next piece didn't come in time.
    #[error("it stopped arriving")]
    Stopped,
    /// The connection failed, or what came isn't HTTP.
    #[error(transparent)]
    Off(hyper::Error),
}

impl Arriving {
    /// Bounds a body.
    pub(crate) fn new(inner: Incoming, bounds: Bounds) -> Self {
        Self { inner, bounds, taken: 0, pause: None }
    }

    fn count(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Broken> {
        self.taken = self.taken.saturating_add(frame.data_ref().map_or(0, Bytes::len));
        if self.bounds.limit < self.taken {
            Err(Broken::TooLarge(self.bounds.limit))
        } else {
            Ok(frame)
        }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let limit = self.bounds.limit;
        if u64::try_from(limit).is_ok_and(|limit| limit < self.inner.size_hint().lower()) {
            // Announced: not worth waiting for.
            return Poll::Ready(Some(Err(Broken::TooLarge(limit))));
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) {
            self.pause = None;
            return Poll::Ready(
                frame.map(|frame| frame.map_err(Broken::Off).and_then(|frame| self.count(frame))),
            );
        }
        let longest = self.bounds.pause;
        let pause = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(longest)));
        pause.as_mut().poll(context).map(|()| Some(Err(Broken::Stopped)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The whole body. Bytes that came in one piece aren't copied.
pub(super) async fn read<B>(mut body: B) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Error + 'static,
{
    let announced = usize::try_from(body.size_hint().lower().min(ROOM_MAX)).unwrap_or_default();
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|error| problem(&error))?.into_data() else { continue };
        if first.is_empty() {
            first = piece;
            continue;
        }
        if joined.is_empty() {
            joined.reserve(announced.max(first.len() + piece.len()));
            joined.extend_from_slice(&first);
        }
        joined.extend_from_slice(&piece);
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

fn problem(error: &(dyn Error + 'static)) -> Problem {
    let mut cause = Some(error);
    let broken = std::iter::from_fn(|| {
        let error = cause?;
        cause = error.source();
        Some(error.downcast_ref::<Broken>())
    });
    match broken.flatten().next() {
        Some(Broken::TooLarge(limit)) => Problem::body_too_large(*limit),
        Some(Broken::Stopped) => Problem::of_status(StatusCode::REQUEST_TIMEOUT),
        Some(Broken::Off(_)) | None => {
            Problem::new(Code::InvalidRequest, format!("the request body broke off: {error}"))
        }
    }
}
