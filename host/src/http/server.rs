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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_io_timeout::TimeoutStream;
use tracing::{debug, info, warn};

use super::connections::{Connection, Connections};
use super::framing::{Faults, Followed};
use super::front::Front;
use crate::config::ServerConfig;
use crate::shutdown::Stop;
use crate::time::millis;
use crate::turns::Turns;

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
    turns: &Turns,
    stop: &Stop,
    signal: impl Future<Output = ()>,
) {
    let connections = Connections::new(config);
    let (http, front) = (Arc::new(http(config)), Arc::new(front));
    // Each connection holds a receiver: when none is left, all have ended.
    let (alive, _) = watch::channel(());
    let mut signal = std::pin::pin!(signal);
    loop {
        // While one waits for room, others wait in the system's queue.
        let accepted = async {
            match listener.accept().await {
                Ok((stream, _)) => Ok((stream, connections.open().await)),
                Err(error) => Err(error),
            }
        };
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            () = &mut signal => break,
        };
        let (stream, connection) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!("A connection could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        no_delay(&stream);
        let faults = Faults::default();
        let stream = Followed::new(read_by_client(stream, config.read_timeout), faults.clone());
        let stream = TokioIo::new(stream);
        let (http, front, stop) = (http.clone(), front.clone(), stop.clone());
        let alive = alive.subscribe();
        tokio::spawn(turns.with(async move {
            serve(&http, (stream, faults), front, connection, &stop).await;
            drop(alive);
        }));
    }

    drop(listener);
    stop.drain();
    let under_way = alive.receiver_count();
    info!(connections = under_way, grace_ms = millis(config.shutdown_grace), "Stopping");
    let mut drained = std::pin::pin!(alive.closed());
    if tokio::time::timeout(config.shutdown_grace, &mut drained).await.is_err() {
        warn!("Calls are still under way after the grace period; cutting them");
        stop.cut();
        if tokio::time::timeout(FAREWELL, drained).await.is_err() {
            warn!("Some clients did not read the end of their responses");
        }
    }
}

/// Serves one connection to its end. It is asked to end after the request under way when the server
/// stops, or when another one needs its place.
async fn serve<S>(
    http: &http1::Builder,
    (stream, faults): (S, Faults),
    front: Arc<Front>,
    connection: Arc<Connection>,
    stop: &Stop,
) where
    S: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    let asking = connection.clone();
    let service = service_fn(move |mut request| {
        if let Some(fault) = faults.any() {
            request.extensions_mut().insert(fault);
        }
        front.clone().answer(request, asking.clone()).map(Ok::<_, Infallible>)
    });
    let mut served = std::pin::pin!(http.serve_connection(stream, service));
    let mut draining = stop.draining();
    let end = async {
        tokio::select! {
            // The sender lives as long as the stop.
            _ = draining.wait_for(|draining| *draining) => false,
            () = connection.asked_to_close() => connection.is_new(),
        }
    };
    let ended = tokio::select! {
        biased;
        ended = served.as_mut() => ended,
        at_once = end => {
            if at_once {
                return;
            }
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        // A client that left, or sent what isn't HTTP: its own affair.
        debug!("A connection ended early: {error}");
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
