//! Guests that misbehave, one behaviour each: every one fails its own call, with a reason that
//! names it, and nobody else's.

mod admission;
mod bulk;
mod compiling;
mod computing;
mod contract;
mod limits;
mod network;
mod places;
mod room;
mod walls;

use std::sync::{Arc, Weak};

use arete_artifacts as guests;
use mock_vendor::{Gate, MockVendor, Reply, claude};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::support::{App, Builder, ask, question};

/// A test of each fixture.
const TESTED: &[(&str, fn())] = &[
    ("bare", computing::a_panic_says_why_without_standard_error),
    ("bulk", bulk::what_is_too_much_at_once_is_refused),
    ("chatter", limits::a_guest_that_talks_without_end_is_cut_short_in_the_log),
    ("counter", walls::nothing_of_a_call_outlives_it),
    ("flood", limits::an_answer_without_end_ends_at_its_limit),
    ("forger", network::a_guest_neither_sets_nor_sees_a_credential),
    ("giant", contract::giant_words_are_cut_or_refused),
    ("greedy", network::each_size_of_the_network_is_named_when_it_is_too_large),
    ("hog", computing::a_guest_that_takes_too_much_memory_is_ended),
    ("leaker", limits::a_guest_that_lets_go_of_nothing_is_ended),
    ("liar", contract::an_answer_that_breaks_the_contract_is_refused_and_never_half_told),
    ("mangle", contract::what_cannot_be_is_refused_however_it_is_handed_over),
    ("mute", admission::a_guest_that_cannot_describe_itself_is_listed_with_its_reason),
    ("reader", walls::a_guest_finds_no_files_no_environment_and_no_network),
    ("recurse", computing::a_guest_whose_stack_overflows_fails_its_own_call_only),
    ("sleeper", computing::waiting_is_not_charged_as_computing),
    ("spin", computing::a_guest_that_computes_for_ever_is_ended),
    ("stray", network::a_guest_reaches_no_host_that_it_was_not_granted),
    ("trap", computing::a_guest_that_ends_itself_fails_its_own_request_while_others_go_on),
    (
        "waiter",
        network::a_guest_that_waits_for_its_vendor_is_not_charged_and_one_that_computes_then_is,
    ),
];

/// The fixture that the conformance suite is tested with, in tests/kit/conformance.rs.
const OF_THE_KIT: &str = "sloppy";

#[test]
fn every_fixture_has_a_test() {
    let mut tested: Vec<&str> = TESTED.iter().map(|(name, _)| *name).collect();
    tested.push(OF_THE_KIT);
    tested.sort_unstable();
    assert_eq!(tested, guests::ALL);
}

/// Limits that are soon met.
fn tight(builder: Builder) -> Builder {
    builder
        .set("LLM_PLUGIN_CPU", "300ms")
        .set("LLM_PLUGIN_MEMORY", "32 MiB")
        .set("LLM_RESPONSE_LIMIT", "1 MiB")
        .set("LLM_PLUGIN_HANDLES", "50")
}

/// A server with these, to be shared by the tests that run at the same time: each must leave it
/// well.
async fn shared(place: &Mutex<Weak<App>>, guests: &[&str]) -> Arc<App> {
    let builder =
        || guests.iter().fold(tight(App::with_echo().only_echo()), |app, guest| app.plugin(guest));
    App::shared_by(place, builder).await
}

/// Asks a fixture, and echo at the same time: the one may fail, the other mustn't notice.
async fn disturb(app: &App, provider: &str, text: &str, stream: bool) -> Value {
    let bad = app.chat(ask(text, json!({ "provider": provider, "stream": stream })));
    let (bad, ()) = tokio::join!(bad, app.assert_well());
    app.assert_well().await;
    bad.problem(502, "plugin-failed")
}

/// The same for a fixture that fails in the middle of its stream.
async fn disturb_stream(app: &App, provider: &str, text: &str) -> Value {
    let mut stream = app.stream(ask(text, json!({ "provider": provider }))).await;
    let ((), problem) = tokio::join!(app.assert_well(), stream.fail(502, "plugin-failed"));
    app.assert_well().await;
    problem
}

/// Fails unless the problem says what happened, and in which version of which plugin.
#[track_caller]
fn assert_named(problem: &Value, plugin: &str, what: &str) {
    let detail = problem["detail"].as_str().expect("a problem has a detail");
    assert!(
        detail.contains(&format!("the plugin {plugin} 0.0.1")) && detail.contains(what),
        "{detail}"
    );
}

/// Fails unless the problem names the plugin and the limit that it met: of what, how much, and what
/// raises it.
#[track_caller]
fn assert_limit(problem: &Value, plugin: &str, of: &str, (key, allowed): (&str, &str)) {
    assert_named(
        problem,
        plugin,
        &format!("used more {of} than one call may ({allowed}; `{key}` under [limits] in"),
    );
}

#[tokio::test]
async fn a_stream_under_way_notices_nothing_of_any_of_them() {
    let vendor = MockVendor::start().await;
    let disturbers =
        [guests::CHATTER, guests::FLOOD, guests::HOG, guests::LEAKER, guests::SPIN, guests::TRAP];
    let app = disturbers
        .iter()
        .fold(tight(App::with_vendor(&vendor)), |app, guest| app.plugin(guest))
        .start()
        .await;
    let gate = Gate::new();
    vendor.reply(Reply::sse_text(claude::stream(&["Good ", "morning"])).wait_after(4, &gate));
    let mut under_way = app.stream(question("Hello")).await;
    under_way.next().await;
    assert_eq!(under_way.text().await, "Good ");

    let fail = async |provider: &str, text: &str, stream: bool| {
        app.chat(ask(text, json!({ "provider": provider, "stream": stream })))
            .await
            .problem(502, "plugin-failed");
    };
    for stream in [false, true] {
        tokio::join!(
            fail("spin", "before it answers", stream),
            fail("hog", "Hello", stream),
            fail("trap", "Hello", stream),
            fail("leaker", "pollables", stream),
            fail("chatter", "for ever", stream),
            fail("flood", "nothing", stream),
            app.assert_well(),
        );
    }
    app.assert_well().await;
    gate.open();
    assert_eq!(under_way.finish().await.0, "morning");
}
