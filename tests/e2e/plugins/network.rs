//! Guests that want more of the network than they were granted.

use std::time::Duration;

use arete_artifacts as guests;
use mock_vendor::{MockVendor, Reply, Request};
use serde_json::json;

use super::assert_limit;
use super::walls::server;
use crate::support::{App, Builder, KEY, ask};

/// A provider that may ask this vendor, with the operator's key.
fn granted(id: &str, component: &str, vendor: &MockVendor, limits: &str) -> Builder {
    let lines = format!(
        "{limits}\n[[outbound]]\norigin = {:?}\nheaders = {{ authorization = \"Bearer ${{VENDOR_KEY}}\" }}",
        vendor.url()
    );
    App::with_echo()
        .only_echo()
        .set("VENDOR_KEY", KEY)
        .set("LLM_MAX_RETRIES", "0")
        .provider(id, component, &lines)
}

#[tokio::test]
pub(super) async fn a_guest_reaches_no_host_that_it_was_not_granted() {
    let app = server().await;
    let vendor = MockVendor::start().await;
    for url in [
        vendor.url(),
        "https://api.anthropic.com/v1/models",
        "http://169.254.169.254/latest/meta-data",
    ] {
        let answer = app.chat(ask(url, json!({ "provider": "stray" }))).await.ok();
        let content = answer["content"].as_str().unwrap();
        assert!(content.starts_with("denied: ") && content.contains("stray"), "{content}");
    }
    assert_eq!(vendor.connections_total(), 0);
    let origin = vendor.url();
    let refused =
        app.wait_for_log(|line| line["level"] == "WARN" && line["origin"] == origin).await;
    assert_eq!(refused["provider"], "stray");

    for url in [
        "file:///etc/passwd",
        "not a URL",
        &app.url("/").replace("http://", "http://user:password@"),
    ] {
        let answer = app.chat(ask(url, json!({ "provider": "stray" }))).await.ok();
        assert!(answer["content"].as_str().unwrap().starts_with("failed: "), "{answer}");
    }
}

#[tokio::test]
async fn a_redirect_is_the_guests_to_follow_and_no_grant() {
    let (vendor, other) = (MockVendor::start().await, MockVendor::start().await);
    let app = granted("stray", guests::STRAY, &vendor, "").start().await;
    for target in [other.url(), "http://169.254.169.254/", "https://api.anthropic.com/"] {
        for status in [301, 302, 307, 308] {
            vendor.reply(Reply::status(status).header("location", target));
            let url = format!("{}/{status}", vendor.url());
            let answer =
                app.chat(ask(&url, json!({ "provider": "stray", "useCache": false }))).await.ok();
            let content = answer["content"].as_str().unwrap();
            assert!(
                content.starts_with(&format!("answered: {status}, and there: denied: ")),
                "{content}"
            );
        }
    }
    assert_eq!((vendor.count(), other.connections_total()), (12, 0));

    // One that stays where the grant is may be followed, with the key again.
    vendor.replies([Reply::status(302).header("location", vendor.url()), Reply::status(200)]);
    let answer = app.chat(ask(vendor.url(), json!({ "provider": "stray" }))).await.ok();
    assert_eq!(answer["content"], "answered: 302, and there: answered: 200");
    assert!(
        vendor
            .requests()
            .iter()
            .all(|request| request.header("authorization") == Some(&format!("Bearer {KEY}")))
    );
    app.assert_well().await;
}

/// Repeats all that it was sent, in the head and as the body.
fn repeat(request: &Request, body: &str) -> Reply {
    let said: String =
        request.headers.iter().map(|(name, value)| format!("{name}: {value}, ")).collect();
    Reply::status(200)
        .header("x-said", said.clone())
        .header("set-cookie", said.clone())
        .body(body.replace("{}", &said))
}

#[tokio::test]
pub(super) async fn a_guest_neither_sets_nor_sees_a_credential() {
    let vendor = MockVendor::start().await;
    let app = granted("forger", guests::FORGER, &vendor, "").start().await;
    for (way, body) in [
        ("headers", ""),
        ("text", "{}"),
        ("bytes", "{}"),
        ("lines", "{}\n{}"),
        ("events", "event: a\ndata: {}\n\n"),
        ("pieces", "{}"),
    ] {
        // Cut, so that the key never comes in one piece.
        vendor.always_with(move |request| repeat(request, body).cut_every(7));
        let question = format!("{way} {}", vendor.url());
        let answer = app.chat(ask(&question, json!({ "provider": "forger" }))).await.ok();
        let content = answer["content"].as_str().unwrap();
        assert!(content.contains("[redacted]"), "{way}: {content}");
        assert!(!content.contains(KEY) && !content.contains("forged"), "{way}: {content}");
        assert!(!content.contains("set-cookie"), "{way}: {content}");
    }
    for request in vendor.requests() {
        assert_eq!(request.header("authorization"), Some(&*format!("Bearer {KEY}")));
        let forged: Vec<_> =
            request.headers.iter().filter(|(_, value)| value.contains("forged")).collect();
        assert!(forged.is_empty(), "{forged:?}");
    }
    assert!(!app.logs().text().contains(KEY));
}

