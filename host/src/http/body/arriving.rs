//! A request's body on its way in: how much of it is taken, how long it and a pause in it may
//! last, and what all bodies together may take.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use crate::http::places::{self, Place};
use crate::http::problem::{Code, Problem};

/// Room made at once for a body of several pieces. More is made when it has come: who announces
/// much needn't send it.
const ROOM_MAX: u64 = 1024 * 1024;
/// The time for which a body waits for memory that others have, and in which one has to come that
/// there is no place to wait for.
const CROWDED_MAX: Duration = Duration::from_secs(1);
/// The time in which one has to come that may not even wait so long: many clients send a head and
/// its body in two packets.
const SECOND_PACKET: Duration = Duration::from_millis(50);
/// The time after which it looks again.
const CROWDED_LOOK: Duration = Duration::from_millis(20);

/// The bounds of a request's body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The most bytes that are taken.
    pub(crate) limit: usize,
    /// The longest wait for the next piece.
    pub(crate) pause: Duration,
    /// The time in which all of it has to come.
    pub(crate) whole: Duration,
}

/// A body that breaks when it is too large, stops arriving, or finds no memory left by others.
pub(crate) struct Arriving<B = Incoming> {
    inner: B,
    bounds: Bounds,
    place: Place,
    taken: usize,
    began: Instant,
    /// True once there was memory for as much as is announced.
    admitted: bool,
    /// True once it has a place to be waited for.
    waits: bool,
    /// The moment until which it has to come if there is no such place.
    hurried: Option<Instant>,
    /// A piece for which there is no memory yet.
    held: Option<Frame<Bytes>>,
    /// The moment until which memory is waited for.
    crowded: Option<Instant>,
    /// Runs while something is waited for. Most bodies have come with their heads, and never need
    /// it.
    timer: Option<Pin<Box<Sleep>>>,
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
    /// It didn't come in the time that a whole body has.
    #[error("it took longer than {0:?}")]
    Slow(Duration),
    /// As many bodies are waited for as may be.
    #[error("there is no place to wait for it")]
    Unplaced,
    /// The bodies of others leave no memory for it.
    #[error("there is no memory for it")]
    Crowded,
    /// The connection failed, or what came isn't HTTP.
    #[error(transparent)]
    Off(Box<dyn Error + Send + Sync>),
}

impl<B> Arriving<B> {
    /// Bounds a body, whose memory is taken in this place.
    pub(crate) fn new(inner: B, bounds: Bounds, place: Place) -> Self {
        Self {
            inner,
            bounds,
            place,
            taken: 0,
            began: Instant::now(),
            admitted: false,
            waits: false,
            hurried: None,
            held: None,
            crowded: None,
            timer: None,
        }
    }

    fn count(&mut self, frame: &Frame<Bytes>) -> Result<(), Broken> {
        self.taken = self.taken.saturating_add(frame.data_ref().map_or(0, Bytes::len));
        let limit = self.bounds.limit;
        if limit < self.taken { Err(Broken::TooLarge(limit)) } else { Ok(()) }
    }

    /// Waits until `has_room` says that there is room, for a moment.
    fn poll_room(
        &mut self,
        context: &mut Context<'_>,
        has_room: impl Fn(&Place) -> bool,
    ) -> Poll<Result<(), Broken>> {
        loop {
            if has_room(&self.place) {
                (self.crowded, self.timer) = (None, None);
                return Poll::Ready(Ok(()));
            }
            let now = Instant::now();
            if *self.crowded.get_or_insert(now + CROWDED_MAX) <= now {
                return Poll::Ready(Err(Broken::Crowded));
            }
            ready!(self.poll_timer(context, now + CROWDED_LOOK));
        }
    }

    /// Waits until the next piece should have come.
    fn poll_pause(&mut self, context: &mut Context<'_>) -> Poll<Broken> {
        loop {
            let now = Instant::now();
            if !self.waits && self.place.wait_for_body() {
                (self.waits, self.hurried, self.timer) = (true, None, None);
            }
            if !self.waits {
                let place = &self.place;
                let hurried = *self.hurried.get_or_insert_with(|| {
                    now + if place.hurry_body() { CROWDED_MAX } else { SECOND_PACKET }
                });
                if hurried <= now {
                    return Poll::Ready(Broken::Unplaced);
                }
            }
            let end = self.began + self.bounds.whole;
            let next = end.min(now + self.bounds.pause);
            ready!(
                self.poll_timer(context, self.hurried.map_or(next, |hurried| hurried.min(next)))
            );
            if end <= Instant::now() {
                return Poll::Ready(Broken::Slow(self.bounds.whole));
            }
            if self.waits {
                return Poll::Ready(Broken::Stopped);
            }
        }
    }

    /// Waits until this moment. The first moment that is given counts until it has passed.
    fn poll_timer(&mut self, context: &mut Context<'_>, until: Instant) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        ready!(timer.as_mut().poll(context));
        self.timer = None;
        Poll::Ready(())
    }
}

