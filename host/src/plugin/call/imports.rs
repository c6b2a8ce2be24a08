//! The contract's imports, by which a guest asks the host for something, each a thin step to where
//! the work is done.

use std::time::Duration;

use tokio::time::Instant;
use wasmtime::component::Resource;

use super::bindings::arete::provider::http::{
    BinaryMessage, Body, Header, HttpError, HttpRequest, Refusal, SseEvent, WholeReply,
};
use super::bindings::arete::provider::{call, config, http};
use super::context;
use super::refusal;
use super::state::CallState;
use crate::contract::WishList;
use crate::contract::generated::arete::provider::{llm, wishes};
use crate::egress::framing::Event;
use crate::egress::{self, Message, PendingReply, Reply, SendError};

impl llm::Host for CallState {}

impl http::Host for CallState {
    async fn send(
        &mut self,
        request: HttpRequest,
    ) -> wasmtime::Result<Result<Resource<Reply>, HttpError>> {
        let request = outgoing(request);
        match self.egress.send(request).await {
            Ok(reply) => Ok(Ok(self.keep_reply(reply)?)),
            Err(error) => Ok(Err(told(error))),
        }
    }

    async fn fetch(
        &mut self,
        request: HttpRequest,
    ) -> wasmtime::Result<Result<WholeReply, HttpError>> {
        let request = outgoing(request);
        let whole = async {
            let mut reply = self.egress.send(request).await?;
            let (status, headers) = (reply.status(), incoming(reply.headers()));
            Ok(WholeReply { status, headers, text: reply.text().await? })
        };
        Ok(whole.await.map_err(told))
    }

    fn begin(&mut self, request: HttpRequest) -> wasmtime::Result<Resource<PendingReply>> {
        let pending = self.egress.begin(outgoing(request));
        Ok(self.keep_pending(pending)?)
    }
}

impl http::HostPendingReply for CallState {
    async fn wait(
        &mut self,
        this: Resource<PendingReply>,
    ) -> wasmtime::Result<Result<Resource<Reply>, HttpError>> {
        match self.pending(&this)?.wait().await {
            Ok(reply) => Ok(Ok(self.keep_reply(reply)?)),
            Err(error) => Ok(Err(told(error))),
        }
    }

    fn drop(&mut self, this: Resource<PendingReply>) -> wasmtime::Result<()> {
        Ok(self.drop_pending(this)?)
    }
}

impl config::Host for CallState {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        Ok(self.setting(&key).cloned())
    }

    fn all(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.settings())
    }
}

impl call::Host for CallState {
    fn id(&mut self) -> wasmtime::Result<String> {
        let id = self.context.id;
        Ok(if id == 0 { String::new() } else { format!("{id:032x}") })
    }

    fn attempt(&mut self) -> wasmtime::Result<u32> {
        Ok(self.context.attempt)
    }

    fn time_left_ms(&mut self) -> wasmtime::Result<Option<u32>> {
        let left = |at: Instant| at.saturating_duration_since(Instant::now());
        let milliseconds = |left: Duration| u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
        Ok(self.context.deadline.map(left).map(milliseconds))
    }

    fn user(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.context.caller.as_deref().map(context::hashed))
    }

    fn headers(&mut self) -> wasmtime::Result<Vec<Header>> {
        let dialect = self.context.dialect.as_ref();
        Ok(dialect.map(|dialect| dialect.headers.clone()).unwrap_or_default())
    }

    fn query(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.context.dialect.as_ref().and_then(|dialect| dialect.query.clone()))
    }
}

impl wishes::Host for CallState {
    fn get(&mut self) -> WishList {
        (*self.context.wishes).clone()
    }
}

impl http::HostReply for CallState {
    fn status(&mut self, this: Resource<Reply>) -> wasmtime::Result<u16> {
        Ok(self.reply(&this)?.status())
    }

    fn headers(&mut self, this: Resource<Reply>) -> wasmtime::Result<Vec<Header>> {
        Ok(incoming(self.reply(&this)?.headers()))
    }

    fn find_header(
        &mut self,
        this: Resource<Reply>,
        name: String,
    ) -> wasmtime::Result<Option<String>> {
        Ok(self.reply(&this)?.header(&name))
    }

    async fn read_text(
        &mut self,
        this: Resource<Reply>,
    ) -> wasmtime::Result<Result<String, HttpError>> {
        self.read_from(&this, Reply::text).await
    }

