//! One provider's connections: HTTP/1.1, or HTTP/2 where TLS agrees on it. This is hyper's own
//! client, which knows no cookies, redirects, proxies and compression, so none of them has to be
//! turned off, or costs anything.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Error};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tower::ServiceExt;
use tower::util::MapResponse;
use tower_service::Service;

use super::EgressLimits;
use super::connection::VendorConnection;
use super::descriptors::OwnDescriptors;
use super::resolve::Resolver;
use super::stream::VendorStream;

/// The time for which an unused connection is kept. Less than the minute after which servers and
/// balancers commonly close theirs.
const KEEP_IDLE: Duration = Duration::from_secs(50);
/// The silence on a connection before the system asks whether the other side is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The roots of trust, sessions and descriptors of one provider's connections.
pub(super) struct OwnTls {
    pub(super) config: ClientConfig,
    pub(super) descriptors: Arc<OwnDescriptors>,
    /// The origins that the client is for.
    pub(super) origins: usize,
}

/// A client whose connections are bounded by the provider's places for calls.
pub(super) struct Client(legacy::Client<Connector, Full<Bytes>>);

impl Client {
    pub(super) fn new(tls: OwnTls, resolver: Resolver, limits: &EgressLimits) -> Self {
        let OwnTls { config, descriptors, origins } = tls;
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.enforce_http(false);
        tcp.set_keepalive(Some(KEEP_ALIVE));
        // Deltas are small: without this they wait some 40 ms for the one before to be
        // acknowledged.
        tcp.set_nodelay(true);
        let tls = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_all_versions();
        let tcp: Tcp = tcp.map_response(VendorConnection::new);
        let idle = descriptors.idle_per_origin(origins);
        let inner = tls.wrap_connector(tcp);
        let connector = Connector { inner, descriptors, timeout: limits.connect };
        // HPACK counts 32 bytes for each header beside its text. What is within this and beyond the
        // limit is refused by the limit's name; what is beyond this, by HTTP/2 itself.
        let header_list =
            limits.header_bytes.saturating_add(limits.headers.saturating_mul(32)).saturating_mul(2);
        let client = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEEP_IDLE)
            .pool_max_idle_per_host(idle)
            .http1_max_headers(limits.headers)
            .http2_max_header_list_size(u32::try_from(header_list).unwrap_or(u32::MAX))
            .build(connector);
        Self(client)
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Error> {
        self.0.request(request).await
    }
}

/// Connecting took too long.
#[derive(Debug, thiserror::Error)]
#[error("connecting timed out")]
pub(super) struct ConnectTimeout;

/// Connects within a time, in which there is a descriptor, the name is resolved and TLS agreed on.
#[derive(Clone)]
struct Connector {
    inner: HttpsConnector<Tcp>,
    descriptors: Arc<OwnDescriptors>,
    timeout: Duration,
}

type Tcp = MapResponse<HttpConnector<Resolver>, fn(TokioIo<TcpStream>) -> VendorConnection>;
type Connection = VendorStream<MaybeHttpsStream<VendorConnection>>;
type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, Failure>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (until, descriptors) = (Instant::now() + self.timeout, self.descriptors.clone());
        let connecting = self.inner.call(uri);
        Box::pin(async move {
            let descriptor = timeout_at(until, descriptors.take()).await;
            let descriptor = descriptor.map_err(|_| descriptors.lacking())?;
            let stream = timeout_at(until, connecting).await.map_err(|_| ConnectTimeout)??;
            Ok(VendorStream::new(stream, descriptor))
        })
    }
}
