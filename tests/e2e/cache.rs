//! Answers of before: when they are given, how long they last, and that what is given is whole.

use std::fs;
use std::time::Duration;

use futures_util::future::join_all;
use mock_vendor::{Gate, MockVendor, Reply, claude};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::send;
use crate::support::{App, ask, question, within};

/// Waits until the cache's numbers are as wanted, or can't be had any more.
async fn until_stats(app: &App, wanted: impl Fn(&Value) -> bool) {
    let asking = async {
        loop {
            let Ok(response) = app.request(Method::GET, "/api/llm/cache/stats").send().await else {
                return;
            };
            let Ok(text) = response.text().await else { return };
            if serde_json::from_str(&text).is_ok_and(|stats| wanted(&stats)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within("the cache's numbers", asking).await;
}

/// A vendor that answers each question with another text, so that an answer of before is known by
/// it.
fn numbered(vendor: &MockVendor) {
    let count = std::sync::atomic::AtomicU32::new(0);
    vendor.always_with(move |_| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        Reply::json(200, claude::message(&format!("answer {number}")))
    });
}

#[tokio::test]
async fn the_same_question_is_asked_once_also_over_a_restart() {
    let vendor = MockVendor::start().await;
    numbered(&vendor);
    let app = App::with_vendor(&vendor).start().await;

    let first = app.chat(question("Hello")).await;
    assert_eq!(
        (first.header("x-arete-cache"), &first.ok()["cached"]),
        (Some("miss"), &json!(false))
    );
    let second = app.chat(question("Hello")).await;
    assert_eq!(second.header("x-arete-cache"), Some("hit"));
    let mut original = first.ok();
    original["cached"] = json!(true);
    assert_eq!(second.ok(), original);

    let app = app.restart().await;
    let third = app.chat(question("Hello")).await;
    assert_eq!((third.header("x-arete-cache"), third.ok()), (Some("hit"), original));
    assert_eq!(vendor.count(), 1);
}

#[tokio::test]
async fn size_and_bytes_count_the_same_answers_at_any_moment() {
    let vendor = MockVendor::start().await;
    numbered(&vendor);
    let app = App::with_vendor(&vendor).start().await;
    for number in 1..=4 {
        app.chat(question(&number.to_string())).await.ok();
        let stats = app.get("/api/llm/cache/stats").await.ok();
        let (size, bytes) = (stats["size"].as_u64().unwrap(), stats["bytes"].as_u64().unwrap());
        // Written or on their way there: an answer has more than a hundred bytes.
        assert!(size == number && 100 * number < bytes, "{stats}");
    }
    app.request(Method::DELETE, "/api/llm/cache").send().await.unwrap();
    until_stats(&app, |stats| stats["size"] == 0 && stats["bytes"] == 0).await;
}

#[tokio::test]
async fn an_answer_is_kept_by_its_reason_to_stop() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    for (reason, kept) in [
        ("end_turn", true),
        ("stop_sequence", true),
        ("max_tokens", true),
        ("refusal", false),
        ("pause_turn", false),
        ("model_context_window_exceeded", false),
        ("a new word", false),
    ] {
        let before = vendor.count();
        let content = json!([{ "type": "text", "text": "Hi" }]);
        vendor.always(Reply::json(200, claude::message_with(content, reason)));
        app.chat(question(reason)).await.ok();
        let again = app.chat(question(reason)).await;
        assert_eq!(
            again.header("x-arete-cache"),
            Some(if kept { "hit" } else { "miss" }),
            "{reason}"
        );
        assert_eq!(vendor.count() - before, if kept { 1 } else { 2 }, "{reason}");
    }
}

#[tokio::test]
async fn any_field_that_is_changed_is_another_question() {
    let vendor = MockVendor::start().await;
    numbered(&vendor);
    let app = App::with_vendor(&vendor).start().await;
    let tool = json!({ "name": "t", "inputSchema": { "type": "object" } });
    let other_tool = json!({ "name": "t", "inputSchema": { "type": "object", "required": [] } });
    let questions = [
        question("Hello"),
        question("Hello "),
        json!({ "messages": [{ "role": "assistant", "content": "Hello" }] }),
        json!({ "messages": [{ "role": "user", "content": "Hello" }, { "role": "user", "content": "" }] }),
        ask("Hello", json!({ "model": "claude-opus-5-5" })),
        ask("Hello", json!({ "maxTokens": 1024 })),
        ask("Hello", json!({ "maxTokens": 1025 })),
        ask("Hello", json!({ "temperature": 0 })),
        ask("Hello", json!({ "temperature": 0.1 })),
        ask("Hello", json!({ "topP": 0.1 })),
        ask("Hello", json!({ "topK": 1 })),
        ask("Hello", json!({ "stopSequences": ["a", "b"] })),
        ask("Hello", json!({ "stopSequences": ["ab"] })),
        ask("Hello", json!({ "tools": [tool] })),
        ask("Hello", json!({ "tools": [other_tool] })),
        ask("Hello", json!({ "tools": [tool], "toolChoice": "any" })),
        ask("Hello", json!({ "tools": [tool], "toolChoice": { "name": "t" } })),
        ask("Hello", json!({ "extra": { "metadata": { "user_id": "1" } } })),
        ask("Hello", json!({ "extra": { "metadata": { "user_id": "2" } } })),
    ];
    for (index, body) in questions.iter().enumerate() {
        assert_eq!(
            app.chat(body.clone()).await.ok()["content"],
            format!("answer {}", index + 1),
            "{body}"
        );
    }
    for (index, body) in questions.iter().enumerate() {
        assert_eq!(
            app.chat(body.clone()).await.ok()["content"],
            format!("answer {}", index + 1),
            "{body}"
        );
    }
    // How an answer is delivered doesn't change it.
    let delivered = app.chat(ask("Hello", json!({ "cacheTTL": 5000 }))).await;
    assert_eq!(delivered.header("x-arete-cache"), Some("hit"));
    assert_eq!(vendor.count(), questions.len());
}

#[tokio::test]
async fn fifty_equal_questions_at_once_are_one_call_and_fifty_answers() {
    let vendor = MockVendor::start().await;
    let gate = Gate::new();
    vendor.reply(Reply::json(200, claude::message("for all")).wait_before_headers(&gate));
    let app = App::with_vendor(&vendor).start().await;

    let asking = join_all((0..50).map(|_| app.chat(question("Hello"))));
    let opening = async {
        gate.reached().await;
        // All are aboard once forty-nine have joined.
        until_stats(&app, |stats| stats["coalesced"] == 49).await;
        gate.open();
    };
    let (answers, ()) = tokio::join!(asking, opening);
    let states = |state| {
        answers.iter().filter(|answer| answer.header("x-arete-cache") == Some(state)).count()
    };
    assert_eq!((states("miss"), states("coalesced")), (1, 49));
    for answer in &answers {
        let answer = answer.ok();
        assert_eq!((&answer["content"], &answer["cached"]), (&json!("for all"), &json!(false)));
    }
    assert_eq!(vendor.count(), 1);
}

#[tokio::test]
async fn a_completed_stream_is_kept_for_both_kinds_of_question() {
    let vendor = MockVendor::start().await;
    vendor.reply(Reply::sse_text(claude::stream(&["Hel", "lo"])));
    let app = App::with_vendor(&vendor).start().await;

    let mut stream = app.stream(question("Hi")).await;
    let asked = stream.rest().await;
    let whole = app.chat(question("Hi")).await;
    assert_eq!(whole.header("x-arete-cache"), Some("hit"));
    assert_eq!((&whole.ok()["content"], &whole.ok()["cached"]), (&json!("Hello"), &json!(true)));

    let mut stream = app.stream(question("Hi")).await;
    let replayed = stream.rest().await;
    let kinds: Vec<&str> = replayed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(kinds, ["start", "delta", "done"]);
    assert_eq!(replayed[0].1["cached"], true);
    assert_eq!(replayed[1].1, json!({ "text": "Hello" }));
    assert_eq!(replayed.last(), asked.last());
    assert_eq!(vendor.count(), 1);
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_not_kept() {
    let vendor = MockVendor::start().await;
    let text = claude::stream(&["Hel", "lo"]);
    let after_first = text.find("Hel").unwrap() + 40;
    vendor.reply(Reply::sse_text(text.clone()).close_mid_body(after_first));
    vendor.reply(Reply::sse_text(text));
    let app = App::with_vendor(&vendor).set("LLM_MAX_RETRIES", "0").start().await;
    let broken = app.stream(question("Hi")).await.rest().await;
    assert_eq!(broken.last().map(|(name, _)| name.as_str()), Some("error"));
    assert_eq!(app.stream(question("Hi")).await.finish().await.0, "Hello");
    assert_eq!(vendor.count(), 2);
}

#[tokio::test]
async fn who_joins_a_stream_late_gets_what_was_said_and_then_the_rest() {
    let vendor = MockVendor::start().await;
    let gate = Gate::new();
    // After message_start, ping, block_start and the first delta.
    vendor.reply(Reply::sse_text(claude::stream(&["Hel", "lo"])).wait_after(4, &gate));
    let app = App::with_vendor(&vendor).start().await;

    let mut first = app.stream(question("Hi")).await;
    assert_eq!(first.next().await.unwrap().0, "start");
    assert_eq!(first.next().await.unwrap().1, json!({ "text": "Hel" }));
    let mut late = app.stream(question("Hi")).await;
    assert_eq!(late.next().await.unwrap().0, "start");
    assert_eq!(late.next().await.unwrap().1, json!({ "text": "Hel" }));

    // The one who asked first leaves; the other isn't hurt.
    drop(first);
    gate.open();
    assert_eq!(late.next().await.unwrap().1, json!({ "text": "lo" }));
    assert_eq!(late.next().await.unwrap().0, "done");
    assert_eq!(vendor.count(), 1);
}

#[tokio::test]
async fn the_last_to_leave_ends_the_call_at_the_vendor() {
    let vendor = MockVendor::start().await;
    let gate = Gate::new();
    vendor.reply(Reply::sse_text(claude::stream(&["Hel", "lo"])).wait_after(4, &gate));
    let app = App::with_vendor(&vendor).start().await;
    let mut first = app.stream(question("Hi")).await;
    first.next().await;
    let mut second = app.stream(question("Hi")).await;
    second.next().await;
    drop(first);
    drop(second);
    vendor.wait_for_disconnect().await;
}

#[tokio::test]
async fn an_error_is_shared_by_those_who_waited_and_never_kept() {
    let vendor = MockVendor::start().await;
    let gate = Gate::new();
    vendor.reply(
        Reply::json(400, claude::error("invalid_request_error", "no")).wait_before_headers(&gate),
    );
    vendor.reply(Reply::json(200, claude::message("yes")));
    let app = App::with_vendor(&vendor).start().await;
    let opening = async {
        gate.reached().await;
        until_stats(&app, |stats| stats["coalesced"] == 1).await;
        gate.open();
    };
    let (one, two, ()) =
        tokio::join!(app.chat(question("Hello")), app.chat(question("Hello")), opening);
    one.problem(400, "invalid-request");
    two.problem(400, "invalid-request");
    assert_eq!(app.chat(question("Hello")).await.ok()["content"], "yes");
    assert_eq!(vendor.count(), 2);
}

#[tokio::test]
async fn a_bypass_neither_reads_nor_writes_nor_joins() {
    let vendor = MockVendor::start().await;
    numbered(&vendor);
    let app = App::with_vendor(&vendor).start().await;
    let bypass = ask("Hello", json!({ "useCache": false }));
    assert_eq!(app.chat(bypass.clone()).await.header("x-arete-cache"), Some("bypass"));
    assert_eq!(app.chat(question("Hello")).await.header("x-arete-cache"), Some("miss"));
    assert_eq!(app.chat(bypass).await.ok()["content"], "answer 3");
    let stats = app.get("/api/llm/cache/stats").await.ok();
    assert_eq!((&stats["hits"], &stats["misses"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn a_cache_that_is_off_is_off() {
    let vendor = MockVendor::start().await;
    numbered(&vendor);
    let app = App::with_vendor(&vendor).set("LLM_CACHE_ENABLED", "False").start().await;
    for number in 1..=2 {
        let answer = app.chat(question("Hello")).await;
        assert_eq!(answer.header("x-arete-cache"), Some("bypass"));
        assert_eq!(answer.ok()["content"], format!("answer {number}"));
    }
    assert_eq!(app.get("/api/llm/cache/stats").await.ok()["enabled"], false);
}

#[tokio::test]
async fn what_is_cleared_is_gone_also_after_a_restart() {
    let vendor = MockVendor::start().await;
    numbered(&vendor);
    let app = App::with_vendor(&vendor).start().await;
    app.chat(question("Hello")).await.ok();
    assert_eq!(send(app.request(Method::DELETE, "/api/llm/cache")).await.status, 204);
    let app = app.restart().await;
    assert_eq!(app.chat(question("Hello")).await.ok()["content"], "answer 2");
}

#[tokio::test]
async fn callers_with_other_keys_get_answers_of_their_own() {
    let vendor = MockVendor::start().await;
    numbered(&vendor);
    let keys = "ann:0123456789abcdef,bob:fedcba9876543210";
    let app = App::with_vendor(&vendor).set("ARETE_API_KEYS", keys).start().await;
    let mut contents: Vec<Value> = Vec::new();
    for key in ["0123456789abcdef", "fedcba9876543210", "0123456789abcdef"] {
        let asked = app
            .request(Method::POST, "/api/llm/chat")
            .bearer_auth(key)
            .body(question("Hello").to_string());
        contents.push(send(asked).await.ok()["content"].take());
    }
    assert_eq!(contents, ["answer 1", "answer 2", "answer 1"]);
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_the_server_starts() {
    let app = App::with_echo().start().await;
    app.chat(question("Hello")).await.ok();
    let dir = app.data_dir();
    fs::write(dir.join("cache.redb"), b"this is no database").unwrap();

    let app = app.kill_and_restart().await;
    assert_eq!(app.chat(question("Hello")).await.header("x-arete-cache"), Some("miss"));
    let names: Vec<String> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert!(names.iter().any(|name| name.starts_with("cache.redb.damaged")), "{names:?}");
}

#[tokio::test]
async fn killed_under_load_it_starts_and_serves_only_whole_answers() {
    let mut app = App::with_echo().start().await;
    for round in 0..3 {
        let text = |number: usize| format!("{round} {number} {}", "word ".repeat(200));
        // The kill comes while answers are being written: after the first hundred of three hundred.
        let asking = join_all((0..300).map(|number| {
            // Many of these find the process gone.
            app.request(Method::POST, "/api/llm/chat")
                .body(question(&text(number)).to_string())
                .send()
        }));
        let killing = async {
            until_stats(&app, |stats| stats["misses"].as_u64() >= Some(100)).await;
            app.signal("KILL");
        };
        tokio::join!(asking, killing);
        app = app.kill_and_restart().await;
        for number in 0..300 {
            assert_eq!(app.chat(question(&text(number))).await.ok()["content"], text(number));
        }
    }
}

#[tokio::test]
async fn the_time_to_live_is_the_callers_to_shorten() {
    let vendor = MockVendor::start().await;
    numbered(&vendor);
    let app = App::with_vendor(&vendor).start().await;
    for wrong in
        [json!(0), json!(-1), json!(999), json!(2_592_000_001_u64), json!("1h"), json!(1.5)]
    {
        let problem = app
            .chat(ask("Hello", json!({ "cacheTTL": wrong })))
            .await
            .problem(400, "invalid-request");
        let said = problem["errors"][0]["message"].as_str().unwrap();
        assert!(said.contains("1000") && said.contains("2592000000"), "{said}");
    }
    app.chat(ask("Hello", json!({ "cacheTTL": 1000 }))).await.ok();
    // Nothing to wait for but the time itself.
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert_eq!(app.chat(question("Hello")).await.ok()["content"], "answer 2");
}