#[tokio::test]
pub(super) async fn a_guest_that_waits_for_its_vendor_is_not_charged_and_one_that_computes_then_is()
{
    let vendor = MockVendor::start().await;
    let app = granted("waiter", guests::WAITER, &vendor, "limits.cpu = \"300ms\"").start().await;
    // In all more than five times what it may compute: a second before the answer, and fifty waits
    // in it.
    let slow = || {
        let reply = Reply::status(200).body("x".repeat(50)).cut_every(1);
        reply.delay(Duration::from_secs(1)).pace(Duration::from_millis(15))
    };
    vendor.replies([slow(), slow(), slow()]);
    let then = |what: &str| {
        ask(&format!("{what} {}", vendor.url()), json!({ "provider": "waiter", "useCache": false }))
    };
    let (whole, mut stream, spinning, ()) = tokio::join!(
        app.chat(then("compute")),
        app.stream(then("compute")),
        app.chat(then("spin")),
        app.assert_well()
    );
    assert_eq!(whole.ok()["content"], "50 bytes");
    assert_eq!(stream.finish().await.0, "50 bytes");
    let problem = spinning.problem(502, "plugin-failed");
    assert_limit(&problem, "waiter", "computing time", ("cpu", "300ms"));
}

/// Asks greedy for something; fails unless it is refused with a sentence that names the limit, and
/// echo didn't notice.
async fn refuse(
    app: &App,
    provider: &str,
    question: &str,
    status: u16,
    (key, allowed): (&str, &str),
) {
    let question = ask(question, json!({ "provider": provider, "useCache": false }));
    let (answer, ()) = tokio::join!(app.chat(question.clone()), app.assert_well());
    assert_eq!(answer.status, status, "{}", answer.body);
    let problem = answer.json();
    let detail = problem["detail"].as_str().unwrap();
    let raise = format!("(`{key}` under [limits] in the provider's file raises it, or LLM_");
    assert!(detail.contains(&raise) && detail.contains(allowed), "{question}: {detail}");
}

#[tokio::test]
pub(super) async fn each_size_of_the_network_is_named_when_it_is_too_large() {
    let vendor = MockVendor::start().await;
    let limits = "
        limits.requests = 3
        limits.request-bytes = \"1 KiB\"
        limits.response-bytes = \"4 KiB\"
        limits.event-bytes = \"2 KiB\"
        limits.headers = 10
        limits.header-bytes = \"1 KiB\"
    ";
    let app = granted("greedy", guests::GREEDY, &vendor, limits).start().await;
    let url = vendor.url();
    vendor.always(Reply::status(204));
    refuse(&app, "greedy", &format!("requests 4 {url}"), 502, ("requests", "3 requests")).await;
    assert_eq!(vendor.count(), 3);
    refuse(&app, "greedy", &format!("body 1025 {url}"), 400, ("request-bytes", "1024 bytes")).await;
    refuse(&app, "greedy", &format!("headers 11 {url}"), 400, ("headers", "10")).await;
    refuse(&app, "greedy", &format!("header 1025 {url}"), 400, ("header-bytes", "1024 bytes"))
        .await;
    assert_eq!(vendor.count(), 3, "what is too large isn't sent");

    let many = (0..11).fold(Reply::status(200), |reply, n| reply.header(&format!("x-{n}"), "x"));
    let whole = Reply::status(200).body("x".repeat(5_000));
    let line = Reply::status(200).body("x".repeat(3_000));
    let event = Reply::sse([format!("data: {}\n\n", "x".repeat(3_000))]);
    for (what, reply, key, allowed) in [
        ("text", many, "headers", "10"),
        (
            "text",
            Reply::status(200).header("x-long", "x".repeat(2_000)),
            "header-bytes",
            "1024 bytes",
        ),
        ("text", whole, "response-bytes", "4096 bytes"),
        ("line", line, "event-bytes", "2048 bytes"),
        ("event", event, "event-bytes", "2048 bytes"),
    ] {
        vendor.reply(reply);
        refuse(&app, "greedy", &format!("{what} 0 {url}"), 502, (key, allowed)).await;
    }

    for modest in ["requests 3", "body 1024", "headers 8", "header 500", "line 0"] {
        let question =
            ask(&format!("{modest} {url}"), json!({ "provider": "greedy", "useCache": false }));
        assert_eq!(app.chat(question).await.ok()["content"], "was given all of it", "{modest}");
    }
}

#[tokio::test]
async fn each_wait_for_the_network_is_named_when_it_is_too_long() {
    let vendor = MockVendor::start().await;
    let lines = |limits: &str| format!("{limits}\n[[outbound]]\norigin = {:?}", vendor.url());
    let app = App::with_echo()
        .only_echo()
        .set("LLM_MAX_RETRIES", "0")
        .provider("hasty", guests::GREEDY, &lines("limits.first-byte-timeout = \"100ms\""))
        .provider(
            "bored",
            guests::GREEDY,
            &lines("limits.first-byte-timeout = \"1h\"\nlimits.idle-timeout = \"100ms\""),
        )
        .start()
        .await;
    vendor.reply(Reply::stall());
    refuse(
        &app,
        "hasty",
        &format!("text 0 {}", vendor.url()),
        504,
        ("first-byte-timeout", "100ms"),
    )
    .await;
    vendor.wait_for_disconnect().await;
    vendor.reply(Reply::status(200).body("xx").stall_mid_body(1));
    refuse(&app, "bored", &format!("text 0 {}", vendor.url()), 504, ("idle-timeout", "100ms"))
        .await;
    vendor.wait_for_disconnect().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_vendor_that_takes_no_connection_is_waited_for_as_long_as_may_be() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    // Linux lets one connection wait to be accepted, and drops what more clients say.
    let full = socket.listen(0).unwrap();
    let address = full.local_addr().unwrap();
    let _waiting = tokio::net::TcpStream::connect(address).await.unwrap();

    let lines =
        format!("limits.connect-timeout = \"100ms\"\n[[outbound]]\norigin = \"http://{address}\"");
    let app = App::with_echo()
        .only_echo()
        .set("LLM_MAX_RETRIES", "0")
        .provider("keen", guests::GREEDY, &lines)
        .start()
        .await;
    refuse(&app, "keen", &format!("text 0 http://{address}"), 504, ("connect-timeout", "100ms"))
        .await;
}
