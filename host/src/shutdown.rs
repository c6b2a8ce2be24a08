//! The signals to stop, as one future. A second one ends the process at once.

use tracing::{info, warn};

/// What a shell gives for a process that SIGINT ended.
const EXIT_INTERRUPTED: i32 = 130;

/// Resolves at the first SIGTERM or SIGINT.
pub async fn signal() {
    let name = next().await;
    info!("Received {name}; a second signal stops at once");
    tokio::spawn(async {
        let name = next().await;
        warn!("Received {name} again; stopping at once");
        #[allow(
            clippy::disallowed_methods,
            reason = "who asks twice wants it at once; users answered 2xx are on disk"
        )]
        std::process::exit(EXIT_INTERRUPTED);
    });
}

#[cfg(unix)]
async fn next() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        warn!("Signals can't be received; only SIGKILL will stop this process");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

#[cfg(not(unix))]
async fn next() -> &'static str {
    if tokio::signal::ctrl_c().await.is_err() {
        return std::future::pending().await;
    }
    "Ctrl-C"
}
