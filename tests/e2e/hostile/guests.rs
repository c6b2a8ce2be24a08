//! Guests: components that do what no toolchain would make them do. All of them are one puppet,
//! which does what the question says.

mod answers;
mod exports;
mod handles;
mod imports;
mod memory;

use std::sync::{Arc, LazyLock, Weak};

use arete_puppet::{Import, Program, Puppet};
use serde_json::json;
use tokio::sync::Mutex;

use super::beside;
use crate::support::{Answer, App, Builder, ask};

/// Everything that a guest can import.
static IMPORTS: LazyLock<Vec<Import>> = LazyLock::new(arete_puppet::imports);
/// The puppet as it is.
static PUPPET: LazyLock<Vec<u8>> = LazyLock::new(|| Puppet::default().component());

/// The provider's file of the puppet: limits that are soon met.
const LIMITS: &str = "
    [limits]
    cpu = \"300ms\"
    memory = \"32 MiB\"
    handles = 50
    response-bytes = \"1 MiB\"
";

/// A server whose provider `puppet` does what it is asked.
fn puppet() -> Builder {
    App::with_echo()
        .only_echo()
        .set("LLM_MAX_RETRIES", "0")
        .plugin_file("puppet", &*PUPPET)
        .file("plugins/puppet.toml", LIMITS)
        // For what may wait: the same, and a call ends soon.
        .file(
            "plugins/brief.toml",
            format!("component = \"puppet.wasm\"\n{LIMITS}timeout = \"1s\"\n"),
        )
}

/// One such server for the tests that run at the same time: each must leave it well.
async fn server() -> Arc<App> {
    static SHARED: Mutex<Weak<App>> = Mutex::const_new(Weak::new());
    App::shared_by(&SHARED, puppet).await
}

/// Has the puppet run a program, beside a neighbour.
async fn run(app: &App, program: &Program, stream: bool) -> Answer {
    beside(app, told(app, "puppet", program, stream)).await
}

/// The same for a program that may wait for ever.
async fn run_briefly(app: &App, program: &Program, stream: bool) -> Answer {
    beside(app, told(app, "brief", program, stream)).await
}

async fn told(app: &App, provider: &str, program: &Program, stream: bool) -> Answer {
    let fields = json!({ "provider": provider, "useCache": false, "stream": stream });
    app.chat(ask(program.text(), fields)).await
}

/// Fails unless the program ended its own call, for this reason.
async fn assert_ends(app: &App, what: &str, program: &Program, stream: bool, reason: &str) {
    let answer = run(app, program, stream).await;
    assert!(matches!(answer.status, 502 | 504), "{what}: {answer:?}");
    let detail = super::detail(&answer);
    assert!(detail.contains("puppet") && detail.contains(reason), "{what}: {detail}");
}

/// Fails unless the program was run to its end and the puppet answered.
async fn assert_answers(app: &App, what: &str, program: &Program) {
    let answer = run(app, program, false).await;
    assert_eq!(answer.status, 200, "{what}: {}", answer.body);
    assert_eq!(answer.json()["content"], "done", "{what}");
}

/// The place of an import among all.
#[track_caller]
fn index(interface: &str, function: &str) -> usize {
    IMPORTS
        .iter()
        .position(|import| import.interface == interface && import.function == function)
        .unwrap_or_else(|| panic!("there is no {interface} {function}"))
}

/// A program with a call of this import at its end.
#[track_caller]
fn calling(program: Program, interface: &str, function: &str, arguments: &[u64]) -> Program {
    let index = index(interface, function);
    program.call(index, &IMPORTS[index], arguments)
}
