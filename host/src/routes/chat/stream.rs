//! A streamed answer: `start`, then `delta`s, then `done`, or `error` when it breaks off.
//!
//! The status is sent with the first event, so that a failure before it is an ordinary response. After a heartbeat's
//! time of silence it is sent anyway, with a comment, and failures are events from then on.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::answer::{DeltaBody, DoneBody, StartBody};
use super::{CACHE_HEADER, SERVER_TIMING, cache_header};
use crate::app::App;
use crate::error::Problem;
use crate::llm::{Call, Event, Landing, Mode, Step, Ticket, replay};
use crate::request_log::RequestLog;
use crate::routes::event;

/// Answers with a stream.
pub(super) async fn answer(app: &App, call: Call, log: RequestLog) -> Result<Response, Problem> {
    let vendor = call.provider.info.vendor.clone();
    let ticket = app.llm.call(call, Mode::Stream);
    log.cache(ticket.state(None));
    let mut answer =
        Answer { ticket, vendor, cut: app.cut.subscribe(), log, ready: VecDeque::new(), begun: false, over: false };

    match tokio::time::timeout(app.heartbeat, answer.advance()).await {
        Ok(Some(Ended::Failed(problem))) => {
            let (name, value) = cache_header(answer.log.cache_state());
            return Err(problem.header(name, value));
        }
        Ok(None | Some(Ended::Done)) => {}
        Err(_) => answer.ready.push_back(SseEvent::default().comment("")),
    }
    let cache = answer.log.cache_state();
    answer.log.streaming();
    // Until here: the rest of the time is still to come, and the log tells it.
    let timing = super::server_timing(None, &answer.log);
    let keep_alive = KeepAlive::new().interval(app.heartbeat);
    let events = stream::unfold(answer, |mut answer| async move {
        let event = answer.next().await?;
        Some((Ok::<_, Infallible>(event), answer))
    });
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    response.headers_mut().insert(CACHE_HEADER, cache_header(cache).1);
    response.headers_mut().insert(SERVER_TIMING, timing);
    // Proxies that buffer would hold back what is meant to be seen at once.
    response.headers_mut().insert("x-accel-buffering", http::HeaderValue::from_static("no"));
    Ok(response)
}

/// A stream on its way to a client. Dropping it leaves the call.
struct Answer {
    ticket: Ticket,
    vendor: String,
    /// Says when the server can wait no longer.
    cut: tokio::sync::watch::Receiver<bool>,
    log: RequestLog,
    /// Events to be sent.
    ready: VecDeque<SseEvent>,
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
    /// The next event; nothing after the last.
    async fn next(&mut self) -> Option<SseEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            if let Some(Ended::Failed(problem)) = self.advance().await {
                self.log.failed(&problem);
                let body = problem.body(Some(self.log.id().to_owned()));
                self.ready.push_back(event("error", &body));
            }
        }
    }

    /// Waits until there is something to send, or the end.
    async fn advance(&mut self) -> Option<Ended> {
        while self.ready.is_empty() && !self.over {
            let step = tokio::select! {
                step = self.ticket.next() => step,
                _ = self.cut.wait_for(|cut| *cut) => {
                    self.over = true;
                    return Some(Ended::Failed(Problem::stopping()));
                }
            };
            match step {
                Step::Events(events) => self.tell(&events, false),
                Step::Landed(landing) => return Some(self.land(&landing)),
            }
        }
        None
    }

    fn land(&mut self, landing: &Landing) -> Ended {
        self.over = true;
        self.log.landed(landing, self.ticket.state(Some(landing)));
        match &landing.result {
            Ok(completion) => {
                if !self.begun {
                    let events: Vec<_> = replay(completion).into_iter().map(Arc::new).collect();
                    self.tell(&events, landing.cached);
                }
                self.ready.push_back(event("done", &DoneBody::new(completion)));
                Ended::Done
            }
            Err(error) => Ended::Failed(Problem::from(error)),
        }
    }

    fn tell(&mut self, events: &[Arc<Event>], cached: bool) {
        for said in events {
            if let Event::Start(start) = &**said {
                self.begun = true;
                self.ready.push_back(event("start", &StartBody::new(start, &self.vendor, cached)));
            } else if let Some(delta) = DeltaBody::new(said) {
                self.ready.push_back(event("delta", &delta));
            }
        }
    }
}
