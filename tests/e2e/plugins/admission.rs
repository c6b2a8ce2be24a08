//! What is no provider, isn't loaded: it is listed with the reason, and nobody else notices.

use std::fs::{self, File};
use std::process::Command;

use arete_artifacts as guests;
use mock_vendor::MockVendor;
use serde_json::json;

use crate::support::{App, Builder, ask};

/// Fails unless this provider is listed as failed for this reason, refuses calls, and is nobody
/// else's problem.
async fn assert_failed(app: &App, id: &str, reason: &str) {
    let listed = app.provider(id).await;
    assert_eq!(listed["state"], "failed");
    assert!(listed["lastError"].as_str().unwrap().contains(reason), "{listed}");
    let logged = app.wait_for_log(|line| line["provider"] == id && line["level"] == "ERROR").await;
    assert!(logged.to_string().contains(reason), "{logged}");

    let problem = app
        .chat(ask("Hello", json!({ "provider": id })))
        .await
        .problem(503, "provider-unavailable");
    assert!(problem["detail"].as_str().unwrap().contains(id), "{problem}");
    app.assert_well().await;
}

/// A component written as text.
fn wat(app: Builder, name: &str, text: &str) -> Builder {
    let bytes = wat::parse_str(format!("(component {text})"))
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    app.plugin_file(name, bytes)
}

#[tokio::test]
async fn what_is_no_component_is_listed_as_failed_and_the_server_serves_on() {
    let whole = fs::read(guests::COUNTER).unwrap();
    let app = App::with_echo()
        .only_echo()
        .plugin_file("corrupt", b"\0asm\x0d\0\x01\0 and then nonsense")
        .plugin_file("cut-off", &whole[..whole.len() / 2])
        .plugin_file("empty", b"")
        .plugin_file("huge", b"")
        .plugin_file("letter", "Dear server,\n")
        .plugin_file("module", b"\0asm\x01\0\0\0")
        .file("plugins/README.txt", "not looked at")
        .file("plugins/no good name.wasm", "not looked at");
    let plugins = app.dir().join("plugins");
    // No byte of it is on the disk.
    File::create(plugins.join("huge.wasm")).unwrap().set_len((64 << 20) + 1).unwrap();
    fs::create_dir(plugins.join("folder.wasm")).unwrap();
    let made = Command::new("mkfifo").arg(plugins.join("pipe.wasm")).status().unwrap();
    assert!(made.success());

    let app = app.start().await;
    let reasons = [
        ("corrupt", "the component is broken or cut off"),
        ("cut-off", "the component is broken or cut off"),
        ("empty", "it is empty"),
        ("folder", "folder.wasm is no file"),
        ("huge", "huge.wasm is larger than 64 MiB"),
        ("letter", "it doesn't begin as WebAssembly does"),
        ("module", "a core WebAssembly module, not a component"),
        ("pipe", "pipe.wasm is no file"),
    ];
    for (id, reason) in reasons {
        assert_failed(&app, id, reason).await;
    }
    let list = app.get("/api/llm/providers").await.ok();
    let mut expected: Vec<&str> = reasons.iter().map(|(id, _)| *id).chain(["echo"]).collect();
    expected.sort_unstable();
    assert_eq!(list["providers"], json!(expected));
    app.wait_for_log(|line| {
        line["message"].as_str().is_some_and(|text| text.contains("no good name"))
    })
    .await;
}

/// A function that does nothing, to be exported as what it isn't.
const CHAT: &str = r#"
    (core module $m (func (export "f")))
    (core instance $i (instantiate $m))
    (func $f (canon lift (core func $i "f")))
"#;

/// A provider's functions, all of them; `describe` says less than the contract's record has fields
/// for.
const DIFFERS: &str = r#"
    (core module $m
        (memory (export "memory") 1)
        (func (export "describe") (result i32) unreachable)
        (func (export "ask") unreachable)
        (func (export "next") (param i32) unreachable))
    (core instance $i (instantiate $m))
    (type $deltas (resource (rep i32)))
    (type $info (record (field "vendor" string)))
    (func $describe (result (result $info (error string)))
        (canon lift (core func $i "describe") (memory $i "memory")))
    (func $ask (canon lift (core func $i "ask")))
    (func $next (param "self" (borrow $deltas)) (canon lift (core func $i "next")))
    (component $named
        (type $a-record (record (field "vendor" string)))
        (import "info" (type $info (eq $a-record)))
        (import "deltas" (type $deltas (sub resource)))
        (import "describe" (func $describe (result (result $info (error string)))))
        (import "ask" (func $ask))
        (import "next" (func $next (param "self" (borrow $deltas))))
        (export $its-info "info" (type $info))
        (export $its-deltas "deltas" (type $deltas))
        (export "describe" (func $describe) (func (result (result $its-info (error string)))))
        (export "complete" (func $ask))
        (export "open-stream" (func $ask))
        (export "[method]deltas.next" (func $next) (func (param "self" (borrow $its-deltas)))))
    (instance $chat (instantiate $named
        (with "info" (type $info))
        (with "deltas" (type $deltas))
        (with "describe" (func $describe))
        (with "ask" (func $ask))
        (with "next" (func $next))))
    (export "arete:provider/chat@0.1.0" (instance $chat))
