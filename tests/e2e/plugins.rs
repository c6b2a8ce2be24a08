//! Guests that misbehave, one behaviour each: every one fails its own call, with a reason that names it, and nobody
//! else's.

use std::sync::{Arc, Weak};

use serde_json::{Value, json};
use tokio::sync::Mutex;
use upstream::{Gate, Reply, Upstream, claude};

use crate::support::{App, Builder, ask, question};

/// The test of each fixture.
const TESTED: &[(&str, fn())] = &[
    ("chatter", a_guest_that_talks_without_end_is_cut_short_in_the_log),
    ("counter", nothing_of_a_call_outlives_it),
    ("flood", an_answer_without_end_ends_at_its_limit),
    ("hog", a_guest_that_takes_too_much_memory_is_ended),
    ("liar", an_answer_that_breaks_the_contract_is_refused_and_never_half_told),
    ("mute", a_guest_that_cannot_describe_itself_is_listed_with_its_reason),
    ("reader", a_guest_finds_no_files_no_environment_and_no_network),
    ("recurse", a_guest_whose_stack_overflows_fails_its_own_call_only),
    ("sleeper", waiting_is_not_charged_as_computing),
    ("sloppy", crate::kit::every_mistake_is_found_by_its_check),
    ("spin", a_guest_that_computes_for_ever_is_ended),
    ("stray", a_guest_reaches_no_host_that_it_was_not_granted),
    ("trap", a_guest_that_panics_fails_its_own_request_while_others_go_on),
];

#[test]
fn every_fixture_has_a_test() {
    let tested: Vec<&str> = TESTED.iter().map(|(name, _)| *name).collect();
    assert_eq!(tested, arete_artifacts::ALL);
}

fn zoo() -> Builder {
    let all = [
        arete_artifacts::CHATTER,
        arete_artifacts::COUNTER,
        arete_artifacts::FLOOD,
        arete_artifacts::HOG,
        arete_artifacts::LIAR,
        arete_artifacts::READER,
        arete_artifacts::RECURSE,
        arete_artifacts::SLEEPER,
        arete_artifacts::SPIN,
        arete_artifacts::STRAY,
        arete_artifacts::TRAP,
    ];
    let limits = App::with_echo()
        .set("LLM_PLUGIN_CPU", "300ms")
        .set("LLM_PLUGIN_MEMORY", (16 << 20).to_string())
        .set("LLM_RESPONSE_LIMIT", (1 << 20).to_string());
    all.iter().fold(limits, |app, component| app.plugin(component))
}

/// A server with all of them, shared by the tests that run at the same time: each must leave it well.
async fn shared() -> Arc<App> {
    static SHARED: Mutex<Weak<App>> = Mutex::const_new(Weak::new());
    App::shared_by(&SHARED, zoo).await
}

/// Asks a fixture, and echo at the same time: the one may fail, the other mustn't notice.
async fn disturb(app: &App, provider: &str, text: &str) -> Value {
    let stream = text.starts_with("stream: ");
    let bad = app.chat(ask(text, json!({ "provider": provider, "stream": stream })));
    let (bad, ()) = tokio::join!(bad, app.assert_well());
    app.assert_well().await;
    bad.problem(502, "plugin-failed")
}

/// Fails unless the problem says what happened, and in which version of which plugin.
#[track_caller]
fn assert_named(problem: &Value, plugin: &str, what: &str) {
    let detail = problem["detail"].as_str().expect("a problem has a detail");
    assert!(detail.contains(&format!("the plugin {plugin} 0.0.1")) && detail.contains(what), "{detail}");
}

#[tokio::test]
async fn a_guest_that_panics_fails_its_own_request_while_others_go_on() {
    let vendor = Upstream::start().await;
    let app = App::with_vendor(&vendor).plugin(arete_artifacts::TRAP).start().await;
    let gate = Gate::new();
    vendor.reply(Reply::sse_text(claude::stream(&["Good ", "morning"])).wait_after(4, &gate));
    let mut under_way = app.stream(question("Hello")).await;
    under_way.next().await;
    assert_eq!(under_way.text().await, "Good ");

    for stream in [false, true] {
        let answer = app.chat(ask("Hello", json!({ "provider": "trap", "stream": stream }))).await;
        let problem = answer.problem(502, "plugin-failed");
        assert_named(&problem, "trap", "crashed");
        assert!(!answer.body.contains("fixture panics"), "its standard error is the operator's: {}", answer.body);
        let line = app.request_line(answer.id()).await;
        assert!(line["error"].as_str().unwrap().contains("the trap fixture panics in"), "{line}");
    }
    app.assert_well().await;
    gate.open();
    assert_eq!(under_way.finish().await.0, "morning");
}

