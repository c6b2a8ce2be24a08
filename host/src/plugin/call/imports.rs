//! The contract's imports, by which a guest asks the host for something, each a thin step to where
//! the work is done.

use wasmtime::component::Resource;

use super::bindings::arete::provider::http;
use super::bindings::arete::provider::http::{Body, Header, HttpError, HttpRequest, SseEvent};
use super::state::CallState;
use crate::contract::generated::arete::provider::llm;
use crate::egress::framing::Event;
use crate::egress::{self, Reply, SendError};

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
}

impl http::HostReply for CallState {
    fn status(&mut self, this: Resource<Reply>) -> wasmtime::Result<u16> {
        Ok(self.reply(&this)?.status())
    }

    fn headers(&mut self, this: Resource<Reply>) -> wasmtime::Result<Vec<Header>> {
        let headers = self.reply(&this)?.headers().into_iter();
        Ok(headers.map(|egress::Header { name, value }| Header { name, value }).collect())
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
fn outgoing(request: HttpRequest) -> egress::Request {
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
        SendError::Encoded(text) | SendError::TooMany(text) => HttpError::Other(text),
    }
}

impl From<Event> for SseEvent {
    fn from(Event { name, data, id }: Event) -> Self {
        Self { name, data, id }
    }
}
