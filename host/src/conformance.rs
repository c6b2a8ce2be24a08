//! The conformance suite for plugins: `arete plugin test`. It is the same for plugins of every
//! language.
//!
//! The whole service runs in this process and is asked over HTTP, so what is compared is what a
//! caller sees: the plugin is loaded, sandboxed and called by the code that does so in production.
//! The vendor is a scripted one on 127.0.0.1 that says what the author's cassettes say, and
//! misbehaves as vendors and networks do.
//!
//! ```text
//! project.rs   provider.toml ─► a provider file with the scripted vendor in it
//! cassette.rs  question.json, request.http, response.http, answer.json
//! service.rs   the service, asked over HTTP          stage.rs   service, vendor and cassettes together
//! checks/      what is tried                          report.rs  what was found
//! ```

mod answer;
mod cassette;
mod checks;
mod compare;
mod cuts;
mod exchange;
mod logs;
mod project;
mod report;
mod service;
mod stage;
mod suite;
mod swap;

use std::fmt;
use std::path::PathBuf;

pub use self::logs::Logs;
pub use self::report::{Check, Finding, Outcome, Report, Speed};
pub use self::suite::run;

/// What to test, and how.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The component.
    pub component: PathBuf,
    /// The project's provider file. Without one the plugin is given nothing.
    pub provider: Option<PathBuf>,
    /// The folder of cassettes. Without one there are none.
    pub cassettes: Option<PathBuf>,
    /// Whether to write `request.http` and `answer.json` from what happens.
    pub record: bool,
    /// Only checks in whose names this is found.
    pub only: Option<String>,
    /// Where the service logs to; its lines are shown beside failures.
    pub logs: Logs,
}

/// What the author gave can't be used: a file that is missing or wrong.
#[derive(Debug)]
pub struct BadInput(String);

impl std::error::Error for BadInput {}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
