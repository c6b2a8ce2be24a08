//! One call's way out, against a vendor on loopback and a DNS of the tests' own.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use http::HeaderName;
use mock_vendor::MockVendor;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

use super::*;

mod credentials;

const KEY: &str = "sk-ant-granted-0123456789";

/// As if whoever owns the name pointed it at this machine.
fn loopback(_: &str) -> io::Result<Vec<IpAddr>> {
    Ok(vec![Ipv4Addr::LOCALHOST.into()])
}

fn grant(origin: &str) -> Grant {
    let key = (HeaderName::from_static("x-api-key"), SecretString::from(KEY));
    Grant { headers: vec![key], ..Grant::of(Url::parse(origin).unwrap().origin()) }
}

fn egress_of(grant: Grant, limits: EgressLimits, lookup: resolve::Lookup) -> Arc<Egress> {
    Arc::new(
        Egress::with_world(&Tls::load().unwrap(), "test".into(), &[grant], limits, lookup, &now())
            .unwrap(),
    )
}

fn now() -> credential::Clock {
    Arc::new(jiff::Timestamp::now)
}

fn egress(grant: Grant) -> Arc<Egress> {
    egress_of(grant, EgressLimits::default(), loopback)
}

fn outbound(egress: &Arc<Egress>) -> CallEgress {
    CallEgress::new(egress.clone(), Meter::default())
}

fn get(url: &str) -> Request {
    Request { method: "GET".into(), url: url.into(), headers: vec![], body: bytes::Bytes::new() }
}

async fn refused(egress: &Arc<Egress>, url: &str) -> SendError {
    outbound(egress).send(get(url)).await.err().unwrap()
}

/// Sends to a vendor within these limits.
async fn within(vendor: &MockVendor, limits: EgressLimits) -> Result<Reply, SendError> {
    let egress = egress_of(grant(vendor.url()), limits, loopback);
    outbound(&egress).send(get(vendor.url())).await
}

/// The vendor's address by a name that looks public.
fn public(vendor: &MockVendor) -> String {
    vendor.url().replace("127.0.0.1", "api.example.com")
}

