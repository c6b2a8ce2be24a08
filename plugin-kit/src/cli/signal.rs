//! The signals to stop, as one future.

/// The exit status of a command that a signal ended, as shells tell it for SIGINT.
pub(super) const EXIT_INTERRUPTED: u8 = 130;

/// Waits for the first SIGTERM or SIGINT.
#[cfg(unix)]
pub(super) async fn stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Signals then end the process as they do by default.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => (),
        _ = interrupt.recv() => (),
    }
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
pub(super) async fn stop() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
