//! Accepts, serves, drains. The listener and the signal to stop come from outside, so that tests
//! own both.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tracing::{debug, info, warn};

use super::framing::{Faults, Followed};
use super::front::Front;
use crate::config::ServerConfig;
use crate::shutdown::Stop;
use crate::time::millis;

/// The time that calls that are cut have to say so to their clients.
const FAREWELL: Duration = Duration::from_secs(2);
/// The pause after a failed accept: commonly no file descriptors are left, and soon some will be.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `signal` resolves, then lets requests under way end, in the phases of `stop`.
///
/// No new connections are taken and idle ones are closed at once; calls and streams may go on for
/// the grace period and are then cut with an error.
pub async fn run(
    listener: TcpListener,
    front: Front,
    config: &ServerConfig,
    stop: &Stop,
    signal: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let connections = Arc::new(Semaphore::new(config.max_connections));
    let http = http(config);
    let front = Arc::new(front);
    let mut signal = std::pin::pin!(signal);
    loop {
        // The place first: connections beyond the limit wait in the system's queue.
        let accepted = async {
            let place = connections.clone().acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut signal => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!("A connection could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        no_delay(&stream);
        let front = front.clone();
        let faults = Faults::default();
        let stream = Followed::new(read_by_client(stream, config.read_timeout), faults.clone());
        let service = service_fn(move |mut request| {
            if let Some(fault) = faults.any() {
                request.extensions_mut().insert(fault);
            }
            front.clone().answer(request).map(Ok::<_, Infallible>)
        });
        let stream = TokioIo::new(stream);
        let connection = graceful.watch(http.serve_connection(stream, service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                // A client that left, or sent what isn't HTTP: its own affair.
                debug!("A connection ended early: {error}");
            }
            drop(place);
        });
    }

    drop(listener);
    stop.drain();
    let under_way = graceful.count();
    info!(connections = under_way, grace_ms = millis(config.shutdown_grace), "Stopping");
    let mut drained = std::pin::pin!(graceful.shutdown());
    if tokio::time::timeout(config.shutdown_grace, &mut drained).await.is_err() {
        warn!("Calls are still under way after the grace period; cutting them");
        stop.cut();
        if tokio::time::timeout(FAREWELL, drained).await.is_err() {
            warn!("Some clients did not read the end of their responses");
        }
    }
}

fn http(config: &ServerConfig) -> http1::Builder {
    let mut http = http1::Builder::new();
    // Also ends connections that are kept alive and unused.
    http.timer(TokioTimer::new()).header_read_timeout(config.read_timeout);
    // The first bounds a head to the byte, the second what is read of one that doesn't end.
    http.max_header_size(config.header_limit).max_buf_size(config.header_limit);
    http
}

/// Deltas are small: without this they wait some 40 ms for the one before to be acknowledged.
fn no_delay(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!("TCP_NODELAY could not be set: {error}");
    }
}

/// A client that asks and then doesn't read would hold its connection, and the answer in memory,
/// for as long as it likes.
fn read_by_client(stream: TcpStream, timeout: Duration) -> Pin<Box<TimeoutStream<TcpStream>>> {
    let mut stream = TimeoutStream::new(stream);
    // Runs only while something waits to be written.
    stream.set_write_timeout(Some(timeout));
    Box::pin(stream)
}
