//! Connections: a provider whose vendor takes all it is asked and answers nothing, over as many
//! connections as there are; one that never stops sending what brings nothing.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use mock_vendor::{Gate, MockVendor, Reply, claude};
use serde_json::json;

use super::super::detail;
use crate::support::tls::{Authority, Endless, FUTURE};
use crate::support::{App, KEY, ask, question, within};

/// The file of a provider that asks this vendor.
fn file(vendor: &MockVendor) -> String {
    let url = vendor.url();
    format!(
        "component = \"bundled:claude\"\nconfig.base-url = {url:?}\nconfig.model = \"m\"\n[[outbound]]\n\
         origin = {url:?}\nheaders = {{ x-api-key = {KEY:?} }}\n"
    )
}

#[cfg(unix)]
#[tokio::test]
async fn a_provider_that_opens_many_connections_takes_none_that_another_needs() {
    let (stalled, other) = (MockVendor::start().await, MockVendor::start().await);
    let app = App::with_echo()
        .file("plugins/greedy.toml", file(&stalled))
        .file("plugins/modest.toml", file(&other))
        .set("LLM_PLUGIN_DIR", "plugins")
        .set("LLM_MAX_RETRIES", "0")
        .set("LLM_CONNECT_TIMEOUT", "500ms")
        .descriptors(256)
        .start()
        .await;
    let told = app.wait_for_log(|line| line["message"] == "Divided the machine").await;
    let vendors = told["for_vendors"].as_u64().unwrap();
    let most = usize::try_from(vendors).unwrap() / 4 * 3;

    // No more clients than there are places for, and more calls than the provider gets descriptors:
    // eight of each other one are kept.
    let (answers, calls) = (Gate::new(), 64);
    stalled.always(Reply::json(200, claude::message("At last")).wait_before_headers(&answers));
    let asked: FuturesUnordered<_> = (0..calls)
        .map(|number| {
            let fields = json!({ "provider": "greedy", "useCache": false });
            app.chat(ask(&format!("Question {number}"), fields))
        })
        .collect();
    let mut asked = asked.boxed_local();
    // Some find no descriptor, and say so; those that have one wait for their vendor.
    let refused = within("a refusal", asked.next()).await.unwrap();
    let says = detail(&refused);
    assert!(says.contains("no connection can be opened: this provider has"), "{says}");
    assert!(says.contains(&format!("of the {vendors} that all")), "{says}");
    assert!(says.contains("`connect-timeout`"), "{says}");
    other.always(Reply::json(200, claude::message("Hi")));
    for number in 0..8 {
        let fields = json!({ "provider": "modest", "useCache": false });
        let answer = app.chat(ask(&format!("Question {number}"), fields)).await;
        assert_eq!(answer.ok()["content"], "Hi");
    }
    assert!(stalled.connections_open() <= most, "{}", stalled.connections_open());

    answers.open();
    let statuses: Vec<u16> =
        within("the others", asked.map(|answer| answer.status).collect()).await;
    let answered = statuses.iter().filter(|status| **status == 200).count();
    assert!((most / 2..=most).contains(&answered), "{answered} of {statuses:?}");
    // Nothing is kept that would be lacking later.
    app.chat(ask("Again", json!({ "provider": "greedy" }))).await.ok();
    app.assert_well().await;
}

#[tokio::test]
async fn frames_of_http_2_that_bring_nothing_end_by_their_number() {
    let authority = Authority::new("Tests");
    let (ping, headers, data, settings) = (6, 1, 0, 4);
    // `:status: 103`, written out.
    let early_hints = b"\x08\x03103".as_slice();
    let counted = "frames of HTTP/2 that bring nothing";
    for (what, kind, flags, stream, payload, says) in [
        ("interim answers", headers, 4, 1, early_hints, counted),
        ("pings", ping, 0, 0, b"01234567".as_slice(), counted),
        ("answers to pings", ping, 1, 0, b"01234567".as_slice(), counted),
        ("settings", settings, 0, 0, b"".as_slice(), counted),
        ("frames of no kind", 99, 0, 0, b"".as_slice(), counted),
        // These the library counts too, and fewer of them.
        ("data without data", data, 0, 1, b"".as_slice(), "the vendor's answer broke off"),
    ] {
        let [.., length] = payload.len().to_be_bytes();
        let frame = [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat();
        let begins = match kind {
            // `:status: 200` of the table.
            0 => vec![0, 0, 1, headers, 4, 0, 0, 0, 1, 0x88],
            _ => vec![],
        };
        let mut vendor =
            Endless::start(authority.certify("localhost", FUTURE), begins, frame).await;
        let app = App::bare()
            .file("ca.pem", authority.pem())
            .set("LLM_CA_FILE", "ca.pem")
            .set("ANTHROPIC_API_KEY", KEY)
            .set("ANTHROPIC_BASE_URL", vendor.url())
            .set("LLM_MAX_RETRIES", "0")
            // Time isn't what ends it.
            .set("LLM_TIMEOUT", "10m")
            .set("LLM_IDLE_TIMEOUT", "10m")
            .start()
            .await;
        let answer = within(what, super::super::beside(&app, app.chat(question("Hello")))).await;
        let told = (answer.status, detail(&answer));
        assert_eq!(told.0, 502, "{what}: {told:?}");
        assert!(told.1.contains(says), "{what}: {told:?}");
        within("the connection's end", vendor.ended()).await;
    }
}
