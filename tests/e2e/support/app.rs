//! The server as a process: started on a port of its own, watched by its log, killed when the test
//! is over.

use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, Weak};

use reqwest::Method;
use serde_json::{Value, json};

use super::builder::{self, Builder};
use super::client::{self, Answer};
use super::logs::Logs;
use super::sse::EventStream;
use super::{ask, within};

/// A running server. Dropping it kills the process.
pub struct App {
    builder: Builder,
    child: Child,
    address: SocketAddr,
    logs: Logs,
}

/// The address in the line that tells where the server listens, in either format of the log.
fn listening_at(line: &str) -> Option<SocketAddr> {
    if let Ok(line) = serde_json::from_str::<Value>(line) {
        let listens = line["message"] == "Listening";
        return line["address"].as_str().filter(|_| listens)?.parse().ok();
    }
    let (_, fields) = line.split_once("Listening address=")?;
    fields.split_whitespace().next()?.parse().ok()
}

impl App {
    pub(super) async fn spawn(builder: Builder) -> Self {
        let _turn = builder::turn().await;
        builder.lend_code();
        let mut child = builder.command().spawn().expect("the binary starts");
        let logs = Logs::read(child.stderr.take().expect("its standard error is piped"));
        // Whole before anything is waited for, so that a process that never listens is killed too.
        let mut app = Self { builder, child, address: SocketAddr::from(([0, 0, 0, 0], 0)), logs };
        app.address = app.logs.wait_for_text("the server to listen", listening_at).await;
        app.builder.share_code();
        app
    }

    /// A server that asks nobody and is changed by nobody, shared by the tests that run at the same
    /// time.
    pub async fn shared() -> Arc<Self> {
        static SHARED: tokio::sync::Mutex<Weak<App>> = tokio::sync::Mutex::const_new(Weak::new());
        Self::shared_by(&SHARED, App::with_echo).await
    }

    /// The server that this place holds, started if there is none. The last test that uses it ends
    /// it, so that no process outlives the tests.
    pub async fn shared_by(
        place: &tokio::sync::Mutex<Weak<App>>,
        builder: impl FnOnce() -> Builder,
    ) -> Arc<Self> {
        let mut shared = place.lock().await;
        if let Some(app) = shared.upgrade() {
            return app;
        }
        let app = Arc::new(builder().start().await);
        *shared = Arc::downgrade(&app);
        app
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The working directory.
    pub fn dir(&self) -> std::path::PathBuf {
        self.builder.dir()
    }

    /// Where it keeps its files.
    pub fn data_dir(&self) -> std::path::PathBuf {
        self.builder.dir().join("data")
    }

    /// Sends a request without a body.
    pub async fn get(&self, path: &str) -> Answer {
        client::send(client::request(Method::GET, self.url(path))).await
    }

    /// Asks a question: `POST /api/llm/chat`.
    pub async fn chat(&self, body: Value) -> Answer {
        client::send(self.request(Method::POST, "/api/llm/chat").body(body.to_string())).await
    }

    /// Asks a question and reads the answer event by event. Fails unless the answer is a stream.
    pub async fn stream(&self, body: Value) -> EventStream {
        EventStream::open(
            self.request(Method::POST, "/api/llm/chat").body(with_stream(body).to_string()),
        )
        .await
    }

    /// Asks for a stream and gets an ordinary answer: a failure before the first event.
    pub async fn refused_stream(&self, body: Value) -> Answer {
        self.chat(with_stream(body)).await
    }

    /// A request to send with [`client::send`], its body JSON if it has one.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        client::request(method, self.url(path)).header("content-type", "application/json")
    }

    /// The provider as `GET /api/llm/providers` describes it.
    pub async fn provider(&self, id: &str) -> Value {
        let list = self.get("/api/llm/providers").await.ok();
        let details = list["details"].as_array().expect("a list of details");
        details
            .iter()
            .find(|detail| detail["id"] == id)
            .unwrap_or_else(|| panic!("no provider {id} in {list}"))
            .clone()
    }

    /// Fails unless a provider still answers, and not the cache: after something was done to the
    /// server that it must survive.
    pub async fn assert_well(&self) {
        let answer =
            self.chat(ask("still there?", json!({ "provider": "echo", "useCache": false }))).await;
        assert_eq!(answer.ok()["content"], "still there?");
    }

    /// What it has logged so far.
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// Waits for a line of the log, those already written included.
    pub async fn wait_for_log(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.logs.wait_for("a line of the log", wanted).await
    }

    /// The one line that tells how a request went.
    pub async fn request_line(&self, request_id: &str) -> Value {
        let wanted = |line: &Value| line["request_id"] == request_id && line["outcome"].is_string();
        self.logs.wait_for(&format!("the log line of request {request_id}"), wanted).await
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status();
        assert!(status.expect("there is a command kill").success(), "SIG{name} could not be sent");
    }

    /// Waits until the process has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        within("the server to end", self.logs.ended()).await;
        self.child.wait().expect("a process that ended has a status")
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.ended().await
    }

    /// Ends the process without asking.
    pub async fn kill(&mut self) -> ExitStatus {
        self.child.kill().expect("a process can be killed");
        self.ended().await
    }

    /// Stops it and starts it again with the same settings and data.
    pub async fn restart(mut self) -> Self {
        let status = self.stop().await;
        assert!(status.success(), "{status}: {}", self.logs.text());
        self.builder.clone().start().await
    }

    /// Kills it and starts it again with the same settings and data.
    pub async fn kill_and_restart(mut self) -> Self {
        self.kill().await;
        self.builder.clone().start().await
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // Fails only for a process that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            report(&self.logs);
        }
    }
}

/// What the server said, below the failure of the test it belongs to.
fn report(logs: &Logs) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let text = logs.text();
    let lines: Vec<&str> = text.lines().collect();
    let newest = lines.get(lines.len().saturating_sub(40)..).unwrap_or_default();
    #[allow(clippy::print_stderr, reason = "captured with the test's own output")]
    {
        eprintln!("--- the server's log, its end ---\n{}\n---", newest.join("\n"));
    }
}

fn with_stream(body: Value) -> Value {
    let Value::Object(mut fields) = body else { panic!("a question is an object") };
    fields.insert("stream".to_owned(), Value::Bool(true));
    Value::Object(fields)
}
