//! A completion as a stream, for every door: what comes when is decided here, the words are the
//! door's.
//!
//! The status is sent with the first event, so that a failure before it is an ordinary response.
//! After a heartbeat of silence it is sent anyway, with the door's heartbeat, and failures are
//! events from then on.

use axum::response::Response;
use bytes::Bytes;
use tokio::sync::watch;

use super::sse::{self, COMMENT, EventSource, Events};
use crate::app::App;
use crate::chat::{Call, Mode, Outcome, PendingCall, Progress, replay};
use crate::contract::{Completion, Event, Start};
use crate::http::problem::Problem;
use crate::observe::Record;
use crate::plugin::CallError;

/// A door's words for the events of a stream.
pub(super) trait Renderer: Send + 'static {
    /// Writes the beginning.
    fn start(&mut self, start: &Start, cached: bool, out: &mut Events);

    /// Writes an event between start and end, if callers see anything of it.
    fn event(&mut self, event: &Event, out: &mut Events);

    /// Writes the end of a whole completion.
    fn done(&mut self, completion: &Completion, out: &mut Events);

    /// Writes the end of a stream that failed.
    fn error(&mut self, problem: &Problem, request_id: &str, out: &mut Events);

    /// Returns what is sent after a time of silence.
    fn heartbeat(&self) -> &'static [u8] {
        COMMENT
    }

    /// Returns the problem of a call that failed.
    fn failure(&self, error: &CallError) -> Problem {
        Problem::from(error)
    }
}

/// Begins a streamed completion, and returns its response once there is an event or a heartbeat has
/// passed.
///
/// # Errors
/// The failure of a call that failed before its first event.
pub(super) async fn respond<R: Renderer>(
    app: &App,
    call: Call,
    renderer: R,
    record: Record,
) -> Result<Response, Problem> {
    let pending = app.chat.begin(call, Mode::Stream);
    record.cache(pending.cache_state());
    let mut stream = CompletionStream {
        pending,
        renderer,
        cut: app.stop.cutting(),
        record,
        ready: Events::default(),
        started: false,
        finished: false,
    };
    match tokio::time::timeout(app.heartbeat, stream.advance()).await {
        Ok(Some(Ended::Failed(problem))) => return Err(problem),
        Ok(None | Some(Ended::Done)) => {}
        Err(_) => stream.ready.push_frame(stream.renderer.heartbeat()),
    }
    stream.record.streaming();
    Ok(sse::respond(stream, app.heartbeat))
}

/// A streamed completion on its way to a client. Dropping it leaves the call.
struct CompletionStream<R> {
    pending: PendingCall,
    renderer: R,
    /// True once the server can wait no longer.
    cut: watch::Receiver<bool>,
    record: Record,
    ready: Events,
    /// True once the client has the start.
    started: bool,
    /// True once nothing comes after what is ready.
    finished: bool,
}

/// The end of a stream.
enum Ended {
    /// A whole completion; its last events are ready.
    Done,
    /// A failure, before the client has anything or in the middle.
    Failed(Problem),
}

impl<R: Renderer> EventSource for CompletionStream<R> {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(Ended::Failed(problem)) = self.advance().await {
            self.record.failed(problem.code().name(), problem.log_text());
            let id = self.record.id().clone();
            self.renderer.error(&problem, &id, &mut self.ready);
        }
        (!self.ready.is_empty()).then(|| self.ready.take())
    }

    fn heartbeat(&self) -> &'static [u8] {
        self.renderer.heartbeat()
    }
}

impl<R: Renderer> CompletionStream<R> {
    /// Waits until there is something to send, or the end.
    async fn advance(&mut self) -> Option<Ended> {
        while self.ready.is_empty() && !self.finished {
            // Looked at also while there is always more to send.
            let progress = if *self.cut.borrow() { None } else { self.progress().await };
            match progress {
                Some(Progress::Events(events)) => {
                    for event in events {
                        self.push(&event, false);
                    }
                }
                Some(Progress::Done(outcome)) => return Some(self.complete(&outcome)),
                None => {
                    self.finished = true;
                    return Some(Ended::Failed(Problem::stopping()));
                }
            }
        }
        None
    }

    /// Waits for news of the call; nothing when the server can't wait for it.
    async fn progress(&mut self) -> Option<Progress> {
        tokio::select! {
            biased;
            progress = self.pending.progress() => Some(progress),
            _ = self.cut.wait_for(|cut| *cut) => None,
        }
    }

    fn complete(&mut self, outcome: &Outcome) -> Ended {
        self.finished = true;
        self.record.done(outcome, self.pending.cache_state());
        match &outcome.result {
            Ok(completion) => {
                if !self.started {
                    for event in replay(completion) {
                        self.push(&event, outcome.cached);
                    }
                }
                self.renderer.done(completion, &mut self.ready);
                Ended::Done
            }
            Err(error) => Ended::Failed(self.renderer.failure(error)),
        }
    }

    fn push(&mut self, event: &Event, cached: bool) {
        if let Event::Start(start) = event {
            self.started = true;
            self.renderer.start(start, cached, &mut self.ready);
        } else {
            self.renderer.event(event, &mut self.ready);
        }
    }
}
