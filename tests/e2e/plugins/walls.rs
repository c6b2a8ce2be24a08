//! What a guest doesn't find: the machine it runs on, and the calls before its own.

use std::sync::{Arc, Weak};

use arete_artifacts as guests;
use serde_json::json;
use tokio::sync::Mutex;

use super::shared;
use crate::support::{App, ask};

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
