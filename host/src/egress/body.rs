//! The body of a vendor's answer, on its way in.
//!
//! A streamed answer is many small pieces, and hyper hands them over one at a time, each time
//! waking whoever waits. So that the guest is woken once for all that came together, a small task
//! takes them first. It looks a bounded way ahead, and ends with the answer it reads for.

use bytes::Bytes;
use futures_util::FutureExt;
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// Pieces at the beginning that aren't gathered: somebody waits for the first word.
const PROMPT: usize = 4;
/// Pieces that are taken at once, and groups of them that wait to be read.
const PIECES_MAX: usize = 64;
const GROUPS_MAX: usize = 2;

/// Pieces that came together.
pub(super) type Pieces = Vec<Bytes>;

/// A body whose pieces are yet to come.
pub(super) struct Body {
    incoming: Option<Incoming>,
    /// Reads it instead, once it is read as a stream.
    pump: Option<Pump>,
}

impl Body {
    pub(super) fn new(incoming: Incoming) -> Self {
        Self { incoming: Some(incoming), pump: None }
    }

    /// From now on pieces that come together are given out together.
    pub(super) fn stream(&mut self) {
        if let Some(incoming) = self.incoming.take() {
            self.pump = Some(Pump::start(incoming));
        }
    }

    /// Waits for more; no pieces are the end.
    pub(super) async fn more(&mut self) -> hyper::Result<Pieces> {
        match (&mut self.pump, &mut self.incoming) {
            (Some(pump), _) => pump.groups.recv().await.unwrap_or(Ok(vec![])),
            (None, Some(incoming)) => Ok(piece(incoming).await?.into_iter().collect()),
            (None, None) => Ok(vec![]),
        }
    }
}

/// The task that reads a body. Dropping it ends the task, and the connection if the body isn't at
/// its end.
struct Pump {
    groups: mpsc::Receiver<hyper::Result<Pieces>>,
    task: AbortHandle,
}

impl Pump {
    fn start(body: Incoming) -> Self {
        let (sender, groups) = mpsc::channel(GROUPS_MAX);
        // One for each answer that is streamed, of which there are no more than calls at once.
        Self { groups, task: tokio::spawn(read(body, sender)).abort_handle() }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads a body to its end, or until nobody wants more of it.
async fn read(mut body: Incoming, groups: mpsc::Sender<hyper::Result<Pieces>>) {
    for sent in 0.. {
        let most = if sent < PROMPT { 1 } else { PIECES_MAX };
        let mut pieces = Pieces::new();
        let mut next = Some(piece(&mut body).await);
        while let Some(Ok(Some(piece))) = next {
            pieces.push(piece);
            next = if pieces.len() < most { at_hand(&mut body).await } else { None };
        }
        if !pieces.is_empty() && groups.send(Ok(pieces)).await.is_err() {
            return;
        }
        match next {
            None | Some(Ok(Some(_))) => {}
            // The end: that there are no more groups tells it.
            Some(Ok(None)) => return,
            Some(Err(error)) => {
                // An error: that nobody waits any more.
                let _ = groups.send(Err(error)).await;
                return;
            }
        }
    }
}

/// Returns a piece that is right behind the last one. A connection hands over a piece once the one
/// before is taken, and needs a turn for that.
async fn at_hand(body: &mut Incoming) -> Option<hyper::Result<Option<Bytes>>> {
    tokio::task::yield_now().await;
    piece(body).now_or_never()
}

/// The next bytes of a body; nothing at its end. Trailers are passed over.
async fn piece(body: &mut Incoming) -> hyper::Result<Option<Bytes>> {
    loop {
        match body.frame().await.transpose()?.map(Frame::into_data) {
            Some(Ok(data)) => return Ok(Some(data)),
            Some(Err(_)) => {}
            None => return Ok(None),
        }
    }
}
