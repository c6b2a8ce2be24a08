//! Components that take more than they may before they run at all: refused with the bound that they
//! met, while the others load and the server answers.

use std::fs;

use fastrand::Rng;
use serde_json::json;

use crate::support::{App, Builder, ask};

/// The seed of what is made at random.
const SEED: u64 = 14;

/// Components within each other, each made `width` times by the one around it.
fn nested(width: usize, depth: usize) -> Vec<u8> {
    let mut text = "(core module $m) (core instance (instantiate $m))".to_owned();
    for _ in 0..depth {
        let instances = "(instance (instantiate $c))".repeat(width);
        text = format!("(component $c {text}) {instances}");
    }
    wat::parse_str(format!("(component {text})")).expect("it can be written")
}

/// A component with one function of loops within each other, each of which may begin anew. The
/// compiler looks at each local at each of them.
fn loops(depth: usize, locals: usize) -> Vec<u8> {
    let declared = "(local i64)".repeat(locals);
    let uses: String = (0..locals)
        .map(|local| {
            let other = (local + 1) % locals;
            format!("local.get {local} local.get {other} i64.add local.set {local} ")
        })
        .collect();
    let (open, close) = ("loop ".repeat(depth), "local.get 0 i64.eqz br_if 0 end ".repeat(depth));
    let text = format!("(component (core module (func {declared} {open} {uses} {close})))");
    wat::parse_str(text).expect("it can be written")
}

/// Fails unless the provider was refused with these words.
async fn assert_refused(app: &App, id: &str, words: &str) {
    app.wait_for_log(|line| line["provider"] == id && line["level"] == "ERROR").await;
    let listed = app.provider(id).await;
    assert_eq!(listed["state"], "failed");
    assert!(listed["lastError"].as_str().unwrap().contains(words), "{listed}");
    app.chat(ask("Hello", json!({ "provider": id }))).await.problem(503, "provider-unavailable");
}

fn echo_only() -> Builder {
    App::with_echo().only_echo()
}

#[tokio::test]
async fn what_a_component_comes_to_is_counted_before_it_is_compiled() {
    let mut rng = Rng::with_seed(SEED);
    let mut app =
        echo_only().plugin_file("million", nested(10, 6)).plugin_file("more", nested(10, 10));
    let mut hostile = vec!["million".to_owned(), "more".to_owned()];
    for (width, depth) in (0..10).map(|_| (rng.usize(2..12), rng.usize(10..30))) {
        let (id, bytes) = (format!("nested-{width}-{depth}"), nested(width, depth));
        assert!(bytes.len() < 5_000);
        app = app.plugin_file(&id, bytes);
        hostile.push(id);
    }
    let app = app.start().await;
    for id in hostile {
        assert_refused(&app, &id, "when it is put together, and may have 1000").await;
    }
    app.get("/api/health/live").await.ok();
    app.assert_well().await;
}

#[tokio::test]
async fn a_slow_component_is_refused_after_its_time_and_holds_neither_the_start_nor_another() {
    let hostile: Vec<String> = (0..6).map(|n| format!("slow-{n}")).collect();
    let app = hostile
        .iter()
        .enumerate()
        .fold(echo_only(), |app, (n, id)| app.plugin_file(id, loops(2_000 + n, 40)));
    let app = app.set("LLM_COMPILE_TIMEOUT", "5s").set("LLM_START_WAIT", "100ms").start().await;
    assert!(app.logs().text().contains("LLM_START_WAIT"));
    app.get("/api/health/live").await.ok();
    assert_eq!(app.provider("slow-0").await["state"], "loading");
    let loaded = async |id: &str| {
        app.wait_for_log(|line| line["provider"] == id && line["message"] == "Loaded provider")
            .await
    };
    loaded("echo").await;
    app.assert_well().await;
    // A new component beside them is compiled, however many wait.
    let good = fs::read(arete_artifacts::COUNTER).unwrap();
    fs::write(app.dir().join("plugins/counter.wasm"), good).unwrap();
    loaded("counter").await;
    app.chat(ask("Hello", json!({ "provider": "counter" }))).await.ok();
    let refused = app.wait_for_log(|line| line["level"] == "ERROR").await;
    let id = refused["provider"].as_str().unwrap();
    assert!(id.starts_with("slow-"), "{refused}");
    assert_refused(&app, id, "took longer than 5s; LLM_COMPILE_TIMEOUT raises it").await;
}

#[tokio::test]
async fn a_component_whose_code_needs_too_much_memory_is_refused() {
    let app =
        echo_only().plugin_file("large", loops(3_000, 300)).set("LLM_COMPILE_MEMORY", "268435456");
    let app = app.start().await;
    assert_refused(&app, "large", "took more than 256 MiB of memory; LLM_COMPILE_MEMORY").await;
    app.assert_well().await;
}

#[cfg(target_os = "linux")]
mod children {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;

