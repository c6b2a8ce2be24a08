//! Providers that take what there is one of for all of them: places in the pool, and memory. Others
//! are called beside them.

use std::fs;

use arete_artifacts as guests;
use serde_json::{Value, json};

use crate::support::{App, Raw, ask, within};

const HOUR: &str = "3600000";

/// A question that leaves no answer in the cache.
fn asking(provider: &str, text: &str) -> Value {
    ask(text, json!({ "provider": provider, "useCache": false }))
}

/// Calls that sleep for as long as the test takes.
async fn stall(app: &App, provider: &str, text: &str, calls: usize) -> Vec<Raw> {
    let mut stalled = Vec::new();
    for _ in 0..calls {
        stalled.push(Raw::chat(app, &asking(provider, text)).await);
    }
    stalled
}

/// Asks until the provider is full, and returns what is said then.
async fn full(app: &App, provider: &str) -> String {
    within(&format!("{provider} to be full"), async {
        loop {
            let answer = app.chat(asking(provider, "0")).await;
            if answer.status != 200 {
                assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}");
                let problem = answer.problem(503, "overloaded");
                return problem["detail"].as_str().unwrap().to_owned();
            }
        }
    })
    .await
}

#[tokio::test]
async fn two_stalled_providers_leave_a_third_its_places() {
    let app = ["one", "two"]
        .into_iter()
        .fold(App::with_echo().only_echo(), |app, id| app.provider(id, guests::SLEEPER, ""))
        .plugin(guests::COUNTER)
        .set("LLM_MAX_CALLS", "16")
        .set("LLM_QUEUE_TIMEOUT", "100ms")
        .start()
        .await;
    let mut stalled = Vec::new();
    for id in ["one", "two"] {
        stalled.extend(stall(&app, id, HOUR, 16).await);
    }
    for id in ["one", "two"] {
        let detail = full(&app, id).await;
        assert!(detail.contains(&format!("provider {id} is at its limit of 16 ")), "{detail}");
    }
    app.assert_well().await;
    for _ in 0..4 {
        app.chat(asking("counter", "How many?")).await.ok();
    }
}

#[tokio::test]
async fn reserved_places_are_free_when_all_that_is_shared_is_taken() {
    let ids = ["one", "two", "three", "four"];
    let app = ids
        .into_iter()
        .fold(App::with_echo().only_echo(), |app, id| app.provider(id, guests::SLEEPER, ""))
        .set("LLM_MAX_CALLS", "16")
        .set("LLM_RESERVED_CALLS", "1")
        .set("LLM_QUEUE_TIMEOUT", "100ms")
        .start()
        .await;
    // Room for 64 calls: 5 are reserved, 59 are shared.
    let mut stalled = Vec::new();
    for id in ids {
        stalled.extend(stall(&app, id, HOUR, 16).await);
    }
    for id in ids {
        full(&app, id).await;
    }
    let all: Vec<String> = [full(&app, ids[0]).await, full(&app, ids[3]).await].to_vec();
    assert!(all.iter().all(|detail| detail.contains(" is at its limit")), "{all:?}");
    app.assert_well().await;
}

#[tokio::test]
async fn a_provider_that_there_is_no_room_for_is_loaded_when_another_one_is_gone() {
    let ids = ["p1", "p2", "p3", "p4", "p5", "p6"];
    // Room for 48 calls, of which echo wants one: whoever is last finds too little.
    let app = ids
        .into_iter()
        .fold(App::with_echo().only_echo(), |app, id| {
            app.provider(id, guests::COUNTER, "limits.reserved-calls = 8\n")
        })
        .set("LLM_MAX_CALLS", "8")
        .set("LLM_RESERVED_CALLS", "1")
        .start()
        .await;
    let line = app.wait_for_log(|line| line["level"] == "ERROR").await;
    let lacking = line["provider"].as_str().unwrap().to_owned();
    let listed = app.provider(&lacking).await;
    assert_eq!(listed["state"], "failed");
    let reason = listed["lastError"].as_str().unwrap();
    for words in ["no room for it beside the other providers", "of 48 are not reserved by others"] {
        assert!(reason.contains(words), "{listed}");
    }
    for id in ids.into_iter().filter(|id| *id != lacking) {
        app.chat(asking(id, "How many?")).await.ok();
    }
    let other = ids.into_iter().find(|id| *id != lacking).unwrap();
    fs::remove_file(app.dir().join(format!("plugins/{other}.toml"))).unwrap();
    app.wait_for_log(|line| line["provider"] == lacking && line["message"] == "Loaded provider")
        .await;
    app.chat(asking(&lacking, "How many?")).await.ok();
}

