//! Limits on what one call says and holds.

use arete_artifacts as guests;
use mock_vendor::{MockVendor, Reply};
use serde_json::{Value, json};

use super::computing::server;
use super::{assert_limit, disturb, disturb_stream};
use crate::support::{App, ask};

#[tokio::test]
pub(super) async fn an_answer_without_end_ends_at_its_limit() {
    let app = App::with_echo()
        .only_echo()
        .provider("flood", guests::FLOOD, "limits.response-bytes = \"64 KiB\"")
        .start()
        .await;
    let met = ("response-bytes", "64 KiB");
    let problem = disturb_stream(&app, "flood", "words").await;
    assert_limit(&problem, "flood", "space for its answer", met);
    // Of words that say nothing, and of what isn't even words, nobody hears anything.
    for (text, stream) in
        [("words", false), ("nothing", true), ("nothing, many at once", true), ("usage", true)]
    {
        let problem = disturb(&app, "flood", text, stream).await;
        assert_limit(&problem, "flood", "space for its answer", met);
    }
}

fn of_chatter(line: &Value) -> bool {
    line["target"] == "plugin" && line["provider"] == "chatter"
}

fn tells_the_cut(line: &Value) -> bool {
    of_chatter(line) && line["message"].as_str().unwrap().contains("the rest is dropped")
}

#[tokio::test]
pub(super) async fn a_guest_that_talks_without_end_is_cut_short_in_the_log() {
    let app = App::with_echo()
        .only_echo()
        .set("LLM_PLUGIN_CPU", "300ms")
        .plugin(guests::CHATTER)
        .start()
        .await;
    let problem = disturb(&app, "chatter", "for ever", false).await;
    assert_limit(&problem, "chatter", "computing time", ("cpu", "300ms"));
    app.wait_for_log(tells_the_cut).await;
    let lines = app.logs().find(of_chatter);
    let bytes: usize = lines.iter().map(|line| line["message"].as_str().unwrap().len()).sum();
    assert!(bytes < 80_000, "{bytes} bytes in {} lines", lines.len());
    assert_eq!(lines.iter().filter(|line| tells_the_cut(line)).count(), 1);
    for stream in ["stdout", "stderr"] {
        assert!(lines.iter().any(|line| line["stream"] == stream), "nothing of {stream}");
    }
}

#[tokio::test]
async fn a_call_goes_on_when_its_log_is_full() {
    for (key, limit, of) in [("log-lines", "5", "lines of log"), ("log-bytes", "\"1 KiB\"", "log")]
    {
        let limits = format!("limits.{key} = {limit}");
        let app = App::with_echo()
            .only_echo()
            .provider("chatter", guests::CHATTER, &limits)
            .start()
            .await;
        for (nth, stream) in [false, true].into_iter().enumerate() {
            let talk = ask("20", json!({ "provider": "chatter", "useCache": false }));
            if stream {
                assert_eq!(app.stream(talk).await.finish().await.0, "said it all");
            } else {
                assert_eq!(app.chat(talk).await.ok()["content"], "said it all");
            }
            app.logs().wait_for_count("the cut of the log", tells_the_cut, nth + 1).await;
        }
        let (cuts, lines): (Vec<Value>, Vec<Value>) =
            app.logs().find(of_chatter).into_iter().partition(tells_the_cut);
        let told = cuts[0]["message"].as_str().unwrap();
        assert!(
            told.contains(&format!("more {of} than one call may"))
                && told.contains(&format!("`{key}`")),
            "{told}"
        );
        assert_eq!(cuts.len(), 2, "once for each call");
        assert!(lines.len() <= 10, "{} lines in two calls", lines.len());
    }
}

#[tokio::test]
pub(super) async fn a_guest_that_lets_go_of_nothing_is_ended() {
    let app = server().await;
    for stream in [false, true] {
        let problem = disturb(&app, "leaker", "pollables now", stream).await;
        assert_limit(&problem, "leaker", "handles", ("handles", "50"));
    }
}

#[tokio::test]
async fn answers_of_vendors_that_a_guest_keeps_are_closed_with_its_call() {
    let vendor = MockVendor::start().await;
    let lines = format!("limits.handles = 8\n[[outbound]]\norigin = {:?}", vendor.url());
    let app = App::with_echo().only_echo().provider("leaker", guests::LEAKER, &lines).start().await;
    vendor.always(Reply::status(200).body("x".repeat(100)).stall_mid_body(50));
    for stream in [false, true] {
        let problem = disturb(&app, "leaker", &format!("replies {}", vendor.url()), stream).await;
        assert_limit(&problem, "leaker", "handles", ("handles", "8"));
        vendor.wait_for_connections(0).await;
    }
    assert!(
        (14..=20).contains(&vendor.connections_total()),
        "{} connections",
        vendor.connections_total()
    );
}
