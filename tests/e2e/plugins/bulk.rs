//! A guest that hands the host as much as it can at once: it is refused, or what it hands over is
//! bounded, and it pays for the work.

use arete_artifacts as guests;
use serde_json::json;

use super::{assert_limit, assert_named};
use crate::support::{App, ask};

async fn server() -> App {
    App::with_echo().only_echo().provider("bulk", guests::BULK, "limits.cpu = \"2s\"").start().await
}

#[tokio::test]
pub(super) async fn what_is_too_much_at_once_is_refused() {
    let app = server().await;
    for (what, reason) in [
        ("stdout", "writes 62914560 bytes at once, and may write 65536"),
        ("pollables", "waits for 1000000 things at once, and may for 1024"),
        ("random", "requested len 62914560 exceeds limit 65536"),
        ("insecure random", "requested len 62914560 exceeds limit 65536"),
    ] {
        let bad = app.chat(ask(what, json!({ "provider": "bulk" })));
        let (bad, ()) = tokio::join!(bad, app.assert_well());
        assert_named(&bad.problem(502, "plugin-failed"), "bulk", reason);
    }
    app.assert_well().await;
}

#[tokio::test]
async fn what_is_bounded_goes_on() {
    let app = server().await;
    // A thousand lines that aren't written, of 60 MiB each, cost less than a guest may compute.
    for what in ["log unwritten", "log written", "log fields", "config", "url", "headers"] {
        let good = app.chat(ask(what, json!({ "provider": "bulk" })));
        let (good, ()) = tokio::join!(good, app.assert_well());
        assert_eq!(good.ok()["content"], "done", "{what}");
    }
    app.assert_well().await;
}

#[tokio::test]
async fn a_guest_pays_for_what_the_host_does_for_it() {
    let app = server().await;
    let bad = |()| app.chat(ask("log without end", json!({ "provider": "bulk" })));
    let (one, other, ()) = tokio::join!(bad(()), bad(()), app.assert_well());
    for answer in [one, other] {
        let problem = answer.problem(502, "plugin-failed");
        assert_limit(&problem, "bulk", "computing time", ("cpu", "2s"));
    }
    app.assert_well().await;
}
