//! Logs: how lines look and where they go. Lines are written by a thread of their own; past its queue they are dropped
//! and counted rather than waited for.

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};
use crate::plugin::QUIET_LOGS;

/// Lines that may wait to be written.
const QUEUE_LINES: usize = 16_384;

/// Starts logging to standard error. Lines are written until the guard is dropped.
pub fn init(config: &LogConfig) -> WorkerGuard {
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(QUEUE_LINES)
        .thread_name("log")
        .finish(std::io::stderr());
    // The filter was checked with the other settings. What it names wins over what comes before it.
    let filter = EnvFilter::builder().parse_lossy(format!("{QUIET_LOGS},{}", config.filter));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    // A second call, as tests in one process make, changes nothing.
    let _ = match config.format {
        LogFormat::Pretty => {
            use std::io::IsTerminal;
            subscriber.with_ansi(std::io::stderr().is_terminal()).try_init()
        }
        LogFormat::Json => subscriber.json().flatten_event(true).with_span_list(false).try_init(),
    };
    guard
}
