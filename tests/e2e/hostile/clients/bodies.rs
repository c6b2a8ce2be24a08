//! Bodies: JSON that is deep, wide, twice or no text; chunks that lie about themselves.

use proptest::prelude::*;
use reqwest::Method;
use serde_json::json;

use super::super::{beside, family, uncached};
use super::{exchange, statuses};
use crate::support::{Answer, App, Raw, client};

const HEAD: &str =
    "POST /api/llm/chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";

async fn post(app: &App, body: impl Into<reqwest::Body>) -> Answer {
    client::send(app.request(Method::POST, "/api/llm/chat").body(body)).await
}

/// JSON within itself, at each place of a question that takes JSON.
#[test]
fn json_of_any_depth_is_taken_up_to_its_bound_and_refused_beyond() {
    let places = proptest::sample::select(vec![
        r#"{"messages":[{"role":"user","content":"Hi"}],"useCache":false,"provider":"echo","extra":{"a":%}}"#,
        r#"{"messages":[{"role":"user","content":"Hi","extra":{"a":%}}],"useCache":false}"#,
        r#"{"messages":[{"role":"user","content":[{"type":"text","text":"Hi","extra":{"a":%}}]}],"useCache":false}"#,
        r#"{"messages":[{"role":"user","content":"Hi"}],"tools":[{"name":"f","inputSchema":{"a":%}}],"useCache":false}"#,
        r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{"a":%}}]},{"role":"user","content":"Hi"}],"useCache":false}"#,
        r#"{"messages":%}"#,
        r#"{"unknown":%}"#,
    ]);
    let strategy =
        (places, any::<bool>(), prop_oneof![1..200_usize, Just(126), Just(127), Just(100_000)]);
    let make = async || App::with_echo().only_echo().start().await;
    family(96, &strategy, make, async |app: &App, (place, objects, depth)| {
        let (open, close) = if objects { ("{\"a\":", "}") } else { ("[", "]") };
        let nested = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        let answer = post(app, place.replace('%', &nested)).await;
        let known = !place.contains("\"unknown\"") && !place.contains("s\":%");
        let fits = known && depth < 127;
        let right = if fits { answer.status == 200 } else { answer.status == 400 };
        if !right || 4_000 < answer.body.len() {
            return Err(format!("{place} {depth}: {} {:.200}", answer.status, answer.body));
        }
        Ok(())
    });
}

