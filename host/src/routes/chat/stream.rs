//! A streamed answer: `start`, then `delta`s, then `done`, or `error` when it breaks off.
//!
//! The status is sent with the first event, so that a failure before it is an ordinary response.
//! After a heartbeat's time of silence it is sent anyway, with a comment, and failures are events
//! from then on.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream;
use http::{HeaderName, HeaderValue, header};
use serde::Serialize;
use tokio::time::{Instant, Sleep};

use super::answer::{DeltaBody, DoneBody, StartBody};
use super::{SERVER_TIMING, cache_header};
use crate::app::App;
use crate::chat::{Call, Mode, Outcome, PendingCall, Progress, replay};
use crate::contract::Event;
use crate::error::Problem;
use crate::request_log::RequestLog;

/// Room for the events that are ready at once.
const ROOM: usize = 1_024;

/// Answers with a stream.
pub(super) async fn answer(app: &App, call: Call, log: RequestLog) -> Result<Response, Problem> {
    let vendor = call.provider.info.vendor.clone();
    let pending = app.chat.begin(call, Mode::Stream);
    log.cache(pending.cache_state());
    let mut answer = Answer {
        pending,
        vendor,
        cut: app.cut.subscribe(),
        log,
        ready: BytesMut::new(),
        begun: false,
        over: false,
    };

    match tokio::time::timeout(app.heartbeat, answer.advance()).await {
        Ok(Some(Ended::Failed(problem))) => {
            let (name, value) = cache_header(answer.log.cache_state());
            return Err(problem.header(name, value));
        }
        Ok(None | Some(Ended::Done)) => {}
        Err(_) => answer.ready.extend_from_slice(b": \n\n"),
    }
    let cache = answer.log.cache_state();
    answer.log.streaming();
    // Until here: the rest of the time is still to come, and the log tells it.
    let timing = super::server_timing(None, &answer.log);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        cache_header(cache),
        (SERVER_TIMING, timing),
        // Proxies that buffer would hold back what is meant to be seen at once.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    let alive = Alive::new(answer, app.heartbeat);
    let pieces = stream::unfold(Box::new(alive), |mut alive| async move {
        let piece = alive.next().await?;
        Some((Ok::<_, Infallible>(piece), alive))
    });
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// A stream that is never silent for long.
struct Alive {
    answer: Answer,
    heartbeat: Duration,
    /// When something was last sent.
    said: Instant,
    /// When to look whether it was too long ago. Runs on while events come, so that none of them
    /// has to set it anew.
    look: Pin<Box<Sleep>>,
}

impl Alive {
    fn new(answer: Answer, heartbeat: Duration) -> Self {
        Self {
            answer,
            heartbeat,
            said: Instant::now(),
            look: Box::pin(tokio::time::sleep(heartbeat)),
        }
    }

    /// All that is to be sent by now; nothing after the last.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let piece = tokio::select! {
                biased;
                piece = self.answer.next() => piece,
                () = &mut self.look => {
                    let late = self.said + self.heartbeat <= Instant::now();
                    let said = if late { Instant::now() } else { self.said };
                    self.look.as_mut().reset(said + self.heartbeat);
                    if !late {
                        continue;
                    }
                    Some(Bytes::from_static(b":\n\n"))
                }
            };
            self.said = Instant::now();
            return piece;
        }
    }
}

/// A stream on its way to a client. Dropping it leaves the call.
struct Answer {
    pending: PendingCall,
    vendor: String,
    /// Says when the server can wait no longer.
    cut: tokio::sync::watch::Receiver<bool>,
    log: RequestLog,
    /// Events to be sent.
    ready: BytesMut,
    /// The client was told the start.
    begun: bool,
    /// Nothing comes after what is ready.
    over: bool,
}

/// How a stream ended.
enum Ended {
    /// As it should; its last events are ready.
    Done,
    /// Before the client heard anything, or in the middle.
    Failed(Problem),
}

impl Answer {
    /// The next events; nothing after the last.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(Ended::Failed(problem)) = self.advance().await {
            self.log.failed(&problem);
            let body = problem.body(Some(self.log.id().to_string()));
            self.say("error", &body);
        }
        (!self.ready.is_empty()).then(|| self.ready.split().freeze())
    }

    /// Waits until there is something to send, or the end.
    async fn advance(&mut self) -> Option<Ended> {
        while self.ready.is_empty() && !self.over {
            // Looked at also while there is always more to send.
            let step = if *self.cut.borrow() { None } else { self.step().await };
            match step {
                Some(Progress::Events(events)) => self.tell(&events, false),
                Some(Progress::Done(outcome)) => return Some(self.done(&outcome)),
                None => {
                    self.over = true;
                    return Some(Ended::Failed(Problem::stopping()));
                }
            }
        }
        None
    }

    /// What is new; nothing when the server can't wait for it.
    async fn step(&mut self) -> Option<Progress> {
        tokio::select! {
            biased;
            step = self.pending.progress() => Some(step),
            _ = self.cut.wait_for(|cut| *cut) => None,
        }
    }

    fn done(&mut self, outcome: &Outcome) -> Ended {
        self.over = true;
        self.log.done(outcome, self.pending.cache_state());
        match &outcome.result {
            Ok(completion) => {
                if !self.begun {
                    let events: Vec<_> = replay(completion).into_iter().map(Arc::new).collect();
                    self.tell(&events, outcome.cached);
                }
                self.say("done", &DoneBody::new(completion));
                Ended::Done
            }
            Err(error) => Ended::Failed(Problem::from(error)),
        }
    }

    fn tell(&mut self, events: &[Arc<Event>], cached: bool) {
        for said in events {
            if let Event::Start(start) = &**said {
                self.begun = true;
                write_event(&mut self.ready, "start", &StartBody::new(start, &self.vendor, cached));
            } else if let Some(delta) = DeltaBody::new(said) {
                self.say("delta", &delta);
            }
        }
    }

    fn say(&mut self, name: &str, body: &impl Serialize) {
        write_event(&mut self.ready, name, body);
    }
}

/// Line ends in the body are escaped by JSON, so no event can forge another.
fn write_event(out: &mut BytesMut, name: &str, body: &impl Serialize) {
    if out.capacity() - out.len() < ROOM / 4 {
        out.reserve(ROOM);
    }
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    let start = out.len();
    if serde_json::to_writer(out.writer(), body).is_err() {
        out.truncate(start);
    }
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_written_one_after_the_other() {
        let mut out = BytesMut::new();
        write_event(&mut out, "delta", &DeltaBody::Text("a\n\nevent: done\r"));
        write_event(&mut out, "delta", &DeltaBody::Text(&"x".repeat(5_000)));
        let text = String::from_utf8(out.to_vec()).unwrap();
        let expected = r#"event: delta
data: {"text":"a\n\nevent: done\r"}

event: delta
data: {"text":"x"#;
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with("xx\"}\n\n"), "{text}");
    }
}
