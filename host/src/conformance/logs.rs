//! What the service and the plugin log while a check runs: not printed, but shown beside a failure.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// Lines that are kept.
const LINES_MAX: usize = 200;
/// Bytes of a line that are kept.
const LINE_BYTES_MAX: usize = 2_000;

/// The newest lines of the log. Clones are the same log.
#[derive(Debug, Clone, Default)]
pub struct Logs(Arc<Mutex<VecDeque<String>>>);

impl Logs {
    /// All lines since the last time, oldest first.
    pub(super) fn take(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}

/// One line on its way.
#[derive(Debug)]
pub struct Line(Logs);

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line: String = text.trim_end().chars().take(LINE_BYTES_MAX).collect();
        let mut lines = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push_back(line);
        if LINES_MAX < lines.len() {
            lines.pop_front();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(self.clone())
    }
}
