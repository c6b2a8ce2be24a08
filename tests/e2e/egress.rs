//! The way out: a provider reaches what it was granted, by the very origin and the very kind of
//! address, and an operator learns from the log what to write to allow more.

use arete_artifacts::STRAY;
use compression_codecs::core::Level;
use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
use compression_codecs::{EncodeV2, GzipEncoder};
use mock_vendor::{MockVendor, Reply, claude};
use serde_json::{Value, json};

use crate::support::{App, KEY, ask, question};

/// The vendor as seen by another name of this machine.
fn named(vendor: &MockVendor, host: &str) -> String {
    vendor.url().replace("127.0.0.1", host)
}

#[tokio::test]
async fn a_vendor_on_this_machine_is_reached_by_name_and_by_address() {
    let vendor = MockVendor::start().await;
    for base in [named(&vendor, "localhost"), vendor.url().to_owned()] {
        let app = App::with_vendor(&vendor).set("ANTHROPIC_BASE_URL", &base).start().await;
        vendor.reply(Reply::json(200, claude::message("Good morning")));
        assert_eq!(app.chat(question("Hello")).await.ok()["content"], "Good morning", "{base}");
    }
}

#[tokio::test]
async fn a_denial_tells_the_operator_the_lines_to_add_and_no_spelling_gets_around_it() {
    let vendor = MockVendor::start().await;
    let app = App::with_echo().plugin(arete_artifacts::STRAY).start().await;
    for (host, origin) in [
        ("127.0.0.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("localhost", "localhost"),
        ("LOCALHOST", "localhost"),
        ("[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
        ("0.0.0.0", "0.0.0.0"),
    ] {
        let answer =
            app.chat(ask(&named(&vendor, host), json!({ "provider": "stray" }))).await.ok();
        let origin = named(&vendor, origin);
        let denied = format!("denied: provider stray has no grant for {origin}");
        assert!(answer["content"].as_str().unwrap().starts_with(&denied), "{answer}");
        let line = app
            .wait_for_log(|line: &Value| line["level"] == "WARN" && line["origin"] == origin)
            .await;
        assert_eq!((&line["provider"], &line["file"]), (&json!("stray"), &json!("stray.toml")));
        let message = line["message"].as_str().unwrap();
        assert!(
            message.ends_with(&format!("add to stray.toml:\n[[outbound]]\norigin = \"{origin}\"")),
            "{message}"
        );
    }
    assert_eq!(vendor.connections_total(), 0);
}

#[tokio::test]
async fn a_vendor_whose_head_is_too_large_is_told_by_the_limits_key() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("LLM_MAX_RETRIES", "0").start().await;
    vendor
        .reply(Reply::json(200, claude::message("Hello")).header("x-long", "x".repeat(100 << 10)));
    let problem = app.chat(question("Hello")).await.problem(502, "provider-failed");
    assert!(problem["detail"].as_str().unwrap().contains("`header-bytes`"), "{problem}");
    let many = (0..200).fold(Reply::json(200, claude::message("Hello")), |reply, n| {
        reply.header(&format!("x-{n}"), "1")
    });
    vendor.reply(many);
    let problem = app.chat(question("Hello")).await.problem(502, "provider-failed");
    assert!(problem["detail"].as_str().unwrap().contains("`headers`"), "{problem}");
    app.assert_well().await;
}

/// Encodes a body with gzip.
fn gzipped(body: &str) -> Vec<u8> {
    let mut encoder = GzipEncoder::new(Level::Default.into());
    let mut buffer = vec![0; 1 << 16];
    let mut output = WriteBuffer::new_initialized(&mut buffer);
    encoder.encode(&mut PartialBuffer::new(body.as_bytes()), &mut output).unwrap();
    assert!(encoder.finish(&mut output).unwrap());
    output.written().to_vec()
}

#[tokio::test]
async fn answers_that_are_encoded_all_the_same_are_read_and_others_are_refused_once() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("LLM_MAX_RETRIES", "3").start().await;
    let gzip = |body: &str, kind: &str| {
        let reply = Reply::status(200).header("content-type", kind);
        reply.header("content-encoding", "gzip").body(gzipped(body))
    };
    let whole = claude::message("Good morning").to_string();
    vendor.reply(gzip(&whole, "application/json"));
    assert_eq!(app.chat(question("Hello")).await.ok()["content"], "Good morning");
    vendor.reply(gzip(&claude::stream(&["Good ", "evening"]), "text/event-stream").cut_every(7));
    let (text, _) = app.stream(question("Hello again")).await.finish().await;
    assert_eq!(text, "Good evening");

    let before = vendor.count();
    vendor
        .always(Reply::json(200, claude::message("Hello")).header("content-encoding", "compress"));
    let problem = app.chat(question("Another")).await.problem(502, "provider-failed");
    assert!(problem["detail"].as_str().unwrap().contains("encoded as \"compress\""), "{problem}");
    assert_eq!(vendor.count() - before, 1);
}

