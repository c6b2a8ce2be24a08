//! Vendors behind TLS, whose authority is the test's own and in `LLM_CA_FILE`.

use mock_vendor::{Gate, Reply, claude};
use rustls::HandshakeKind;
use serde_json::json;

use crate::support::tls::{Authority, FUTURE, Http, TlsVendor};
use crate::support::{App, Builder, KEY, Raw, ask, question};

/// A year in which no certificate of the tests is valid any more.
const PAST: i32 = 2020;

/// A server that knows this authority.
fn knows(authority: &Authority) -> Builder {
    App::bare()
        .file("ca.pem", authority.pem())
        .set("LLM_CA_FILE", "ca.pem")
        .set("ANTHROPIC_API_KEY", KEY)
        .set("LLM_RETRY_DELAY", "1ms")
}

async fn vendor(authority: &Authority, http: Http) -> TlsVendor {
    TlsVendor::start(authority.certify("localhost", FUTURE), http).await
}

#[tokio::test]
async fn both_versions_of_http_work_over_tls() {
    let authority = Authority::new("Tests");
    for http in [Http::One, Http::Two] {
        let vendor = vendor(&authority, http).await;
        let app = knows(&authority).set("ANTHROPIC_BASE_URL", vendor.url()).start().await;
        vendor.vendor().reply(Reply::json(200, claude::message("Good morning")));
        assert_eq!(app.chat(question("Hello")).await.ok()["content"], "Good morning", "{http:?}");
        vendor.vendor().reply(Reply::sse_text(claude::stream(&["Good ", "evening"])));
        let mut stream = app.stream(question("Good night")).await;
        assert_eq!(stream.finish().await.0, "Good evening", "{http:?}");
        assert_eq!(vendor.handshakes(), [HandshakeKind::Full], "{http:?}: one connection for both");
        let seen = vendor.vendor().requests();
        assert!(seen.iter().all(|request| request.header("x-api-key") == Some(KEY)), "{seen:?}");
    }
}

#[tokio::test]
async fn tls_sessions_are_resumed_by_a_provider_and_shared_with_no_other() {
    let authority = Authority::new("Tests");
    let vendor = vendor(&authority, Http::One).await;
    let file = format!(
        "component = \"bundled:claude\"\nconfig.base-url = {url:?}\nconfig.model = \"m\"\n[[outbound]]\norigin = {url:?}\n\
         headers = {{ x-api-key = {KEY:?} }}\n",
        url = vendor.url()
    );
    let app = knows(&authority)
        .file("plugins/one.toml", &file)
        .file("plugins/two.toml", &file)
        .set("LLM_PLUGIN_DIR", "plugins")
        .start()
        .await;
    // Each answer ends its connection.
    vendor.vendor().always(Reply::json(200, claude::message("Hi")).header("connection", "close"));
    for provider in ["one", "one", "two", "two", "one"] {
        let question = ask("Hello", json!({ "provider": provider, "useCache": false }));
        assert_eq!(app.chat(question).await.ok()["content"], "Hi");
    }
    use HandshakeKind::{Full, Resumed};
    assert_eq!(vendor.handshakes(), [Full, Resumed, Full, Resumed, Resumed]);
}

#[tokio::test]
async fn a_certificate_that_is_not_right_fails_with_a_sentence_and_sends_nothing() {
    let authority = Authority::new("Tests");
    let unknown = "its certificate belongs into the file LLM_CA_FILE";
    for (config, says) in [
        (
            authority.certify("vendor.example", FUTURE),
            "the server's certificate is for other names",
        ),
        (authority.certify("localhost", PAST), "the server's certificate has expired"),
        (Authority::new("Others").certify("localhost", FUTURE), unknown),
        (Authority::new("Tests").certify("localhost", FUTURE), unknown),
    ] {
        let vendor = TlsVendor::start(config, Http::One).await;
        let app = knows(&authority)
            .set("ANTHROPIC_BASE_URL", vendor.url())
            .set("LLM_MAX_RETRIES", "0")
            .start()
            .await;
        let answer = app.chat(question("Hello")).await;
        assert_eq!(answer.status, 502, "{}", answer.body);
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        let whom = format!("provider claude isn't connected to {}: ", vendor.url());
        assert!(detail.contains(&whom) && detail.contains(says), "{detail}");
        assert!(vendor.handshakes().is_empty());
        assert_eq!(vendor.vendor().connections_total(), 0);
    }
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_own_stream_of_http_2_and_no_other() {
    let authority = Authority::new("Tests");
    let vendor = vendor(&authority, Http::Two).await;
    let app = knows(&authority).set("ANTHROPIC_BASE_URL", vendor.url()).start().await;
    let (first, second) = (Gate::new(), Gate::new());
    for gate in [&first, &second] {
        let stream = claude::stream(&["Good ", "morning"]);
        vendor.vendor().reply(Reply::sse_text(stream).wait_after(4, gate));
    }
    let mut stays = app.stream(ask("Stay", json!({}))).await;
    stays.next().await;
    assert_eq!(stays.text().await, "Good ");
    let mut leaves = Raw::chat(&app, &ask("Leave", json!({ "stream": true }))).await;
    leaves.until("Good ").await;
    leaves.hang_up();
    vendor.vendor().wait_for_disconnect().await;
    first.open();
    assert_eq!(stays.finish().await.0, "morning");
    assert_eq!(vendor.handshakes().len(), 1, "both on one connection");

    // Before the vendor has answered at all.
    vendor.vendor().reply(Reply::stall());
    let client = Raw::chat(&app, &question("Wait")).await;
    for _ in 0..3 {
        vendor.vendor().next_request().await;
    }
    client.hang_up();
    vendor.vendor().wait_for_disconnect().await;
    app.assert_well().await;
}

#[tokio::test]
async fn a_file_of_authorities_that_has_none_stops_the_start() {
    for (content, says) in
        [("", "no certificate in PEM"), ("-----BEGIN CERTIFICATE-----\nA", "isn't PEM")]
    {
        let run = App::with_echo().file("ca.pem", content).set("LLM_CA_FILE", "ca.pem").run().await;
        assert!(!run.status.success());
        assert!(run.stderr.contains("LLM_CA_FILE ca.pem can't be used"), "{}", run.stderr);
        assert!(run.stderr.contains(says), "{}", run.stderr);
    }
    let run = App::with_echo().set("LLM_CA_FILE", "none.pem").run().await;
    assert!(
        run.stderr.contains("LLM_CA_FILE none.pem can't be used: it can't be read"),
        "{}",
        run.stderr
    );
}