#[tokio::test]
async fn the_memory_of_all_calls_is_bounded_and_some_is_left_for_others() {
    let app = App::with_echo()
        .only_echo()
        .plugin(guests::SLEEPER)
        .set("LLM_TOTAL_MEMORY", "1073741824")
        .start()
        .await;
    let mut calls = stall(&app, "sleeper", &format!("{HOUR} 180"), 8).await;
    // Three quarters of the memory are four of these, and the others don't wait.
    let mut refused = 0;
    let refusals = within("four calls to be refused", async {
        let mut details = Vec::new();
        while refused < 4 {
            let waiting = calls.iter_mut().map(|call| Box::pin(call.answer()));
            let ((status, head, body), at, rest) = futures_util::future::select_all(waiting).await;
            drop(rest);
            assert_eq!(status, 503, "{body}");
            assert!(head.to_ascii_lowercase().contains("retry-after: 1"), "{head}");
            details.push(body);
            drop(calls.swap_remove(at));
            refused += 1;
        }
        details
    })
    .await;
    for body in refusals {
        assert!(body.contains("overloaded") && body.contains("LLM_TOTAL_MEMORY"), "{body}");
    }
    app.assert_well().await;
    app.get("/api/health/live").await.ok();
    #[cfg(target_os = "linux")]
    {
        let status = fs::read_to_string(format!("/proc/{}/status", app.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(kib < 1 << 20, "{kib} KiB of memory for a budget of 1 GiB");
    }
    // What a call held is there for the next one when it ends.
    let before = calls.len();
    drop(calls.pop());
    within("the memory to be given back", async {
        while app.chat(asking("sleeper", "0 180")).await.status != 200 {}
    })
    .await;
    assert_eq!(before, 4);
}

#[tokio::test]
async fn a_provider_that_others_leave_no_memory_for_is_loaded_once_there_is_some() {
    // A call of each takes more than a megabyte.
    let ids = ["one", "two", "three", "four"];
    let app = ids
        .into_iter()
        .fold(App::with_echo().only_echo(), |app, id| app.provider(id, guests::SLEEPER, ""))
        .set("LLM_TOTAL_MEMORY", "8388608")
        .start()
        .await;
    let mut stalled = Vec::new();
    for id in ids {
        stalled.extend(stall(&app, id, HOUR, 8).await);
        assert!(full(&app, id).await.contains("LLM_TOTAL_MEMORY"));
    }
    let component = fs::read(guests::COUNTER).unwrap();
    fs::write(app.dir().join("plugins/counter.wasm"), component).unwrap();
    let is_of_counter = |line: &Value| line["provider"] == "counter";
    app.wait_for_log(|line| is_of_counter(line) && line["level"] == "ERROR").await;
    let reason = app.provider("counter").await["lastError"].to_string();
    assert!(reason.contains("LLM_TOTAL_MEMORY") && reason.contains("is tried again"), "{reason}");
    app.get("/api/health/live").await.ok();
    drop(stalled);
    app.wait_for_log(|line| is_of_counter(line) && line["message"] == "Loaded provider").await;
    app.chat(asking("counter", "How many?")).await.ok();
}