    /// The compilers of a server.
    fn compilers(app: &App) -> Vec<u32> {
        let parent = format!("PPid:\t{}\n", app.pid());
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        ids.filter(|id: &u32| {
            fs::read_to_string(format!("/proc/{id}/status"))
                .is_ok_and(|status| status.contains(&parent) && !status.contains("State:\tZ"))
        })
        .collect()
    }

    /// Whether a process is there and at work.
    fn runs(id: u32) -> bool {
        fs::read_to_string(format!("/proc/{id}/status"))
            .is_ok_and(|status| !status.contains("State:\tZ"))
    }

    async fn until(what: &str, seen: impl Fn() -> bool) {
        crate::support::within(what, async {
            while !seen() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    /// A server that compiles something slow, and its compiler.
    async fn compiling() -> (App, u32) {
        let app = echo_only()
            .plugin_file("slow", loops(3_000, 60))
            .set("LLM_START_WAIT", "100ms")
            .set("LLM_COMPILE_TIMEOUT", "1h")
            .start()
            .await;
        app.wait_for_log(|line| line["provider"] == "echo" && line["message"] == "Loaded provider")
            .await;
        until("one compiler", || compilers(&app).len() == 1).await;
        let id = compilers(&app)[0];
        (app, id)
    }

    #[tokio::test]
    async fn a_compiler_has_no_environment_and_no_descriptors_but_its_three() {
        let (app, id) = compiling().await;
        let path = |name: &str| PathBuf::from(format!("/proc/{id}/{name}"));
        let environment = fs::read_to_string(path("environ")).unwrap();
        for variable in environment.split('\0').filter(|variable| !variable.is_empty()) {
            assert!(
                ["RAYON_NUM_THREADS=", "MIMALLOC_ARENA_RESERVE="]
                    .iter()
                    .any(|known| variable.starts_with(known)),
                "{variable}"
            );
        }
        // The server inherits what this process has inherited, such as a job server's pipe; its own
        // files and sockets are not among them.
        for entry in fs::read_dir(path("fd")).unwrap() {
            let (name, target) = entry.map(|e| (e.file_name(), e.path().read_link())).unwrap();
            let inherited = PathBuf::from("/proc/self/fd").join(&name).read_link().ok();
            assert!(
                ["0", "1", "2"].iter().any(|own| name == *own) || inherited == target.ok(),
                "{name:?}"
            );
        }
        let limits = fs::read_to_string(path("limits")).unwrap();
        let bound = limits.lines().find(|line| line.starts_with("Max address space")).unwrap();
        assert!(bound.contains("2147483648"), "{bound}");
        drop(app);
    }

    #[tokio::test]
    async fn a_compiler_ends_when_its_component_is_replaced_or_removed() {
        let (app, first) = compiling().await;
        let file = app.dir().join("plugins/slow.wasm");
        fs::write(&file, loops(3_100, 60)).unwrap();
        until("another compiler", || compilers(&app).iter().any(|id| *id != first)).await;
        until("the first to end", || !runs(first)).await;
        let second = compilers(&app)[0];
        fs::remove_file(&file).unwrap();
        until("the second to end", || !runs(second)).await;
        app.assert_well().await;
    }

    #[tokio::test]
    async fn a_server_that_stops_ends_its_compilers_at_once() {
        let (mut app, id) = compiling().await;
        assert_eq!(app.stop().await.code(), Some(0));
        until("the compiler to end", || !runs(id)).await;
    }

    #[tokio::test]
    async fn a_second_signal_ends_a_server_at_once_whatever_it_compiles_and_whoever_waits() {
        let mut app = echo_only()
            .plugin(arete_artifacts::SLEEPER)
            .plugin_file("slow", loops(3_000, 60))
            .set("LLM_START_WAIT", "100ms")
            .set("LLM_COMPILE_TIMEOUT", "1h")
            .set("SHUTDOWN_GRACE", "1h")
            .start()
            .await;
        let is_loaded = |line: &serde_json::Value| line["message"] == "Loaded provider";
        app.wait_for_log(|line| line["provider"] == "sleeper" && is_loaded(line)).await;
        app.wait_for_log(|line| line["provider"] == "echo" && is_loaded(line)).await;
        let stream = json!({ "provider": "sleeper", "stream": true });
        let mut client = crate::support::Raw::chat(&app, &ask("3600000", stream)).await;
        client.until("good night").await;
        until("one compiler", || compilers(&app).len() == 1).await;
        let id = compilers(&app)[0];
        app.signal("TERM");
        app.wait_for_log(|line| line["message"] == "Stopping").await;
        app.signal("TERM");
        assert_eq!(app.ended().await.code(), Some(130));
        until("the compiler to end", || !runs(id)).await;
        client.rest().await;
    }

    #[tokio::test]
    async fn a_server_that_is_killed_takes_its_compilers_along() {
        let (mut app, id) = compiling().await;
        app.kill().await;
        until("the compiler to end", || !runs(id)).await;
    }
}