    async fn read_bytes(
        &mut self,
        this: Resource<Reply>,
    ) -> wasmtime::Result<Result<Vec<u8>, HttpError>> {
        self.read_from(&this, Reply::bytes).await
    }

    async fn read(
        &mut self,
        this: Resource<Reply>,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, HttpError>> {
        self.read_from(&this, async |reply| reply.read(max).await).await
    }

    async fn next_event(
        &mut self,
        this: Resource<Reply>,
    ) -> wasmtime::Result<Result<Option<SseEvent>, HttpError>> {
        let event = self.read_from(&this, Reply::next_event).await?;
        Ok(event.map(|event| event.map(SseEvent::from)))
    }

    async fn next_events(
        &mut self,
        this: Resource<Reply>,
    ) -> wasmtime::Result<Result<Vec<SseEvent>, HttpError>> {
        let events = self.read_from(&this, Reply::next_events).await?;
        Ok(events.map(|events| events.into_iter().map(SseEvent::from).collect()))
    }

    async fn next_line(
        &mut self,
        this: Resource<Reply>,
    ) -> wasmtime::Result<Result<Option<String>, HttpError>> {
        self.read_from(&this, Reply::next_line).await
    }

    async fn read_exact(
        &mut self,
        this: Resource<Reply>,
        count: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, HttpError>> {
        self.read_from(&this, async |reply| reply.read_exact(count).await).await
    }

    async fn next_message(
        &mut self,
        this: Resource<Reply>,
    ) -> wasmtime::Result<Result<Option<BinaryMessage>, HttpError>> {
        let message = self.read_from(&this, Reply::next_message).await?;
        Ok(message.map(|message| message.map(BinaryMessage::from)))
    }

    fn classify(&mut self, this: Resource<Reply>) -> wasmtime::Result<Refusal> {
        Ok(refusal::classify(self.reply(&this)?))
    }

    fn drop(&mut self, this: Resource<Reply>) -> wasmtime::Result<()> {
        Ok(self.drop_reply(this)?)
    }
}

impl CallState {
    /// Reads from a reply that the guest holds, while the guest waits.
    async fn read_from<T>(
        &mut self,
        this: &Resource<Reply>,
        read: impl AsyncFnOnce(&mut Reply) -> Result<T, SendError>,
    ) -> wasmtime::Result<Result<T, HttpError>> {
        Ok(read(self.reply(this)?).await.map_err(told))
    }
}

/// Returns the guest's request as egress takes it.
pub(super) fn outgoing(request: HttpRequest) -> egress::Request {
    let HttpRequest { method, url, headers, body } = request;
    let headers = headers.into_iter().map(|Header { name, value }| egress::Header { name, value });
    egress::Request {
        method,
        url,
        headers: headers.collect(),
        body: match body {
            Some(Body::Text(text)) => text.into(),
            Some(Body::Bytes(bytes)) => bytes.into(),
            None => bytes::Bytes::new(),
        },
    }
}

/// Returns the headers of an answer as the contract has them.
fn incoming(headers: Vec<egress::Header>) -> Vec<Header> {
    headers.into_iter().map(Header::from).collect()
}

/// Returns a failure as the contract words it for the guest.
fn told(error: SendError) -> HttpError {
    match error {
        SendError::Denied(text) => HttpError::Denied(text),
        SendError::Invalid(text) => HttpError::Invalid(text),
        SendError::Connection(text) => HttpError::Connection(text),
        SendError::Timeout(text) => HttpError::Timeout(text),
        SendError::Interrupted(text) => HttpError::Interrupted(text),
        SendError::TooLarge(text) => HttpError::TooLarge(text),
        SendError::NotText(text) => HttpError::NotText(text),
        SendError::Credential(text) | SendError::Encoded(text) | SendError::TooMany(text) => {
            HttpError::Other(text)
        }
    }
}

impl From<egress::Header> for Header {
    fn from(egress::Header { name, value }: egress::Header) -> Self {
        Self { name, value }
    }
}

impl From<Message> for BinaryMessage {
    fn from(Message { headers, payload }: Message) -> Self {
        Self { headers: incoming(headers), payload }
    }
}

impl From<Event> for SseEvent {
    fn from(Event { name, data, id }: Event) -> Self {
        Self { name, data, id }
    }
}
