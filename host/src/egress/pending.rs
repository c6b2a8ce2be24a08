//! Requests under way beside the guest, so that it can have several at a time.

use tokio::task::{AbortHandle, JoinHandle};

use super::error::SendError;
use super::reply::Reply;
use crate::meter::Meter;
use crate::request_id;

/// A request under way. Dropping it ends the request.
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct PendingReply {
    /// Nothing once the answer has been waited for.
    answer: Option<JoinHandle<Result<Reply, SendError>>>,
    abort: AbortHandle,
    meter: Meter,
}

impl PendingReply {
    /// Begins to send. There are no more of these than handles that a guest may have.
    pub(super) fn new(
        meter: Meter,
        send: impl Future<Output = Result<Reply, SendError>> + Send + 'static,
    ) -> Self {
        let answer = match request_id::current() {
            Some(id) => tokio::spawn(request_id::within(id, send)),
            None => tokio::spawn(send),
        };
        Self { abort: answer.abort_handle(), answer: Some(answer), meter }
    }

    /// Waits for the head of the answer.
    pub(crate) async fn wait(&mut self) -> Result<Reply, SendError> {
        let Some(answer) = self.answer.take() else {
            return Err(SendError::Invalid("the answer was waited for already".into()));
        };
        let waiting = self.meter.waiting();
        let answer = answer.await;
        drop(waiting);
        let mut reply = answer
            .map_err(|_| SendError::Interrupted("the request was ended by the host".into()))??;
        reply.measure_by(self.meter.clone());
        Ok(reply)
    }
}

impl Drop for PendingReply {
    fn drop(&mut self) {
        self.abort.abort();
    }
}