#[tokio::test]
async fn a_guest_that_computes_for_ever_is_ended() {
    let app = shared().await;
    let problem = disturb(&app, "spin", "whole").await;
    assert_named(&problem, "spin", "more computing time than one call may");
    let problem = disturb(&app, "spin", "stream: next").await;
    assert_named(&problem, "spin", "more computing time than one call may");
}

#[tokio::test]
async fn a_guest_that_takes_too_much_memory_is_ended() {
    let app = shared().await;
    for text in ["whole", "stream: open"] {
        let problem = disturb(&app, "hog", text).await;
        assert_named(&problem, "hog", "more memory than one call may");
    }
}

#[tokio::test]
async fn an_answer_without_end_ends_at_its_limit() {
    let app = shared().await;
    let mut stream = app.stream(ask("Hello", json!({ "provider": "flood" }))).await;
    let ((), problem) = tokio::join!(app.assert_well(), stream.fail(502, "plugin-failed"));
    assert_named(&problem, "flood", "more space for its answer than one call may");
    let problem = disturb(&app, "flood", "whole").await;
    assert_named(&problem, "flood", "more space for its answer than one call may");
}

#[tokio::test]
async fn a_guest_reaches_no_host_that_it_was_not_granted() {
    let app = shared().await;
    let vendor = Upstream::start().await;
    for url in [vendor.url(), "https://api.anthropic.com/v1/models", "http://169.254.169.254/latest/meta-data"] {
        let answer = app.chat(ask(url, json!({ "provider": "stray" }))).await.ok();
        let content = answer["content"].as_str().unwrap();
        assert!(content.starts_with("denied: ") && content.contains("stray"), "{content}");
    }
    assert_eq!(vendor.connections_total(), 0);
    let origin = vendor.url();
    let refused = app.wait_for_log(|line| line["level"] == "WARN" && line["origin"] == origin).await;
    assert_eq!(refused["provider"], "stray");

    for url in ["file:///etc/passwd", "not a URL", &app.url("/").replace("http://", "http://user:password@")] {
        let answer = app.chat(ask(url, json!({ "provider": "stray" }))).await.ok();
        assert!(answer["content"].as_str().unwrap().starts_with("failed: "), "{answer}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_the_contract_is_refused_and_never_half_told() {
    let app = shared().await;
    assert_eq!(app.chat(ask("the truth", json!({ "provider": "liar" }))).await.ok()["content"], "the truth");
    for lie in [
        "tool input that isn't JSON",
        "tool input that isn't an object",
        "extra that isn't JSON",
        "a block that isn't JSON",
        "a usage that isn't JSON",
    ] {
        let problem = app.chat(ask(lie, json!({ "provider": "liar" }))).await.problem(502, "plugin-failed");
        assert_named(&problem, "liar", "gave an answer that isn't valid");
    }
    let ask_stream = |lie: &str| ask(lie, json!({ "provider": "liar" }));
    assert_eq!(app.stream(ask_stream("the truth")).await.finish().await.0, "the truth");
    for lie in ["two starts", "nothing at all", "a start that isn't JSON"] {
        let problem = app.refused_stream(ask_stream(lie)).await.problem(502, "plugin-failed");
        assert_named(&problem, "liar", "gave an answer that isn't valid");
    }
    for lie in [
        "no start",
        "no finish",
        "a block that changes its kind",
        "tool input that isn't JSON",
        "tool input that isn't an object",
    ] {
        let problem = app.stream(ask_stream(lie)).await.fail(502, "plugin-failed").await;
        assert_named(&problem, "liar", "gave an answer that isn't valid");
    }
    app.assert_well().await;
}

#[tokio::test]
async fn a_guest_that_talks_without_end_is_cut_short_in_the_log() {
    let app = shared().await;
    disturb(&app, "chatter", "whole").await;
    let of_chatter = |line: &Value| line["target"] == "plugin" && line["provider"] == "chatter";
    let dropped = |line: &Value| of_chatter(line) && line["message"].as_str().unwrap().contains("the rest is dropped");
    app.wait_for_log(dropped).await;
    let lines = app.logs().find(of_chatter);
    let bytes: usize = lines.iter().map(|line| line["message"].as_str().unwrap().len()).sum();
    assert!(bytes < 80_000, "{bytes} bytes in {} lines", lines.len());
    assert_eq!(lines.iter().filter(|line| dropped(line)).count(), 1);
    for stream in ["stdout", "stderr"] {
        assert!(lines.iter().any(|line| line["stream"] == stream), "nothing of {stream}");
    }
}

#[tokio::test]
async fn a_guest_whose_stack_overflows_fails_its_own_call_only() {
    let app = shared().await;
    for text in ["whole", "stream: open"] {
        let problem = disturb(&app, "recurse", text).await;
        assert_named(&problem, "recurse", "call stack exhausted");
    }
}

#[tokio::test]
async fn a_guest_finds_no_files_no_environment_and_no_network() {
    let app = shared().await;
    let address = app.address().to_string();
    let answer = app.chat(ask(&address, json!({ "provider": "reader" }))).await.ok();
    assert_eq!(answer["content"], "");
}

#[tokio::test]
async fn nothing_of_a_call_outlives_it() {
    let app = shared().await;
    for n in 0..5 {
        let fresh = ask(&format!("call {n}"), json!({ "provider": "counter" }));
        assert_eq!(app.chat(fresh.clone()).await.ok()["content"], "1");
        assert_eq!(app.stream(fresh).await.finish().await.0, "1");
    }
}

#[tokio::test]
async fn waiting_is_not_charged_as_computing() {
    let app = shared().await;
    // More than twice what it may compute.
    assert_eq!(app.chat(ask("700", json!({ "provider": "sleeper" }))).await.ok()["content"], "slept");
}

#[tokio::test]
async fn a_guest_that_cannot_describe_itself_is_listed_with_its_reason() {
    let app = App::with_echo().plugin(arete_artifacts::MUTE).start().await;
    assert_failed(&app, "mute", "the setting voice is missing").await;
}

/// Fails unless this provider is listed as failed for this reason, refuses calls, and is nobody else's problem.
async fn assert_failed(app: &App, id: &str, reason: &str) {
    let listed = app.provider(id).await;
    assert_eq!(listed["state"], "failed");
    assert!(listed["lastError"].as_str().unwrap().contains(reason), "{listed}");
    let logged = app.wait_for_log(|line| line["provider"] == id && line["level"] == "ERROR").await;
    assert!(logged.to_string().contains(reason), "{logged}");

    let problem = app.chat(ask("Hello", json!({ "provider": id }))).await.problem(503, "provider-unavailable");
    assert!(problem["detail"].as_str().unwrap().contains(id), "{problem}");
    app.assert_well().await;
}

#[tokio::test]
async fn what_is_no_provider_is_listed_as_failed_and_the_server_serves_on() {
    let app = App::with_echo()
        .plugin_file("corrupt", b"\0asm\x0d\0\x01\0 and then nonsense")
        .plugin_file("module", b"\0asm\x01\0\0\0")
        .plugin_file("hollow", b"\0asm\x0d\0\x01\0")
        .plugin_file("empty", b"")
        .plugin_file("letter", "Dear server,\n")
        .file("plugins/README.txt", "not looked at")
        .file("plugins/no good name.wasm", "not looked at")
        .start()
        .await;
    let list = app.get("/api/llm/providers").await.ok();
    assert_eq!(list["providers"], json!(["claude", "corrupt", "echo", "empty", "hollow", "letter", "module"]));
    for (id, reason) in [
        ("corrupt", "the component is broken or cut off"),
        ("module", "a core WebAssembly module, not a component"),
        ("hollow", "it is no provider: it exports nothing"),
        ("empty", "it is empty"),
        ("letter", "it doesn't begin as WebAssembly does"),
    ] {
        assert_failed(&app, id, reason).await;
    }
    app.wait_for_log(|line| line["message"].as_str().is_some_and(|text| text.contains("no good name"))).await;
}

#[tokio::test]
async fn a_dropped_in_provider_is_listed_and_answers() {
    let app = App::with_echo().plugin(arete_artifacts::COUNTER).start().await;
    let listed = app.provider("counter").await;
    assert_eq!((&listed["state"], &listed["vendor"]), (&json!("ready"), &json!("counter")));
    assert_eq!((&listed["version"], &listed["defaultModel"]), (&json!("0.0.1"), &json!("fixture")));
    assert_eq!(listed["sha256"].as_str().map(str::len), Some(64));
    let answer = app.chat(ask("Hello", json!({ "provider": "counter" }))).await.ok();
    assert_eq!((&answer["content"], &answer["provider"]), (&json!("1"), &json!("counter")));
}
