//! What a guest doesn't find: the machine it runs on, and the calls before its own.

use std::sync::{Arc, Weak};

use arete_artifacts as guests;
use serde_json::json;
use tokio::sync::Mutex;

use super::shared;
use crate::support::{App, Raw, ask};

/// One server for the tests of guests that look around.
pub(super) async fn server() -> Arc<App> {
    static SHARED: Mutex<Weak<App>> = Mutex::const_new(Weak::new());
    shared(&SHARED, &[guests::COUNTER, guests::READER, guests::STRAY]).await
}

#[tokio::test]
pub(super) async fn a_guest_finds_no_files_no_environment_and_no_network() {
    let app = server().await;
    let address = app.address().to_string();
    let answer = app.chat(ask(&address, json!({ "provider": "reader" }))).await.ok();
    assert_eq!(answer["content"], "");
}

#[tokio::test]
pub(super) async fn nothing_of_a_call_outlives_it() {
    let app = server().await;
    let count = ask("How many?", json!({ "provider": "counter", "useCache": false }));
    for _ in 0..5 {
        let (whole, mut stream) = tokio::join!(app.chat(count.clone()), app.stream(count.clone()));
        assert_eq!(whole.ok()["content"], "1");
        assert_eq!(stream.finish().await.0, "1");
    }
}

#[tokio::test]
async fn an_instance_answers_again_only_if_its_operator_says_so_and_only_after_an_answer() {
    let app = App::with_echo()
        .only_echo()
        .provider("counter", guests::COUNTER, "limits.reuse = 3")
        .start()
        .await;
    let count = |text: &str| ask(text, json!({ "provider": "counter", "useCache": false }));
    for expected in ["1", "2", "3", "1"] {
        assert_eq!(app.chat(count("How many?")).await.ok()["content"], expected);
    }
    // Streams count too.
    assert_eq!(app.stream(count("How many?")).await.finish().await.0, "2");

    // What panicked, refused, or was left never answers again.
    app.chat(count("panic")).await.problem(502, "plugin-failed");
    for expected in ["1", "2"] {
        assert_eq!(app.chat(count("How many?")).await.ok()["content"], expected);
    }
    app.chat(count("refuse")).await.problem(400, "invalid-request");
    for expected in ["1", "2"] {
        assert_eq!(app.chat(count("How many?")).await.ok()["content"], expected);
    }
    let client = Raw::chat(&app, &count("sleep")).await;
    app.wait_for_log(|line| line["message"] == "asleep").await;
    client.hang_up();
    app.wait_for_log(|line| line["outcome"] == "cancelled").await;
    assert_eq!(app.chat(count("How many?")).await.ok()["content"], "1");
}

#[tokio::test]
async fn calls_at_once_never_share_an_instance() {
    let app = App::with_echo()
        .only_echo()
        .provider("counter", guests::COUNTER, "limits.reuse = 100")
        .start()
        .await;
    let count = |text: &str| ask(text, json!({ "provider": "counter", "useCache": false }));
    let asleep = Raw::chat(&app, &count("sleep")).await;
    app.wait_for_log(|line| line["message"] == "asleep").await;
    for expected in ["1", "2", "3"] {
        assert_eq!(app.chat(count("How many?")).await.ok()["content"], expected);
    }
    asleep.hang_up();
}