impl<B> Arriving<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Error + Send + Sync + 'static,
{
    /// Waits for the next piece, and for memory for it.
    fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if !self.admitted {
            // Announced: not worth waiting for, or not yet.
            let announced = self.inner.size_hint().lower();
            let limit = self.bounds.limit;
            if limit as u64 <= announced.saturating_sub(1) {
                return Poll::Ready(Some(Err(Broken::TooLarge(limit))));
            }
            ready!(self.poll_room(context, |place| place.has_bytes(announced)))?;
            self.admitted = true;
        }
        if self.held.is_none() {
            let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) else {
                return self.poll_pause(context).map(|broken| Some(Err(broken)));
            };
            self.timer = None;
            let Some(frame) = frame else { return Poll::Ready(None) };
            let frame = frame.map_err(|error| Broken::Off(error.into()))?;
            self.count(&frame)?;
            self.held = Some(frame);
        }
        let bytes = self.held.as_ref().and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
        ready!(self.poll_room(context, |place| place.take_bytes(bytes)))?;
        Poll::Ready(self.held.take().map(Ok))
    }
}

impl<B> Body for Arriving<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Error + Send + Sync + 'static,
{
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.poll_piece(context)
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none() && self.inner.is_end_stream()
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
        Some(Broken::Stopped) => Problem::body_stopped(),
        Some(Broken::Slow(allowed)) => Problem::body_slow(*allowed),
        Some(Broken::Unplaced) => places::too_many_bodies(),
        Some(Broken::Crowded) => Problem::bodies_full(),
        Some(Broken::Off(_)) | None => {
            Problem::new(Code::InvalidRequest, format!("the request body broke off: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::StreamBody;

    use super::*;
    use crate::config::{Config, Machine, Vars};
    use crate::http::auth::Caller;
    use crate::http::places::Places;

    const BOUNDS: Bounds =
        Bounds { limit: 1_000, pause: Duration::from_secs(30), whole: Duration::from_secs(60) };

    fn places() -> Places {
        let vars =
            [("HTTP_BODY_LIMIT", "1024"), ("HTTP_BODY_MEMORY", "1400"), ("HTTP_MAX_BODIES", "1")];
        let config = Config::parse(&Vars::from(vars), &Machine::of_this_process()).unwrap();
        Places::new(&config.server)
    }

    fn place(places: &Places, name: &str) -> Place {
        places.enter(&Caller { name: Some(name.into()) }, true).unwrap()
    }

    /// A body of pieces of 100 bytes, each after so many seconds.
    fn pieces(
        place: Place,
        number: usize,
        seconds: u64,
    ) -> Arriving<impl Body<Data = Bytes, Error = std::io::Error> + Unpin> {
        let pieces = stream::unfold(0, move |at| async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            let piece = Frame::data(Bytes::from(vec![b'x'; 100]));
            (at < number).then_some((Ok(piece), at + 1))
        });
        Arriving::new(StreamBody::new(Box::pin(pieces)), BOUNDS, place)
    }

    async fn code(
        body: Arriving<impl Body<Data = Bytes, Error = std::io::Error> + Unpin>,
    ) -> Result<usize, Code> {
        read(body).await.map(|bytes| bytes.len()).map_err(|problem| problem.code())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_has_a_time_for_each_pause_and_for_all_of_it() {
        let places = places();
        let place = || place(&places, "a");
        assert_eq!(code(pieces(place(), 5, 1)).await, Ok(500));
        assert_eq!(code(pieces(place(), 5, 31)).await, Err(Code::RequestTimeout));
        let slow = read(pieces(place(), 5, 13)).await.unwrap_err();
        assert!(slow.log_text().contains("HTTP_BODY_TIMEOUT"), "{slow:?}");
        assert_eq!(code(pieces(place(), 11, 0)).await, Err(Code::BodyTooLarge));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_finds_no_memory_waits_a_moment_for_it() {
        let places = places();
        let (first, second) = (place(&places, "a"), place(&places, "b"));
        assert!(first.take_bytes(1_000));
        assert_eq!(code(pieces(second.clone(), 4, 0)).await, Err(Code::Overloaded));
        drop(second);
        let second = place(&places, "b");
        let waits = async {
            tokio::time::sleep(CROWDED_MAX / 2).await;
            drop(first);
        };
        let (read, ()) = tokio::join!(code(pieces(second, 4, 0)), waits);
        assert_eq!(read, Ok(400));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_there_is_no_place_to_wait_for_has_a_second_to_come() {
        let places = places();
        let slow = place(&places, "a");
        assert!(slow.wait_for_body());
        assert_eq!(code(pieces(place(&places, "b"), 5, 0)).await, Ok(500));
        let refused = read(pieces(place(&places, "b"), 5, 2)).await.unwrap_err();
        assert!(refused.log_text().contains("HTTP_MAX_BODIES"), "{refused:?}");
        drop(slow);
        assert_eq!(code(pieces(place(&places, "b"), 5, 2)).await, Ok(500));
    }
}
