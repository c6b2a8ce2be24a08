//! Stopping: the signals, and the two phases that follow the first one.
//!
//! 1. *Draining*: no new connections; requests under way may go on for the grace period, and
//!    streams without an end of their own (the providers' events) end.
//! 2. *Cutting*: what is still under way ends with an error.
//!
//! A second signal ends the process at once.

use std::sync::Arc;

use tokio::sync::watch;
use tracing::{info, warn};

/// The status that a shell gives for a process that SIGINT ended.
const EXIT_INTERRUPTED: i32 = 130;

/// The phases of a stop, for those who bring them about and those who heed them. Clones are the
/// same stop.
#[derive(Clone, Debug)]
pub struct Stop(Arc<Phases>);

#[derive(Debug)]
struct Phases {
    draining: watch::Sender<bool>,
    cutting: watch::Sender<bool>,
}

impl Default for Stop {
    /// Returns a stop that hasn't begun.
    fn default() -> Self {
        Self(Arc::new(Phases {
            draining: watch::Sender::new(false),
            cutting: watch::Sender::new(false),
        }))
    }
}

impl Stop {
    /// Begins the first phase.
    pub fn drain(&self) {
        self.0.draining.send_replace(true);
    }

    /// Begins the second phase.
    pub fn cut(&self) {
        self.0.cutting.send_replace(true);
    }

    /// Returns true once the first phase has begun.
    pub fn is_draining(&self) -> bool {
        *self.0.draining.borrow()
    }

    /// Returns what tells of the first phase: true once it has begun.
    pub fn draining(&self) -> watch::Receiver<bool> {
        self.0.draining.subscribe()
    }

    /// Returns what tells of the second phase: true once it has begun.
    pub fn cutting(&self) -> watch::Receiver<bool> {
        self.0.cutting.subscribe()
    }

    /// Waits for the second phase.
    pub(crate) async fn until_cut(&self) {
        // The sender lives as long as `self`.
        let _ = self.cutting().wait_for(|cutting| *cutting).await;
    }
}

/// Listens to signals from now on, and resolves at the first SIGTERM or SIGINT.
pub fn signal() -> impl Future<Output = ()> {
    let signals = Signals::listen();
    async move {
        let mut signals = signals;
        let name = signals.next().await;
        info!("Received {name}; a second signal stops at once");
        tokio::spawn(end_at_next(signals));
    }
}

async fn end_at_next(mut signals: Signals) {
    let name = signals.next().await;
    warn!("Received {name} again; stopping at once");
    #[allow(
        clippy::disallowed_methods,
        reason = "who asks twice wants it at once; users answered 2xx are on disk"
    )]
    std::process::exit(EXIT_INTERRUPTED);
}

/// The signals to stop, as far as they can be received.
#[cfg(unix)]
struct Signals(Option<[tokio::signal::unix::Signal; 2]>);

#[cfg(unix)]
impl Signals {
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
        let (Ok(terminate), Ok(interrupt)) = signals else {
            warn!("Signals can't be received; only SIGKILL will stop this process");
            return Self(None);
        };
        Self(Some([terminate, interrupt]))
    }

    async fn next(&mut self) -> &'static str {
        let Some([terminate, interrupt]) = &mut self.0 else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    }
}

/// The signals to stop, as far as they can be received.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> Self {
        Self
    }

    async fn next(&mut self) -> &'static str {
        if tokio::signal::ctrl_c().await.is_err() {
            return std::future::pending().await;
        }
        "Ctrl-C"
    }
}