/// Returns the words that stray was told about this URL.
async fn strayed(app: &App, provider: &str, url: &str) -> String {
    let question = ask(url, json!({ "provider": provider, "useCache": false }));
    app.chat(question).await.ok()["content"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn only_the_granted_paths_and_methods_are_reached_whatever_their_spelling() {
    let vendor = MockVendor::start().await;
    vendor.always(Reply::status(204));
    let url = vendor.url();
    let lines = |endpoints: &str| {
        format!("[[outbound]]\norigin = {url:?}\n{endpoints}\nheaders = {{ x-api-key = {KEY:?} }}")
    };
    let app = App::with_echo()
        .only_echo()
        .provider(
            "some",
            STRAY,
            &lines("paths = [\"/v1/messages\", \"/model/*\"]\nmethods = [\"GET\"]"),
        )
        .provider("poster", STRAY, &lines("paths = [\"/v1/*\"]\nmethods = [\"POST\", \"PUT\"]"))
        .provider("all", STRAY, &lines(""))
        .start()
        .await;
    for path in ["/v1/messages", "/v1/messages?a=/../b", "/v1/x/../messages", "/model/a:1/invoke"] {
        let said = strayed(&app, "some", &format!("{url}{path}")).await;
        assert_eq!(said, "answered: 204", "{path}");
    }
    let seen = vendor.count();
    for (path, says) in [
        (
            "/v1/files",
            "The operator may add \"/v1/files\" to paths, under [[outbound]] in some.toml",
        ),
        ("/model/../v1/files?/v1/messages", "GET /v1/files to"),
        ("/model/%2e%2e/v1/files", "GET /v1/files to"),
        ("/v1/messages/", "GET /v1/messages/ to"),
        ("/model/..%2fv1/files", "can be read in two ways"),
        ("/model/%252e%252e/v1/files", "can be read in two ways"),
        ("/model/..;/v1/files", "can be read in two ways"),
        ("/model//v1/files", "can be read in two ways"),
        ("/model\\..\\v1\\files", "GET /v1/files to"),
        ("/model/a%5c..%5cfiles", "can be read in two ways"),
    ] {
        let said = strayed(&app, "some", &format!("{url}{path}")).await;
        assert!(said.starts_with("denied: provider some may not send GET "), "{path}: {said}");
        assert!(said.contains(says), "{path}: {said}");
    }
    let said = strayed(&app, "poster", &format!("{url}/v1/messages")).await;
    let add = "may not send GET /v1/messages to";
    assert!(said.contains(add) && said.contains("may add \"GET\" to methods, under"), "{said}");
    assert_eq!(vendor.count(), seen, "nothing was sent");
    let line = app
        .wait_for_log(|line: &Value| line["level"] == "WARN" && line["provider"] == "poster")
        .await;
    assert!(line["message"].as_str().unwrap().contains(add), "{line}");

    let said = strayed(&app, "all", &format!("{url}/model/..%2fv1//files")).await;
    assert_eq!(said, "answered: 204", "without paths, all of the origin is granted");
}

#[tokio::test]
async fn paths_are_below_the_path_of_a_base_url() {
    let vendor = MockVendor::start().await;
    let base = format!("{}/gateway/anthropic/", vendor.url());
    let app = App::with_vendor(&vendor).set("ANTHROPIC_BASE_URL", base).start().await;
    vendor.reply(Reply::json(200, claude::message("Good morning")));
    assert_eq!(app.chat(question("Hello")).await.ok()["content"], "Good morning");
    assert_eq!(vendor.next_request().await.path, "/gateway/anthropic/v1/messages");
}
