//! Replies in their order, requests as they were seen, connections kept.

use mock_vendor::{MockVendor, Reply, Request, claude};
use serde_json::json;

use crate::client::Client;

#[tokio::test]
async fn replies_are_given_in_order_over_one_connection() {
    let vendor = MockVendor::start().await;
    vendor.reply(
        Reply::json(529, claude::error("overloaded_error", "Overloaded"))
            .header("retry-after", "2"),
    );
    vendor.reply(Reply::json(200, claude::message("Hi")));

    let mut client = Client::connect(&vendor).await;
    let busy = client.ask("/v1/messages").await;
    assert_eq!(busy.status, 529);
    assert!(busy.head.contains("retry-after: 2\r\n"), "{}", busy.head);
    assert!(busy.head.contains("content-type: application/json\r\n"), "{}", busy.head);
    let fine = client.ask("/v1/messages").await;
    assert_eq!(fine.status, 200);
    assert_eq!(fine.body(), claude::message("Hi").to_string());

    assert_eq!(vendor.count(), 2);
    assert_eq!(vendor.connections_total(), 1);
    assert_eq!(vendor.connections_open(), 1);
    assert_eq!(vendor.replies_left(), 0);
    drop(client);
    vendor.wait_for_connections(0).await;
}

#[tokio::test]
async fn a_request_nobody_scripted_gets_a_500_that_says_so() {
    let vendor = MockVendor::start().await;
    let answer = Client::connect(&vendor).await.ask("/v1/models").await;
    assert_eq!(answer.status, 500);
    assert!(answer.body().contains("unscripted request: POST /v1/models"), "{}", answer.body());
}

#[tokio::test]
async fn the_queue_comes_before_what_is_always_answered() {
    let vendor = MockVendor::start().await;
    vendor.always(Reply::status(404));
    vendor.replies([Reply::status(503), Reply::status(429)]);

    let mut client = Client::connect(&vendor).await;
    for status in [503, 429, 404, 404] {
        assert_eq!(client.ask("/").await.status, status);
    }
}

#[tokio::test]
async fn a_reply_can_depend_on_the_request() {
    let vendor = MockVendor::start().await;
    vendor.always_with(|request: &Request| Reply::json(200, json!({ "asked": request.path })));

    let mut client = Client::connect(&vendor).await;
    assert_eq!(client.ask("/a").await.body(), r#"{"asked":"/a"}"#);
    assert_eq!(client.ask("/b?c=d").await.body(), r#"{"asked":"/b?c=d"}"#);
}

#[tokio::test]
async fn requests_are_kept_as_they_were_sent() {
    let vendor = MockVendor::start().await;
    vendor.always(Reply::status(200));
    let mut client = Client::connect(&vendor).await;

    client.send(b"POST /v1/messages HTTP/1.1\r\nX-Api-Key: secret\r\ncontent-length: 13\r\n\r\n{\"stream\":").await;
    client.send(b"1 }").await;
    client.answer().await;
    client
        .send(b"POST /chunked HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\n[1\r\n1;x=y\r\n]\r\n0\r\na: b\r\n\r\n")
        .await;
    client.answer().await;
    client.send(b"GET /bare HTTP/1.1\r\n\r\n").await;
    client.answer().await;

    let [first, second, third] =
        <[Request; 3]>::try_from(vendor.requests()).expect("three requests");
    assert_eq!(first.method, "POST");
    assert_eq!(first.header("x-api-key"), Some("secret"));
    assert_eq!(first.json(), json!({ "stream": 1 }));
    assert_eq!(second.json(), json!([1]));
    assert_eq!((third.path.as_str(), third.body.len()), ("/bare", 0));
}

#[tokio::test]
async fn next_request_waits_and_gives_each_request_once() {
    let vendor = MockVendor::start().await;
    vendor.always(Reply::status(200));
    let mut client = Client::connect(&vendor).await;

    let (next, _) = tokio::join!(vendor.next_request(), client.ask("/1"));
    assert_eq!(next.path, "/1");
    client.ask("/2").await;
    client.ask("/3").await;
    assert_eq!(vendor.next_request().await.path, "/2");
    assert_eq!(vendor.next_request().await.path, "/3");
    assert_eq!(vendor.requests().len(), 3);
}

#[tokio::test]
async fn a_client_that_expects_100_continue_gets_it() {
    let vendor = MockVendor::start().await;
    vendor.reply(Reply::status(200).body("done"));
    let mut client = Client::connect(&vendor).await;

    client.send(b"POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n").await;
    assert_eq!(client.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send(b"{}").await;
    assert_eq!(client.answer().await.body(), "done");
}

#[tokio::test]
async fn a_client_that_asks_to_close_is_obeyed() {
    let vendor = MockVendor::start().await;
    vendor.reply(Reply::status(200).body("bye"));
    let mut client = Client::connect(&vendor).await;

    client.send(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    let (text, end) = client.rest().await;
    assert!(text.ends_with("\r\n\r\nbye"), "{text}");
    end.expect("a clean end");
}

#[tokio::test]
async fn what_is_not_http_gets_a_400_with_the_reason() {
    let vendor = MockVendor::start().await;
    for (bytes, reason) in [
        (&b"HELLO\r\n\r\n"[..], "not a request line"),
        (b"POST / HTTP/1.1\r\ncontent-length: 67108865\r\n\r\n", "its body is larger"),
        (
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffff\r\n",
            "its body is larger",
        ),
        (
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n",
            "longer than its size",
        ),
    ] {
        let mut client = Client::connect(&vendor).await;
        client.send(bytes).await;
        let (text, _) = client.rest().await;
        assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
        assert!(text.contains(reason), "{text}");
    }
    assert_eq!(vendor.count(), 0);
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let vendor = MockVendor::start().await;
    let mut client = Client::connect(&vendor).await;
    // One byte over the bound: the vendor has read all before it answers, so no reset overtakes its
    // answer.
    let start = b"GET / HTTP/1.1\r\nx: ";
    client.send(start).await;
    client.send(&vec![b'y'; 256 * 1024 + 1 - start.len()]).await;
    assert_eq!(client.answer().await.status, 400);
}

#[tokio::test]
async fn a_stopped_vendor_refuses_connections() {
    let vendor = MockVendor::start().await;
    vendor.always(Reply::stall());
    let address = vendor.url().strip_prefix("http://").expect("an http URL").to_owned();
    let mut client = Client::connect(&vendor).await;
    client.post("/", "").await;
    vendor.next_request().await;

    vendor.stop().await;
    assert_eq!(client.rest().await.0, "");
    tokio::net::TcpStream::connect(&address).await.expect_err("nobody listens any more");
}

#[tokio::test]
async fn a_vendor_that_is_reset_has_forgotten_everything() {
    let vendor = MockVendor::start().await;
    vendor.reply(Reply::status(201));
    vendor.reply(Reply::status(202));
    vendor.always(Reply::status(203));
    let mut client = Client::connect(&vendor).await;
    assert_eq!(client.ask("/1").await.status, 201);
    vendor.reset();
    assert_eq!((vendor.count(), vendor.replies_left()), (0, 0));
    assert_eq!(client.ask("/2").await.status, 500, "nothing is scripted any more");
    assert_eq!(vendor.requests()[0].path, "/2");
}
