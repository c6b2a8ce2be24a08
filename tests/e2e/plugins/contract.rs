//! Guests that answer what the contract doesn't allow, or what no program in a safe language could
//! say.

use std::sync::{Arc, Weak};

use arete_artifacts as guests;
use serde_json::json;
use tokio::sync::Mutex;

use super::{assert_limit, assert_named, disturb, disturb_stream, shared};
use crate::support::{App, ask};

/// One server for the tests of guests that break the contract.
pub(super) async fn server() -> Arc<App> {
    static SHARED: Mutex<Weak<App>> = Mutex::const_new(Weak::new());
    shared(&SHARED, &[guests::GIANT, guests::LIAR, guests::MANGLE]).await
}

#[tokio::test]
pub(super) async fn an_answer_that_breaks_the_contract_is_refused_and_never_half_told() {
    let app = server().await;
    assert_eq!(
        app.chat(ask("the truth", json!({ "provider": "liar" }))).await.ok()["content"],
        "the truth"
    );
    for lie in [
        "tool input that isn't JSON",
        "tool input that isn't an object",
        "extra that isn't JSON",
        "a block that isn't JSON",
        "a usage that isn't JSON",
    ] {
        let problem =
            app.chat(ask(lie, json!({ "provider": "liar" }))).await.problem(502, "plugin-failed");
        assert_named(&problem, "liar", "gave an answer that isn't valid");
    }
    let ask_stream = |lie: &str| ask(lie, json!({ "provider": "liar" }));
    let truth = ask("the truth", json!({ "provider": "liar", "useCache": false }));
    assert_eq!(app.stream(truth).await.finish().await.0, "the truth");
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
pub(super) async fn what_cannot_be_is_refused_however_it_is_handed_over() {
    let app = server().await;
    for (text, why) in [
        ("an answer that isn't UTF-8", "invalid utf-8"),
        ("an error that isn't UTF-8", "invalid utf-8"),
        ("a line that isn't UTF-8", "invalid utf-8"),
        ("a line beyond its memory", "out of bounds"),
        ("fields beyond its memory", "out of bounds"),
        ("a level that there isn't", "discriminant"),
        ("a reply that nobody gave it", "unknown handle index"),
        ("a reply that is something else", "handle index"),
        ("a reply dropped that nobody gave it", "unknown handle index"),
    ] {
        let problem = disturb(&app, "mangle", text, false).await;
        assert_named(&problem, "mangle", why);
    }
    for text in ["a stream that nobody gave it", "a stream that it has dropped"] {
        let problem = disturb(&app, "mangle", text, true).await;
        assert_named(&problem, "mangle", "unknown handle index");
    }
    let problem = disturb_stream(&app, "mangle", "a delta that isn't UTF-8").await;
    assert_named(&problem, "mangle", "invalid utf-8");

    let harmless = ask("nothing", json!({ "provider": "mangle" }));
    assert_eq!(app.chat(harmless.clone()).await.ok()["content"], "nothing wrong");
}

#[tokio::test]
pub(super) async fn giant_words_are_cut_or_refused() {
    let app = server().await;
    for text in ["answer", "id"] {
        let problem = disturb(&app, "giant", text, false).await;
        assert_limit(&problem, "giant", "space for its answer", ("response-bytes", "1 MiB"));
    }
    for text in ["delta", "part"] {
        let problem = disturb_stream(&app, "giant", text).await;
        assert_limit(&problem, "giant", "space for its answer", ("response-bytes", "1 MiB"));
    }
    for stream in [false, true] {
        let error = app.chat(ask("error", json!({ "provider": "giant", "stream": stream }))).await;
        error.problem(400, "invalid-request");
        assert!(error.body.len() < 10_000, "an error of {} bytes", error.body.len());
        app.request_line(error.id()).await;
    }
    let of_no_kind = app.chat(ask("error, kind", json!({ "provider": "giant" }))).await;
    of_no_kind.problem(502, "provider-failed");

    // What it says to the host is cut, and the call goes on.
    for text in ["log", "setting"] {
        assert_eq!(
            app.chat(ask(text, json!({ "provider": "giant" }))).await.ok()["content"],
            "small"
        );
    }
    let longest = app.logs().text().lines().map(str::len).max().unwrap_or_default();
    assert!(longest < 10_000, "a line of {longest} bytes");
    app.assert_well().await;
}

#[tokio::test]
async fn what_a_guest_hands_to_the_host_at_once_is_bounded() {
    let app = App::with_echo()
        .only_echo()
        .provider("giant", guests::GIANT, "limits.host-call-bytes = \"1 MiB\"")
        .provider("flood", guests::FLOOD, "limits.host-call-bytes = \"1 MiB\"")
        .start()
        .await;
    let met = ("host-call-bytes", "1 MiB");
    for text in ["log", "setting", "answer", "id", "error", "error, kind"] {
        let problem = disturb(&app, "giant", text, false).await;
        assert_limit(&problem, "giant", "space for what it hands to the host", met);
    }
    for text in ["delta", "part"] {
        let problem = disturb_stream(&app, "giant", text).await;
        assert_limit(&problem, "giant", "space for what it hands to the host", met);
    }
    // Many small things are as much as a large one.
    let problem = disturb(&app, "flood", "nothing, many at once", true).await;
    assert_limit(&problem, "flood", "space for what it hands to the host", met);
}
