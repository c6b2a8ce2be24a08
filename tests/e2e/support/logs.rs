//! The server's log as it is written: one JSON object a line.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::thread;

use serde_json::Value;
use tokio::sync::watch;

use super::within;

/// All lines so far. Clones are the same log.
#[derive(Clone)]
pub struct Logs(Arc<watch::Sender<Lines>>);

#[derive(Default)]
struct Lines {
    all: Vec<String>,
    ended: bool,
}

impl Logs {
    /// Reads until the process ends, in a thread of its own: no process may wait for its log to be
    /// read.
    pub fn read(stderr: impl Read + Send + 'static) -> Self {
        let logs = Self(Arc::default());
        let sender = Arc::clone(&logs.0);
        thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                sender.send_modify(|lines| lines.all.push(line));
            }
            sender.send_modify(|lines| lines.ended = true);
        });
        logs
    }

    /// The lines as written.
    pub fn text(&self) -> String {
        self.0.borrow().all.join("\n")
    }

    /// The lines as JSON. What isn't JSON (a panic's message) is left out.
    pub fn lines(&self) -> Vec<Value> {
        self.0.borrow().all.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Those of them that are wanted.
    pub fn find(&self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        self.lines().into_iter().filter(|line| wanted(line)).collect()
    }

    /// The first line that is wanted, once it is there.
    pub async fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        match self.wait_for_or_end(what, wanted).await {
            Some(line) => line,
            None => panic!("the server ended before {what}:\n{}", self.text()),
        }
    }

    /// Waits until this many lines are wanted.
    pub async fn wait_for_count(&self, what: &str, wanted: impl Fn(&Value) -> bool, count: usize) {
        // Each line is looked at once.
        let found = std::cell::Cell::new(0);
        let enough = |line: &Value| {
            found.set(found.get() + usize::from(wanted(line)));
            count <= found.get()
        };
        self.wait_for(what, enough).await;
    }

    /// Like [`wait_for`](Self::wait_for); nothing if the process ends without it.
    pub async fn wait_for_or_end(
        &self,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Option<Value> {
        let mut changes = self.0.subscribe();
        let mut seen = 0;
        let search = async {
            loop {
                {
                    let lines = changes.borrow_and_update();
                    let new = lines
                        .all
                        .iter()
                        .skip(seen)
                        .filter_map(|line| serde_json::from_str(line).ok());
                    if let Some(line) = new.into_iter().find(|line| wanted(line)) {
                        return Some(line);
                    }
                    seen = lines.all.len();
                    if lines.ended {
                        return None;
                    }
                }
                changes.changed().await.expect("the log holds the sender");
            }
        };
        within(what, search).await
    }

    /// Waits for a line, as written, that means something.
    pub async fn wait_for_text<T>(&self, what: &str, meaning: impl Fn(&str) -> Option<T>) -> T {
        let mut changes = self.0.subscribe();
        let found = changes
            .wait_for(|lines| lines.ended || lines.all.iter().any(|line| meaning(line).is_some()));
        within(what, found).await.expect("the log holds the sender");
        let lines = self.0.borrow();
        let found = lines.all.iter().find_map(|line| meaning(line));
        found.unwrap_or_else(|| panic!("the server ended before {what}:\n{}", lines.all.join("\n")))
    }

    /// Waits until the process has closed its standard error, as it does when it ends.
    pub async fn ended(&self) {
        self.0.subscribe().wait_for(|lines| lines.ended).await.expect("the log holds the sender");
    }
}
