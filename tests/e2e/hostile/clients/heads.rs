//! Heads that could be read in two ways, that are none, that don't end.

use super::super::{beside, family};
use super::{exchange, statuses};
use crate::support::{App, Raw};

/// A request that hides behind the body of another, for a proxy that frames the body differently.
const SMUGGLED: &str = "DELETE /api/llm/cache HTTP/1.1\r\nhost: localhost\r\nx-smuggled: 1\r\n\r\n";

/// A server for heads that are cut soon if they don't end.
async fn impatient() -> App {
    App::with_echo().set("HTTP_READ_TIMEOUT", "300ms").start().await
}

#[test]
fn of_a_body_that_is_framed_in_two_ways_nothing_becomes_a_second_request() {
    let framing = proptest::sample::select(vec![
        "content-length: 0",
        "content-length: 4",
        "Content-Length: 4",
        "content-length: 4, 4",
        "content-length: 4, 0",
        "content-length: +4",
        "content-length: -1",
        "content-length: 0x4",
        "content-length: 4 4",
        "content-length: ",
        "content-length: 18446744073709551620",
        "content-length : 4",
        "content-length:\t4",
        "content_length: 4",
        "transfer-encoding: chunked",
        "Transfer-Encoding: Chunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: identity",
        "transfer-encoding: xchunked",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding: chunked;a=b",
        "transfer-encoding: \x0bchunked",
        "transfer-encoding:\tchunked",
        "transfer-encoding : chunked",
        " transfer-encoding: chunked",
        "x: y\n transfer-encoding: chunked",
        "x: y\rtransfer-encoding: chunked",
        "transfer_encoding: chunked",
        "connection: close",
        "expect: 100-continue",
    ]);
    let ends = proptest::sample::select(vec!["\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n"]);
    let head = proptest::collection::vec((framing, ends), 2..4);
    let make = async || impatient().await;
    family(96, &head, make, async |app: &App, lines| {
        let lines: String = lines.iter().map(|(line, end)| format!("{line}{end}")).collect();
        let request = format!(
            "POST /api/llm/chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{lines}\r\n0\r\n\r\n{SMUGGLED}"
        );
        let read = exchange(app, &request).await;
        let statuses = statuses(&read.replace("HTTP/1.1 100 ", ""));
        // Named with both a length and a coding, or with two lengths, it has one reading: refused.
        let named = |name: &str| {
            lines.to_ascii_lowercase().lines().filter(|line| line.starts_with(name)).count()
        };
        let twice = 1 < named("content-length:") + named("transfer-encoding:");
        app.assert_well().await;
        if twice && statuses.iter().any(|status| *status < 400) {
            return Err(format!("{request:?} was taken: {read}"));
        }
        if twice && 1 < statuses.len() {
            return Err(format!("{request:?} became {} requests: {read}", statuses.len()));
        }
        Ok(())
    });
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_its_connection_closed() {
    let app = impatient().await;
    for (what, bytes) in [
        ("TLS", &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..]),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("SSH", b"SSH-2.0-OpenSSH_9.7\r\n\r\n"),
        ("zeros", &[0; 4_096]),
        ("HTTP/0.9", b"GET /api/users\r\n\r\n"),
        ("HTTP/3", b"GET /api/users HTTP/3.0\r\nhost: localhost\r\n\r\n"),
        ("no target", b"GET HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        ("a space in the target", b"GET /api /users HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        ("a space before the method", b" GET /api/users HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        (
            "a byte that is no text in the target",
            b"GET /\xff\x00 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        ),
        ("a header without a name", b"GET / HTTP/1.1\r\nhost: localhost\r\n: x\r\n\r\n"),
        ("a header without a colon", b"GET / HTTP/1.1\r\nhost: localhost\r\nx\r\n\r\n"),
        ("a header with a zero", b"GET / HTTP/1.1\r\nhost: localhost\r\nx: a\0b\r\n\r\n"),
        ("a folded header", b"GET / HTTP/1.1\r\nhost: localhost\r\nx: a\r\n b\r\n\r\n"),
        ("a tunnel", b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nhost: 169.254.169.254:80\r\n\r\n"),
    ] {
        let read = beside(&app, exchange(&app, bytes)).await;
        let statuses = statuses(&read);
        assert!(statuses.len() <= 1, "{what}: {read}");
        assert!(statuses.iter().all(|status| (400..500).contains(status)), "{what}: {read}");
    }
}

#[tokio::test]
async fn heads_that_do_not_end_are_cut_at_their_limit_or_their_time() {
    let app = impatient().await;
    let start = "GET /api/users HTTP/1.1\r\nhost: localhost\r\n";
    for (what, endless) in [
        ("a method", "A".repeat(100_000)),
        ("a target", format!("GET /{}", "a".repeat(100_000))),
        ("a query", format!("GET /?{}", "a=b&".repeat(25_000))),
        ("a header's name", format!("{start}{}", "a".repeat(100_000))),
        ("a header's value", format!("{start}a: {}", "b".repeat(100_000))),
        ("headers", format!("{start}{}", "a: b\r\n".repeat(20_000))),
        ("empty lines", "\r\n".repeat(50_000)),
        ("a few bytes", "GET / HT".to_owned()),
    ] {
        let read = beside(&app, exchange(&app, endless)).await;
        let statuses = statuses(&read);
        assert!(statuses.iter().all(|status| (400..500).contains(status)), "{what}: {read}");
    }
}

#[tokio::test]
async fn targets_in_odd_spellings_reach_nothing_that_they_do_not_name() {
    let app = App::with_echo().set("ARETE_API_KEYS", "team:0123456789abcdef").start().await;
    for target in [
        "/api/health/../users",
        "/api/health/%2e%2e/users",
        "/api/health/..%2fusers",
        "/api/health/live/../../users",
        "//api/users",
        "/api//users",
        "/API/users",
        "/api/users/",
        "/api/users%00",
        "/api/users;/api/health",
        "/docs/../api/users",
        "/docs/..%2f..%2fapi%2fusers",
        "/docs/%2e%2e%2f%2e%2e%2f.env",
        "/docs/....//....//etc/passwd",
        "/docs/%c0%ae%c0%ae/x",
        "/docs/%zz",
        "/docs/%",
    ] {
        let mut client = Raw::connect(&app).await;
        client.send(format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
        let (status, _, body) = client.answer().await;
        assert!(matches!(status, 400 | 401 | 404), "{target}: {status} {body}");
        assert!(!body.contains("\"items\"") && !body.contains("root:"), "{target}: {body}");
    }
    app.get("/api/health/live").await.ok();
}
