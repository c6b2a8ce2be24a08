//! The lines that the server and the plugin log while a check runs: not printed, but shown beside a
//! failure.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::log_line::LogLine;

/// Lines that are kept.
const LINES_MAX: usize = 200;
/// Characters of a line that are kept.
const LINE_MAX: usize = 2_000;

/// The newest lines of the log that may explain a failure: all problems, and all that the plugin
/// says. Clones are the same log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<VecDeque<String>>>);

impl Logs {
    /// Adds a line, if it may explain a failure.
    pub(crate) fn add(&self, line: &LogLine) {
        let target = line.field("target").unwrap_or_default();
        // The line of a request tells what its reply tells.
        if target == "arete::request_log" || !line.is_problem() && target != "plugin" {
            return;
        }
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push_back(line.shown().chars().take(LINE_MAX).collect());
        if LINES_MAX < lines.len() {
            lines.pop_front();
        }
    }

    /// Takes all lines since the last time, oldest first.
    pub(crate) fn take(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}
