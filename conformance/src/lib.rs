//! The conformance suite for plugins: `arete plugin test`. It is the same for plugins of every
//! language.
//!
//! It starts the real server as a process and asks it over HTTP, so what is compared is what a
//! caller sees: the plugin is loaded, sandboxed and called by the very binary that does so in
//! production. The vendor is a scripted one on 127.0.0.1 that says what the author's cassettes say,
//! and misbehaves as vendors and networks do.
//!
//! ```text
//! project.rs   provider.toml ─► a provider file with the scripted vendor in it
//! cassette.rs  question.json, request.http, response.http, answer.json
//! server.rs    the server as a process               service.rs  the same, asked over HTTP
//! stage.rs     service, vendor and cassettes together
//! checks/      what is tried                          report.rs  what was found
//! ```

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        reason = "a test that unwraps what isn't there fails, as it should"
    )
)]

mod answer;
mod cassette;
mod checks;
mod compare;
mod cuts;
mod exchange;
mod executable;
mod folder;
mod log_line;
mod logs;
mod project;
mod provider_detail;
mod report;
mod server;
mod service;
mod stage;
mod suite;
mod swap;

use std::fmt;
use std::path::PathBuf;

pub use self::executable::Arete;
pub use self::log_line::LogLine;
pub use self::project::with_vendor;
pub use self::provider_detail::{ProviderDetail, ProviderState};
pub use self::report::{Check, Finding, Outcome, Report, Speed};
pub use self::server::{NotStarted, Server};
pub use self::suite::run;

/// The component to test, and the way to do it.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server.
    pub arete: Arete,
    /// The component.
    pub component: PathBuf,
    /// The project's provider file. Without one the plugin is given nothing.
    pub provider: Option<PathBuf>,
    /// The folder of cassettes. Without one there are none.
    pub cassettes: Option<PathBuf>,
    /// True to write `request.http` and `answer.json` from what happens.
    pub record: bool,
    /// A part of the names of the checks to run. Without it, all run.
    pub only: Option<String>,
    /// A function that sees each line of the server's log while the suite runs.
    pub watch: Option<fn(&LogLine)>,
}

/// A file of the author's that is missing or wrong.
#[derive(Debug)]
pub struct BadInput(String);

impl std::error::Error for BadInput {}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
