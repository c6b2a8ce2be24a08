//! Streams of server-sent events, for every route that has one: the events as bytes, a comment
//! after a time of silence, and the headers.

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream;
use http::{HeaderName, HeaderValue, header};
use serde::Serialize;
use tokio::time::{Instant, Sleep};

use crate::turns;

/// The bytes reserved at a time for events that are ready together.
const RESERVED: usize = 1_024;
/// A comment, which clients pass over.
pub(super) const COMMENT: &[u8] = b": \n\n";

/// Events that wait to be sent.
#[derive(Debug, Default)]
pub(super) struct Events(BytesMut);

impl Events {
    /// Adds an event with a JSON body. Line ends in the body are escaped by JSON, so no event can
    /// forge another.
    pub(super) fn push(&mut self, name: &str, body: &impl Serialize) {
        self.reserve();
        self.0.extend_from_slice(b"event: ");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\n");
        self.push_data(body);
    }

    /// Adds an event without a name.
    pub(super) fn push_data(&mut self, body: &impl Serialize) {
        self.reserve();
        let out = &mut self.0;
        out.extend_from_slice(b"data: ");
        let start = out.len();
        if serde_json::to_writer(out.writer(), body).is_err() {
            out.truncate(start);
        }
        out.extend_from_slice(b"\n\n");
    }

    /// Adds an event without a name whose data is a word.
    pub(super) fn push_word(&mut self, word: &'static str) {
        self.0.extend_from_slice(b"data: ");
        self.0.extend_from_slice(word.as_bytes());
        self.0.extend_from_slice(b"\n\n");
    }

    /// Adds a whole event or comment.
    pub(super) fn push_frame(&mut self, frame: &'static [u8]) {
        self.0.extend_from_slice(frame);
    }

    fn reserve(&mut self) {
        if self.0.capacity() - self.0.len() < RESERVED / 4 {
            self.0.reserve(RESERVED);
        }
    }

    /// Returns true if nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes what waits.
    pub(super) fn take(&mut self) -> Bytes {
        self.0.split().freeze()
    }
}

/// A source of events.
pub(super) trait EventSource: Send + 'static {
    /// Waits for the next bytes of the stream; nothing after the last. Dropping the future loses no
    /// events.
    fn next(&mut self) -> impl Future<Output = Option<Bytes>> + Send;

    /// Returns what is sent after a time of silence.
    fn heartbeat(&self) -> &'static [u8] {
        COMMENT
    }
}

/// Returns the response that streams these events, with a comment after each heartbeat of silence.
pub(super) fn respond(source: impl EventSource, heartbeat: Duration) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        // Proxies that buffer would hold back what is meant to be seen at once.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    let source = Box::new(WithHeartbeat::new(source, heartbeat));
    let pieces = stream::unfold(source, |mut source| async move {
        let piece = source.next().await?;
        Some((Ok::<_, Infallible>(piece), source))
    });
    (headers, Body::from_stream(pieces)).into_response()
}

/// A stream that is never silent for longer than its heartbeat.
struct WithHeartbeat<S> {
    source: S,
    heartbeat: Duration,
    last_sent: Instant,
    /// Runs on while events come, so that none of them has to set it anew.
    timer: Pin<Box<Sleep>>,
}

impl<S: EventSource> WithHeartbeat<S> {
    fn new(source: S, heartbeat: Duration) -> Self {
        let timer = Box::pin(tokio::time::sleep(heartbeat));
        Self { source, heartbeat, last_sent: Instant::now(), timer }
    }

    async fn next(&mut self) -> Option<Bytes> {
        // Where there is always more to send, and a client that takes it.
        turns::end_if_over().await;
        loop {
            let piece = tokio::select! {
                biased;
                piece = self.source.next() => piece,
                () = &mut self.timer => {
                    let silent = self.last_sent + self.heartbeat <= Instant::now();
                    let last = if silent { Instant::now() } else { self.last_sent };
                    self.timer.as_mut().reset(last + self.heartbeat);
                    if !silent {
                        continue;
                    }
                    Some(Bytes::from_static(self.source.heartbeat()))
                }
            };
            self.last_sent = Instant::now();
            return piece;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_written_one_after_the_other() {
        let mut events = Events::default();
        events.push("delta", &"a\n\nevent: done\r");
        events.push("delta", &"x".repeat(5_000));
        let text = String::from_utf8(events.take().to_vec()).unwrap();
        let expected = "event: delta\ndata: \"a\\n\\nevent: done\\r\"\n\nevent: delta\ndata: \"x";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with("xx\"\n\n"), "{text}");
        assert!(events.is_empty());
    }

    struct Script(Vec<(u64, &'static [u8])>);

    impl EventSource for Script {
        async fn next(&mut self) -> Option<Bytes> {
            let (after, bytes) = self.0.first().copied()?;
            tokio::time::sleep(Duration::from_secs(after)).await;
            self.0.remove(0);
            Some(Bytes::from_static(bytes))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_silence_brings_a_comment() {
        let script = Script(vec![(9, b"a"), (9, b"b"), (2, b"c")]);
        let mut stream = WithHeartbeat::new(script, Duration::from_secs(10));
        let mut seen = Vec::new();
        while let Some(piece) = stream.next().await {
            seen.push(piece);
        }
        assert_eq!(seen, [&b"a"[..], b"b", b"c"]);
    }

    #[tokio::test(start_paused = true)]
    async fn each_heartbeat_of_silence_brings_one() {
        struct Silent;
        impl EventSource for Silent {
            async fn next(&mut self) -> Option<Bytes> {
                std::future::pending().await
            }
        }
        let began = Instant::now();
        let mut stream = WithHeartbeat::new(Silent, Duration::from_secs(10));
        for seconds in [10, 20, 30] {
            assert_eq!(stream.next().await.as_deref(), Some(COMMENT));
            assert_eq!(began.elapsed(), Duration::from_secs(seconds));
        }
    }
}