#[tokio::test]
async fn only_the_very_origin_that_was_granted_is_reached() {
    let egress = egress(grant("https://api.example.com"));
    for url in [
        "https://api.example.com.evil.example/",
        "http://api.example.com/",
        "https://api.example.com:8443/",
        "https://api.example.com./",
        "https://evil.example/https://api.example.com/",
        "https://api.example.org/",
        "https://[::1]/",
    ] {
        let error = refused(&egress, url).await;
        assert!(matches!(error, SendError::Denied(_)), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn a_public_name_that_leads_inside_is_denied_and_nobody_is_connected_to() {
    let vendor = MockVendor::start().await;
    let url = public(&vendor);
    let SendError::Denied(reason) = refused(&egress(grant(&url)), &url).await else {
        panic!("not denied")
    };
    assert!(reason.contains("leads to an address inside this network"), "{reason}");
    assert_eq!(vendor.connections_total(), 0);
}

#[tokio::test]
async fn a_private_grant_an_inside_name_and_an_address_are_reached() {
    let vendor = MockVendor::start().await;
    vendor.always(mock_vendor::Reply::status(204));
    let private = Grant { private: true, ..grant(&public(&vendor)) };
    let named = grant(&vendor.url().replace("127.0.0.1", "ollama"));
    let literal = grant(vendor.url());
    for grant in [private, named, literal] {
        let url = grant.origin.ascii_serialization();
        let reply = outbound(&egress(grant)).send(get(&url)).await.unwrap();
        assert_eq!(reply.status(), 204, "{url}");
    }
}

#[tokio::test]
async fn metadata_is_reached_by_no_name() {
    let metadata: resolve::Lookup = |_| Ok(vec![[169, 254, 169, 254].into()]);
    for name in ["http://metadata.google.internal", "http://api.example.com"] {
        let grant = Grant { private: true, ..grant(name) };
        let error = refused(&egress_of(grant, EgressLimits::default(), metadata), name).await;
        assert!(matches!(error, SendError::Denied(_)), "{error:?}");
    }
}

#[tokio::test]
async fn nothing_leaves_while_a_provider_describes_itself() {
    let vendor = MockVendor::start().await;
    let mut shut = CallEgress::shut(egress(grant(vendor.url())), Meter::default());
    assert!(matches!(shut.send(get(vendor.url())).await, Err(SendError::Denied(_))));
    assert_eq!(vendor.connections_total(), 0);
}

#[tokio::test]
async fn providers_share_no_connection_and_calls_of_one_do() {
    let vendor = MockVendor::start().await;
    vendor.always(mock_vendor::Reply::status(200).body("{}"));
    for (calls, connections) in [(3, 1), (2, 2)] {
        let egress = egress(grant(vendor.url()));
        for _ in 0..calls {
            outbound(&egress).send(get(vendor.url())).await.unwrap().text().await.unwrap();
        }
        assert_eq!(vendor.connections_total(), connections);
    }
}

#[tokio::test]
async fn the_granted_key_is_sent_and_the_guests_own_is_not() {
    let vendor = MockVendor::start().await;
    let header = |name: &str, value: &str| Header { name: name.into(), value: value.into() };
    let headers = vec![
        header("X-API-Key", "forged"),
        header("authorization", "forged"),
        header("x-other", "kept"),
    ];
    let sent = Request { headers, ..get(vendor.url()) };
    outbound(&egress(grant(vendor.url()))).send(sent).await.unwrap();
    let seen = vendor.next_request().await;
    assert_eq!(seen.header("x-api-key"), Some(KEY));
    assert_eq!((seen.header("authorization"), seen.header("x-other")), (None, Some("kept")));
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    assert!(!seen.headers.iter().any(|(_, value)| value == "forged"), "{seen:?}");
}

#[tokio::test]
async fn a_header_granted_elsewhere_is_not_the_guests_unless_it_is_plain() {
    let vendor = MockVendor::start().await;
    let set = |name: &'static str| (HeaderName::from_static(name), SecretString::from("granted"));
    let elsewhere = vec![set("x-team"), set("content-type")];
    let elsewhere = Grant { headers: elsewhere, ..grant("https://api.example.com") };
    let here = Grant { headers: vec![set("anthropic-version")], ..grant(vendor.url()) };
    let grants = [elsewhere, here];
    let egress =
        Egress::new(&Tls::load().unwrap(), "test".into(), &grants, EgressLimits::default())
            .unwrap();
    let headers = ["x-team", "content-type", "anthropic-version"];
    let headers = headers.map(|name| Header { name: name.into(), value: "guest".into() });
    let sent = Request { headers: headers.into(), ..get(vendor.url()) };
    outbound(&Arc::new(egress)).send(sent).await.unwrap();
    let seen = vendor.next_request().await;
    assert_eq!((seen.header("x-team"), seen.header("content-type")), (None, Some("guest")));
    assert_eq!(seen.header("anthropic-version"), Some("granted"));
}

#[tokio::test]
async fn redirects_are_answers() {
    let vendor = MockVendor::start().await;
    let elsewhere = MockVendor::start().await;
    vendor.reply(mock_vendor::Reply::status(307).header("location", elsewhere.url()));
    let reply = outbound(&egress(grant(vendor.url()))).send(get(vendor.url())).await.unwrap();
    assert_eq!((reply.status(), reply.header("location").as_deref()), (307, Some(elsewhere.url())));
    assert_eq!(elsewhere.connections_total(), 0);
}

#[tokio::test]
async fn a_key_that_comes_back_is_taken_out_of_every_piece() {
    let vendor = MockVendor::start().await;
    let said = format!("a {KEY}\n{KEY} sk-ant-gra");
    let clean = "a [redacted]\n[redacted] sk-ant-gra";
    vendor.always(
        mock_vendor::Reply::status(200)
            .body(said.clone())
            .header("x-echo", format!("<{KEY}>"))
            .cut_every(3),
    );
    let egress = egress(grant(vendor.url()));
    for max in [1, 7, 1_000] {
        let mut reply = outbound(&egress).send(get(vendor.url())).await.unwrap();
        assert_eq!(reply.header("x-echo").unwrap(), "<[redacted]>");
        let mut read = Vec::new();
        loop {
            let piece = reply.read(max).await.unwrap();
            if piece.is_empty() {
                break;
            }
            read.extend(piece);
        }
        assert_eq!(String::from_utf8(read).unwrap(), clean);
    }
    let mut reply = outbound(&egress).send(get(vendor.url())).await.unwrap();
    assert_eq!(reply.next_line().await.unwrap().as_deref(), Some("a [redacted]"));
    assert_eq!(reply.text().await.unwrap(), "[redacted] sk-ant-gra");
}

/// Encodes these pieces, and replies with each of them as a piece of its own.
fn encoded_reply(name: &str, pieces: &[&str]) -> (mock_vendor::Reply, Vec<usize>) {
    let pieces: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
    let encoded = coding::tests::encoded(name, &pieces);
    let cuts = encoded.iter().scan(0, |at, piece| {
        *at += piece.len();
        Some(*at)
    });
    let cuts: Vec<usize> = cuts.collect();
    let name = if name == "zlib" { "deflate" } else { name };
    let reply = mock_vendor::Reply::status(200).header("content-encoding", name);
    (reply.body(encoded.concat()).cut_at(&cuts), cuts)
}

#[tokio::test]
async fn an_answer_that_is_encoded_all_the_same_is_decoded_and_then_redacted() {
    let vendor = MockVendor::start().await;
    let said = format!("a {KEY} b");
    for name in ["gzip", "zlib", "deflate", "br", "zstd"] {
        let (reply, _) = encoded_reply(name, &[&said]);
        vendor.reply(reply.header("x-other", "1"));
        let mut reply = within(&vendor, EgressLimits::default()).await.unwrap();
        assert_eq!(reply.header("Content-Encoding"), None);
        let names: Vec<String> = reply.headers().into_iter().map(|header| header.name).collect();
        assert!(!names.iter().any(|name| name.starts_with("content-")), "{names:?}");
        assert!(names.iter().any(|name| name == "x-other"), "{names:?}");
        assert_eq!(reply.text().await.unwrap(), "a [redacted] b", "{name}");
    }
    vendor.reply(
        mock_vendor::Reply::status(200).body("plain").header("content-encoding", "identity"),
    );
    let mut reply = within(&vendor, EgressLimits::default()).await.unwrap();
    assert_eq!(reply.header("content-length").as_deref(), Some("5"));
    assert_eq!(reply.text().await.unwrap(), "plain");
    vendor.reply(mock_vendor::Reply::status(204).header("content-encoding", "gzip"));
    assert_eq!(within(&vendor, EgressLimits::default()).await.unwrap().text().await.unwrap(), "");
}

#[tokio::test]
async fn an_encoded_stream_is_seen_event_by_event() {
    let vendor = MockVendor::start().await;
    for name in ["gzip", "zlib", "deflate", "br", "zstd"] {
        let (reply, cuts) = encoded_reply(name, &["data: 1\n\n", "data: 2\n\n"]);
        let gate = mock_vendor::Gate::new();
        vendor.reply(reply.wait_at(cuts[0], &gate));
        let mut reply = within(&vendor, EgressLimits::default()).await.unwrap();
        assert_eq!(reply.next_event().await.unwrap().unwrap().data, "1", "{name}");
        gate.open();
        assert_eq!(reply.next_event().await.unwrap().unwrap().data, "2", "{name}");
        assert_eq!(reply.next_event().await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn a_small_answer_that_decodes_to_a_large_one_meets_the_limit_for_answers() {
    let vendor = MockVendor::start().await;
    let limits = EgressLimits { response_bytes: 1 << 20, ..EgressLimits::default() };
    let large = "0".repeat(8 << 20);
    for name in ["gzip", "zlib", "br", "zstd"] {
        vendor.reply(encoded_reply(name, &[&large]).0);
        assert_beyond(
            within(&vendor, limits).await.unwrap().bytes().await,
            "1048576 bytes",
            "response-bytes",
        );
        // Of what isn't read, no more is decoded.
        vendor.reply(encoded_reply(name, &[&large]).0);
        let mut reply = within(&vendor, limits).await.unwrap();
        assert_eq!(reply.read(10).await.unwrap().len(), 10, "{name}");
    }
}

#[tokio::test]
async fn an_encoding_that_cannot_be_undone_is_refused_by_name() {
    let vendor = MockVendor::start().await;
    let encoded = |name: &str| {
        vendor.reply(mock_vendor::Reply::status(200).body("{}").header("content-encoding", name));
        within(&vendor, EgressLimits::default())
    };
    for name in ["compress", "gzip, br"] {
        let Err(SendError::Encoded(text)) = encoded(name).await else { panic!("{name}") };
        assert!(text.contains(&format!("encoded as {name:?}")), "{text}");
    }
    let Err(SendError::Encoded(text)) = encoded("gzip").await.unwrap().text().await else {
        panic!("read")
    };
    assert!(text.contains("says that it is gzip, and isn't"), "{text}");

    let (whole, cuts) = encoded_reply("gzip", &["some content"]);
    vendor.reply(whole.close_mid_body(cuts[1] - 1).until_close());
    let mut reply = within(&vendor, EgressLimits::default()).await.unwrap();
    let Err(SendError::Interrupted(text)) = reply.text().await else { panic!("read") };
    assert!(text.contains("it is gzip, and its end is missing"), "{text}");
}

#[tokio::test]
async fn an_answer_without_a_date_has_the_time_it_came() {
    let vendor = MockVendor::start().await;
    let dated = "Tue, 01 Jan 2030 00:00:00 GMT";
    vendor.reply(mock_vendor::Reply::status(200).header("date", dated));
    let reply = within(&vendor, EgressLimits::default()).await.unwrap();
    assert_eq!(reply.header("date").as_deref(), Some(dated));

    vendor.reply(mock_vendor::Reply::status(200));
    let earliest = jiff::Timestamp::now().as_second();
    let reply = within(&vendor, EgressLimits::default()).await.unwrap();
    let date = reply.header("Date").unwrap();
    assert!(reply.headers().iter().any(|header| header.name == "date" && header.value == date));
    let came = jiff::fmt::rfc2822::parse(&date).unwrap().timestamp().as_second();
    assert!((earliest..=jiff::Timestamp::now().as_second()).contains(&came), "{date}");
    assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
}

/// Fails unless the error names this limit and key.
#[track_caller]
fn assert_beyond<T>(result: Result<T, SendError>, limit: &str, key: &str) {
    let text = match result.err().unwrap() {
        SendError::Timeout(text) | SendError::TooLarge(text) | SendError::TooMany(text) => text,
        other => panic!("{other:?}"),
    };
    assert!(text.contains(limit) && text.contains(&format!("`{key}`")), "{text}");
}

#[tokio::test]
async fn a_silent_vendor_meets_the_limit_for_its_silence() {
    const SHORT: Duration = Duration::from_millis(50);
    let vendor = MockVendor::start().await;
    vendor.reply(mock_vendor::Reply::stall());
    let limits = EgressLimits { first_byte: SHORT, ..EgressLimits::default() };
    assert_beyond(within(&vendor, limits).await, "50ms", "first-byte-timeout");
    vendor.reply(mock_vendor::Reply::status(200).body("0123456789").stall_mid_body(5));
    let limits = EgressLimits { idle: SHORT, ..EgressLimits::default() };
    assert_beyond(within(&vendor, limits).await.unwrap().text().await, "50ms", "idle-timeout");
}

#[tokio::test]
async fn a_name_that_is_never_resolved_meets_the_limit_for_connecting() {
    static OPEN: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
    let stuck: resolve::Lookup = |_| {
        drop(OPEN.1.wait_while(OPEN.0.lock().unwrap(), |open| !*open).unwrap());
        Ok(vec![])
    };
    let limits = EgressLimits { connect: Duration::from_millis(50), ..EgressLimits::default() };
    let egress = egress_of(grant("http://api.example.com"), limits, stuck);
    let result = outbound(&egress).send(get("http://api.example.com")).await;
    *OPEN.0.lock().unwrap() = true;
    OPEN.1.notify_all();
    assert_beyond(result, "50ms", "connect-timeout");
}

#[tokio::test]
async fn large_answers_and_heads_meet_their_limits() {
    let vendor = MockVendor::start().await;
    let base = EgressLimits::default();
    vendor.always(
        mock_vendor::Reply::status(200).body("x".repeat(200)).header("x-long", "y".repeat(300)),
    );
    let limits = EgressLimits { response_bytes: 100, ..base };
    assert_beyond(
        within(&vendor, limits).await.unwrap().bytes().await,
        "100 bytes",
        "response-bytes",
    );
    let limits = EgressLimits { event_bytes: 100, ..base };
    assert_beyond(
        within(&vendor, limits).await.unwrap().next_line().await,
        "100 bytes",
        "event-bytes",
    );
    assert_beyond(
        within(&vendor, EgressLimits { header_bytes: 300, ..base }).await,
        "300 bytes",
        "header-bytes",
    );

    let many = (0..30)
        .fold(mock_vendor::Reply::status(200), |reply, n| reply.header(&format!("x-{n}"), "1"));
    vendor.always(many);
    assert!(within(&vendor, base).await.is_ok());
    assert_beyond(within(&vendor, EgressLimits { headers: 20, ..base }).await, "20", "headers");
}

#[tokio::test]
async fn one_call_sends_so_many_requests_and_the_next_begins_anew() {
    let vendor = MockVendor::start().await;
    vendor.always(mock_vendor::Reply::status(204));
    let egress = egress_of(
        grant(vendor.url()),
        EgressLimits { requests: 2, ..EgressLimits::default() },
        loopback,
    );
    for _ in 0..2 {
        let mut outbound = outbound(&egress);
        for _ in 0..2 {
            outbound.send(get(vendor.url())).await.unwrap();
        }
        assert_beyond(outbound.send(get(vendor.url())).await, "2 requests", "requests");
    }
    assert_eq!(vendor.count(), 4);
}

#[tokio::test]
async fn errors_do_not_quote_the_url() {
    let vendor = MockVendor::start().await;
    let url = vendor.url().to_owned();
    vendor.stop().await;
    let SendError::Connection(text) =
        refused(&egress(grant(&url)), &format!("{url}/v1/private")).await
    else {
        panic!("not a failed connection")
    };
    assert!(!text.contains("private"), "{text}");
}

#[test]
fn a_granted_header_that_is_not_valid_is_found_when_the_provider_is_loaded() {
    let wrong = vec![(HeaderName::from_static("x-api-key"), SecretString::from("a\nb"))];
    let wrong = Grant { headers: wrong, ..grant("https://api.example.com") };
    let made = Egress::new(&Tls::load().unwrap(), "test".into(), &[wrong], EgressLimits::default());
    let problem = made.err().unwrap().to_string();
    assert!(problem.contains("x-api-key") && !problem.contains("a\n"), "{problem}");
}

#[tokio::test]
async fn events_that_came_together_are_given_together() {
    let vendor = MockVendor::start().await;
    vendor.always(mock_vendor::Reply::sse(["data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4"]));
    let mut reply = within(&vendor, EgressLimits::default()).await.unwrap();
    let events = reply.next_events().await.unwrap();
    assert_eq!(events.iter().map(|event| &*event.data).collect::<Vec<_>>(), ["1", "2", "3"]);
    // The body ended as it should, so the last event needs no blank line.
    let events = reply.next_events().await.unwrap();
    assert_eq!(events.iter().map(|event| &*event.data).collect::<Vec<_>>(), ["4"]);
    assert!(reply.next_events().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_went_wrong_is_said_after_what_came_before_it() {
    let vendor = MockVendor::start().await;
    let long = format!("data: 1\n\ndata: {}\n\n", "x".repeat(2_000));
    let limits = EgressLimits { event_bytes: 1_000, ..EgressLimits::default() };
    vendor.reply(mock_vendor::Reply::sse([&*long]));
    let mut reply = within(&vendor, limits).await.unwrap();
    assert_eq!(reply.next_events().await.unwrap().len(), 1);
    assert_beyond(reply.next_events().await, "1000 bytes", "event-bytes");

    vendor.reply(
        mock_vendor::Reply::sse_text("data: 1\n\ndata: 2\n\ndata: 3\n\n").close_mid_body(20),
    );
    let mut reply = within(&vendor, limits).await.unwrap();
    let mut events = Vec::new();
    let error = loop {
        match reply.next_events().await {
            Ok(more) => events.extend(more),
            Err(error) => break error,
        }
    };
    assert_eq!(events.len(), 2);
    assert!(matches!(error, SendError::Interrupted(_)), "{error:?}");
}

/// A vendor that answers as soon as the head of a request has come, and closes without reading the
/// body. Returns its URL and the number of connections it has had.
async fn hasty_vendor(answer: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            let mut head = Vec::new();
            while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                assert_ne!(connection.read_buf(&mut head).await.unwrap(), 0);
            }
            connection.write_all(answer.as_bytes()).await.unwrap();
            // What wasn't read makes this a reset.
            drop(connection);
        }
    });
    (url, connections)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_came_before_the_request_was_sent_is_the_answer() {
    let large = bytes::Bytes::from(vec![b'x'; 8 << 20]);
    let body = "{\"error\":\"too large\"}";
    for (head, framing) in [
        ("HTTP/1.1 413 Payload Too Large", format!("content-length: {}\r\n", body.len())),
        ("HTTP/1.1 413 Payload Too Large", "connection: close\r\n".to_owned()),
        ("HTTP/1.1 413 No", format!("connection: close\r\ncontent-length: {}\r\n", body.len())),
    ] {
        let (url, connections) = hasty_vendor(format!("{head}\r\n{framing}\r\n{body}")).await;
        let egress = egress(grant(&url));
        for round in 1..=50 {
            let request = Request { method: "POST".into(), body: large.clone(), ..get(&url) };
            let mut reply = outbound(&egress).send(request).await.unwrap();
            assert_eq!(reply.status(), 413, "{framing}");
            assert_eq!(reply.text().await.unwrap(), body, "{framing}");
            assert_eq!(connections.load(Ordering::Relaxed), round, "{framing}");
        }
    }
    // Without an answer it is no answer, and nothing is sent again.
    let (url, connections) = hasty_vendor(String::new()).await;
    let request = Request { method: "POST".into(), body: large, ..get(&url) };
    let error = outbound(&egress(grant(&url))).send(request).await.err().unwrap();
    assert!(matches!(error, SendError::Connection(_)), "{error:?}");
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn interim_answers_are_passed_over_and_counted() {
    const HINT: &str = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
    let vendor = MockVendor::start().await;
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    vendor.reply(mock_vendor::Reply::raw(format!("{}{answer}", HINT.repeat(32))));
    let mut reply = within(&vendor, EgressLimits::default()).await.unwrap();
    assert_eq!((reply.status(), &*reply.text().await.unwrap()), (200, "{}"));

    vendor.reply(mock_vendor::Reply::raw(HINT).endless(HINT.repeat(100)));
    let Err(SendError::TooLarge(text)) = within(&vendor, EgressLimits::default()).await else {
        panic!("an answer")
    };
    assert!(text.contains("more than 32 interim answers"), "{text}");
    vendor.wait_for_disconnect().await;
}

#[tokio::test]
async fn an_answer_that_nobody_reads_on_closes_its_connection() {
    let vendor = MockVendor::start().await;
    vendor.always(mock_vendor::Reply::sse(["data: 1\n\n"]).endless("data: 2\n\n"));
    let mut reply = within(&vendor, EgressLimits::default()).await.unwrap();
    assert!(!reply.next_events().await.unwrap().is_empty());
    drop(reply);
    vendor.wait_for_disconnect().await;
}

#[test]
fn headers_that_leave_the_network_unencrypted_are_known_by_their_grant() {
    for origin in ["http://api.example.com", "http://1.1.1.1:8080"] {
        assert!(grant(origin).sends_in_clear(), "{origin}");
        let bare = Grant { headers: vec![], ..grant(origin) };
        assert!(
            !bare.sends_in_clear() && !grant(&origin.replace("http:", "https:")).sends_in_clear()
        );
    }
    for origin in ["http://localhost", "http://gpu.lan:8000", "http://10.0.0.7", "http://[::1]:9"] {
        assert!(!grant(origin).sends_in_clear(), "{origin}");
    }
    assert!(!Grant { private: true, ..grant("http://api.example.com") }.sends_in_clear());
}