/// Bytes that become much are counted as what they become.
#[tokio::test]
async fn lists_of_very_many_elements_count_as_the_memory_that_they_take() {
    let app = App::with_echo()
        .only_echo()
        .set("HTTP_BODY_LIMIT", "4194304")
        .set("HTTP_BODY_MEMORY", "33554432")
        .start()
        .await;
    let question = |content: &str, more: &str| {
        format!(r#"{{"messages":[{{"role":"user","content":{content}}}],"useCache":false{more}}}"#)
    };
    let many =
        |element: &str| format!("[{}]", vec![element; 3_900_000 / (element.len() + 1)].join(","));
    for (what, body) in [
        ("parts", question(&many(r#"{"type":"text","text":"x"}"#), "")),
        ("stops", question("\"Hi\"", &format!(",\"stopSequences\":{}", many("\"x\"")))),
        (
            "tools",
            question("\"Hi\"", &format!(",\"tools\":{}", many(r#"{"name":"x","inputSchema":{}}"#))),
        ),
    ] {
        let answer = beside(&app, post(&app, body)).await;
        answer.problem(503, "overloaded");
        assert!(answer.body.contains("HTTP_BODY_MEMORY"), "{what}: {}", answer.body);
    }
    // As many bytes that are one text, and lists that aren't so long.
    let text = format!("\"{}\"", "x, [1] ".repeat(500_000));
    post(&app, question(&text, "")).await.ok();
    let extra = format!(",\"extra\":{{\"a\":[{}1]}}", "1,".repeat(100_000));
    post(&app, question("\"Hi\"", &extra)).await.ok();
    let parts = vec![r#"{"type":"text","text":"x"}"#; 1_000].join(",");
    post(&app, question(&format!("[{parts}]"), "")).await.ok();
}

#[tokio::test]
async fn json_bombs_are_refused_or_carried_and_nobody_waits_for_them() {
    let app = App::with_echo().only_echo().set("HTTP_BODY_LIMIT", "4194304").start().await;
    let with = |extra: &str| {
        format!(
            r#"{{"messages":[{{"role":"user","content":"Hi"}}],"useCache":false,"extra":{{"a":{extra}}}}}"#
        )
    };
    for (what, body) in [
        ("a million numbers", with(&format!("[{}1]", "1,".repeat(1_000_000)))),
        ("a million empty objects", with(&format!("[{}1]", "{},".repeat(1_000_000)))),
        ("a number of a million digits", with(&"9".repeat(1_000_000))),
        ("an exponent beyond all", with("1e999999999")),
        ("a million escapes", with(&format!("\"{}\"", "\\u0001".repeat(600_000)))),
        ("half of a pair", with(r#""\ud83d""#)),
        ("a key of a megabyte", with(&format!(r#"{{"{}":1}}"#, "k".repeat(1 << 20)))),
        (
            "a hundred thousand unknown fields",
            format!(
                "{{{}\"z\":1}}",
                (0..100_000).map(|n| format!("\"x{n}\":1,")).collect::<String>()
            ),
        ),
        (
            "a hundred thousand wrong messages",
            format!("{{\"messages\":[{}1]}}", "1,".repeat(100_000)),
        ),
        (
            "one field a hundred thousand times",
            format!("{{{}\"z\":1}}", "\"model\":\"m\",".repeat(100_000)),
        ),
        ("white space", format!("{}{{}}", " ".repeat(4_000_000))),
        (
            "a model of a megabyte",
            format!(
                r#"{{"model":"{}","messages":[{{"role":"user","content":"Hi"}}]}}"#,
                "m".repeat(1 << 20)
            ),
        ),
    ] {
        let answer = beside(&app, post(&app, body)).await;
        assert!(
            matches!(answer.status, 200 | 400),
            "{what}: {} {:.300}",
            answer.status,
            answer.body
        );
        // A refusal doesn't repeat what it refuses.
        assert!(
            answer.status == 200 || answer.body.len() < 16_000,
            "{what}: {} bytes",
            answer.body.len()
        );
    }
    for line in app.logs().text().lines() {
        assert!(line.len() < 32_000, "a line of {} bytes: {line:.200}", line.len());
    }
}

/// A field twice, at any place: the second reader of it could be another than the first.
#[test]
fn a_field_that_stands_twice_is_refused_wherever_it_stands() {
    let places = proptest::sample::select(vec![
        (r#"{"messages":[{"role":"user","content":"Hi"}],%}"#, "maxTokens", "5"),
        (r#"{"messages":[{"role":"user","content":"Hi"}],%}"#, "provider", "\"echo\""),
        (r#"{"messages":[{"role":"user","content":"Hi"}],%}"#, "stream", "false"),
        (r#"{"messages":[{"content":"Hi",%}]}"#, "role", "\"user\""),
        (r#"{"messages":[{"role":"user",%}]}"#, "content", "\"Hi\""),
        (r#"{"messages":[{"role":"user","content":[{"type":"text",%}]}]}"#, "text", "\"Hi\""),
        (r#"{"messages":[{"role":"user","content":[{"text":"Hi",%}]}]}"#, "type", "\"text\""),
        (
            r#"{"messages":[{"role":"user","content":"Hi"}],"tools":[{"inputSchema":{},%}]}"#,
            "name",
            "\"f\"",
        ),
    ]);
    // The second in another spelling of the same name.
    let escape = proptest::option::of(0..4_usize);
    let make = async || App::with_echo().only_echo().start().await;
    family(40, &(places, escape), make, async |app: &App, ((place, name, value), escape)| {
        let second = match escape.and_then(|at| name.char_indices().nth(at)) {
            Some((at, letter)) => {
                format!("{}\\u{:04x}{}", &name[..at], letter as u32, &name[at + 1..])
            }
            None => name.to_owned(),
        };
        let twice = format!("\"{name}\":{value},\"{second}\":{value}");
        let answer = post(app, place.replace('%', &twice)).await;
        if answer.status != 400 || !answer.body.contains(name) {
            return Err(format!("{twice} at {place}: {} {}", answer.status, answer.body));
        }
        Ok(())
    });
}

#[tokio::test]
async fn bodies_that_are_no_text_are_refused() {
    let app = App::with_echo().only_echo().start().await;
    let around = |bytes: &[u8]| {
        [b"{\"messages\":[{\"role\":\"user\",\"content\":\"", bytes, b"\"}]}"].concat()
    };
    for (what, bytes) in [
        ("a byte that is none", around(b"\xff")),
        ("an overlong spelling", around(b"\xc0\xaf")),
        ("half of a character", around(b"\xe2\x82")),
        ("a surrogate", around(b"\xed\xa0\x80")),
        ("a zero", around(b"\0")),
        ("UTF-16", "{\"messages\":[]}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ] {
        let answer = beside(&app, post(&app, bytes)).await;
        answer.problem(400, "invalid-request");
        assert!(!what.is_empty());
    }
}

#[tokio::test]
async fn chunks_that_lie_end_their_connection_and_never_become_a_request() {
    let app = App::with_echo()
        .set("HTTP_READ_TIMEOUT", "300ms")
        .set("HTTP_BODY_LIMIT", "65536")
        .start()
        .await;
    let chunked = format!("{HEAD}transfer-encoding: chunked\r\n\r\n");
    let smuggled = "GET /api/users HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for (what, chunks) in [
        ("a size beyond all", "ffffffffffffffffff\r\nx".to_owned()),
        ("a size of 64 bits", "ffffffffffffffff\r\nx".to_owned()),
        ("a negative size", "-1\r\nx\r\n0\r\n\r\n".to_owned()),
        ("a size in another base", "0x2\r\n{}\r\n0\r\n\r\n".to_owned()),
        ("no size", "\r\n{}\r\n0\r\n\r\n".to_owned()),
        ("a size that isn't one", "zz\r\n{}\r\n0\r\n\r\n".to_owned()),
        ("a chunk without its end", "2\r\n{}0\r\n\r\n".to_owned()),
        ("a chunk that ends in LF alone", "2\n{}\n0\n\n".to_owned()),
        ("an extension without end", format!("2;{}", "a".repeat(1 << 20))),
        ("extensions without end", "1;a=b\r\n \r\n".repeat(100_000)),
        ("trailers without end", format!("2\r\n{{}}\r\n0\r\n{}", "a: b\r\n".repeat(100_000))),
        (
            "a trailer that frames",
            format!("2\r\n{{}}\r\n0\r\ncontent-length: 99\r\n\r\n{smuggled}"),
        ),
        ("bytes one at a time", "1\r\n \r\n".repeat(100_000)),
    ] {
        let read = beside(&app, exchange(&app, format!("{chunked}{chunks}"))).await;
        let statuses = statuses(&read);
        assert!(!statuses.is_empty() || read.is_empty(), "{what}: {read}");
        assert!(
            statuses.first().is_none_or(|status| (400..500).contains(status)),
            "{what}: {read:.300}"
        );
    }
}

#[tokio::test]
async fn a_body_where_none_belongs_and_one_that_never_comes_hold_nobody() {
    let app = App::with_echo().set("HTTP_READ_TIMEOUT", "300ms").start().await;
    for method in ["GET", "DELETE", "HEAD", "OPTIONS"] {
        let head = format!(
            "{method} /api/health/live HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n"
        );
        let read = beside(&app, exchange(&app, head)).await;
        assert!(statuses(&read).len() <= 1, "{method}: {read}");
    }
    // It is told to go on, and doesn't.
    let mut client = Raw::connect(&app).await;
    client.send(format!("{HEAD}content-length: 100\r\nexpect: 100-continue\r\n\r\n")).await;
    let read = beside(&app, client.rest()).await;
    assert!(read.contains(" 408 "), "{read}");
    // Told to expect something that there isn't.
    let body = uncached("Hi").to_string();
    let request = format!(
        "{HEAD}content-length: {}\r\nexpect: a-miracle\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let read = beside(&app, exchange(&app, request)).await;
    assert!(matches!(statuses(&read)[..], [200 | 417]), "{read}");
}

#[tokio::test]
async fn a_body_in_a_coding_that_nobody_asked_for_is_not_unpacked() {
    let app = App::with_echo().only_echo().start().await;
    for coding in ["gzip", "deflate", "br", "zstd", "identity, gzip", "gzip, gzip, gzip"] {
        let request = app.request(Method::POST, "/api/llm/chat").header("content-encoding", coding);
        // The beginning of gzip, and what could be anything.
        let bytes = [&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], &[0xff; 100]].concat();
        let answer = beside(&app, client::send(request.body(bytes))).await;
        assert!(matches!(answer.status, 400 | 415), "{coding}: {answer:?}");
    }
    let wrong = [
        ("text/plain", json!({}).to_string()),
        ("multipart/form-data; boundary=x", "--x".to_owned()),
        ("application/x-www-form-urlencoded", "messages=1".to_owned()),
        ("application/json; charset=utf-7", "{}".to_owned()),
    ];
    for (kind, body) in wrong {
        let request =
            client::request(Method::POST, app.url("/api/llm/chat")).header("content-type", kind);
        let answer = beside(&app, client::send(request.body(body))).await;
        assert!(matches!(answer.status, 400 | 415), "{kind}: {answer:?}");
    }
}