"#;

#[tokio::test]
async fn a_component_that_is_no_provider_of_this_contract_is_listed_with_the_difference() {
    let chat = r#"(instance $chat (export "describe" (func $f)) (export "complete" (func $f)))
        (export "arete:provider/chat@0.1.0" (instance $chat))"#;
    let of_functions = format!("{CHAT}{chat}");
    let asks = |import: &str| format!("{import} {of_functions}");
    let mut app = App::with_echo().only_echo();
    for (id, text) in [
        ("hollow", String::new()),
        ("stranger", format!(r#"{CHAT} (export "run" (func $f))"#)),
        ("newer", format!("{CHAT}{}", chat.replace("chat@0.1.0", "chat@0.2.0"))),
        ("unversioned", format!("{CHAT}{}", chat.replace("chat@0.1.0", "chat"))),
        ("half", of_functions.clone()),
        ("differing", DIFFERS.to_owned()),
        ("browser", asks(r#"(import "wasi:http/outgoing-handler@0.2.4" (instance))"#)),
        ("wisher", asks(r#"(import "wish:fairy/three@1.0.0" (instance)) (import "gold" (func))"#)),
        ("future", asks(r#"(import "arete:provider/http@0.2.0" (instance))"#)),
        (
            "presuming",
            asks(r#"(import "arete:provider/log@0.1.0" (instance (export "erase" (func))))"#),
        ),
        (
            "misled",
            asks(
                r#"(import "arete:provider/config@0.1.0" (instance (export "get" (func (result string)))))"#,
            ),
        ),
    ] {
        app = wat(app, id, &text);
    }
    let app = app.start().await;
    for (id, reason) in [
        ("hollow", "it is no provider: it exports nothing"),
        ("stranger", "it is no provider: it exports run"),
        (
            "newer",
            "it is made for arete:provider@0.2.0, and this server speaks arete:provider@0.1.x",
        ),
        ("unversioned", "it is made for arete:provider"),
        ("half", "it doesn't do what arete:provider@0.1.1 says a provider does"),
        ("differing", "expected record of 6 fields, found 1 fields"),
        ("browser", "it asks for what no provider is given: wasi:http/outgoing-handler@0.2.4;"),
        ("wisher", "it asks for what no provider is given: wish:fairy/three@1.0.0, gold;"),
        ("future", "it asks for what no provider is given: arete:provider/http@0.2.0;"),
        ("presuming", "it asks for something that no provider is given"),
        ("misled", "it asks for something that no provider is given"),
    ] {
        assert_failed(&app, id, reason).await;
    }
}

#[tokio::test]
pub(super) async fn a_guest_that_cannot_describe_itself_is_listed_with_its_reason() {
    let ways = [
        ("says-why", "", "describe failed: the setting voice is missing"),
        ("panics", "panics", "describe failed: the plugin panics (version unknown) crashed"),
        ("computes", "computes", "more computing time than one call may (300ms; `cpu`"),
        ("waits", "waits", "describe took longer than 300ms"),
        ("no-name", "has no name", "info.vendor must be 1 to 200 printable characters"),
        ("giant-name", "has a giant name", "info.version must be 1 to 200 printable characters"),
        (
            "giant-model",
            "has a giant model",
            "info.default-model must be 1 to 200 printable characters",
        ),
        ("many-models", "has many models", "info.models has 100000 entries, and may have 1000"),
        ("calls", "calls somebody", "describe failed"),
    ];
    let vendor = MockVendor::start().await;
    let mut app = App::with_echo().only_echo();
    for (id, voice, _) in ways {
        let (limit, url) = (if id == "waits" { "timeout" } else { "cpu" }, vendor.url());
        let lines = format!(
            "limits.{limit} = \"300ms\"\nconfig.voice = {voice:?}\nconfig.url = {url:?}\n[[outbound]]\norigin = {url:?}"
        );
        app = app.provider(id, guests::MUTE, &lines);
    }
    let app = app.start().await;
    for (id, _, reason) in ways {
        assert_failed(&app, id, reason).await;
    }
    assert_eq!(vendor.connections_total(), 0);
}

#[tokio::test]
async fn a_dropped_in_provider_is_listed_and_answers() {
    let app = App::with_echo().only_echo().plugin(guests::COUNTER).start().await;
    let listed = app.provider("counter").await;
    assert_eq!((&listed["state"], &listed["vendor"]), (&json!("ready"), &json!("counter")));
    assert_eq!((&listed["version"], &listed["defaultModel"]), (&json!("0.0.1"), &json!("fixture")));
    assert_eq!(listed["sha256"].as_str().map(str::len), Some(64));
    let answer = app.chat(ask("Hello", json!({ "provider": "counter" }))).await.ok();
    assert_eq!((&answer["content"], &answer["provider"]), (&json!("1"), &json!("counter")));
}
