//! Answers that are cut, broken off, too long or no answers at all.

use std::io::ErrorKind;

use mock_vendor::{Gate, MockVendor, Reply, Step, claude};

use crate::client::{Answer, Client};

async fn ask(reply: Reply) -> Answer {
    let vendor = MockVendor::start().await;
    vendor.reply(reply);
    Client::connect(&vendor).await.ask("/v1/messages").await
}

/// What comes over the wire until the connection ends, and whether it ends by a reset.
async fn wire(reply: Reply) -> (String, bool) {
    let vendor = MockVendor::start().await;
    vendor.reply(reply);
    let mut client = Client::connect(&vendor).await;
    client.post("/v1/messages", "{}").await;
    let (text, end) = client.rest().await;
    match end {
        Ok(()) => (text, false),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            (text, true)
        }
    }
}

fn body_of(text: &str) -> &str {
    text.split_once("\r\n\r\n").expect("a head").1
}

#[tokio::test]
async fn a_stream_has_a_chunk_for_each_event() {
    let text = claude::stream(&["a ", "b"]);
    let answer = ask(Reply::sse_text(&text)).await;
    assert!(
        answer.head.contains("content-type: text/event-stream; charset=utf-8\r\n"),
        "{}",
        answer.head
    );
    assert_eq!(answer.body(), text);
    let events: Vec<Vec<u8>> =
        claude::events(&["a ", "b"]).into_iter().map(String::into_bytes).collect();
    assert_eq!(answer.chunks, events);
}

#[tokio::test]
async fn a_body_is_cut_where_the_test_says() {
    let answer = ask(Reply::sse_text("data: \u{1f600}\n\n").cut_every(1)).await;
    assert_eq!(answer.chunks.len(), 12);
    assert_eq!(answer.body(), "data: \u{1f600}\n\n");

    let answer = ask(Reply::status(200).body("abcdefg").cut_every(3)).await;
    assert_eq!(answer.chunks, [&b"abc"[..], b"def", b"g"]);

    let answer = ask(Reply::status(200).body("abcdefg").cut_at(&[5, 2, 5, 0, 99])).await;
    assert_eq!(answer.chunks, [&b"ab"[..], b"cde", b"fg"]);

    let answer = ask(Reply::sse_text("data: 1\n\ndata: 2\n\n").cut_at(&[])).await;
    assert_eq!(answer.chunks, [b"data: 1\n\ndata: 2\n\n"]);
}

#[tokio::test]
async fn an_empty_body_is_framed_whichever_way() {
    assert_eq!(ask(Reply::status(200)).await.body(), "");
    assert_eq!(ask(Reply::status(200).chunked()).await.body(), "");
    assert_eq!(ask(Reply::sse_text("")).await.body(), "");
    assert_eq!(ask(Reply::status(200).cut_every(1)).await.body(), "");
}

#[tokio::test]
async fn a_body_can_end_with_the_connection() {
    let (text, reset) = wire(Reply::status(200).body("all").until_close()).await;
    assert_eq!(text, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall");
    assert!(!reset);
}

#[tokio::test]
async fn a_wrong_length_is_sent_as_claimed() {
    let (text, reset) = wire(Reply::status(200).body("four").content_length(9)).await;
    assert_eq!(text, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfour");
    assert!(!reset);
    let (text, _) = wire(Reply::status(200).body("four").content_length(2)).await;
    assert_eq!(text, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nfour");
}

#[tokio::test]
async fn raw_bytes_go_out_as_they_are() {
    let (text, reset) = wire(Reply::raw("HTP/1.1 OK 200\n\n").cut_every(1)).await;
    assert_eq!(text, "HTP/1.1 OK 200\n\n");
    assert!(!reset);
}

#[tokio::test]
async fn a_connection_ends_before_the_headers() {
    assert_eq!(wire(Reply::status(200).reset_before_headers()).await, (String::new(), true));
    assert_eq!(wire(Reply::status(200).close_before_headers()).await, (String::new(), false));
}

#[tokio::test]
async fn a_connection_is_reset_after_the_headers() {
    let (text, reset) = wire(Reply::sse_text(claude::stream(&["Hi"])).reset_after_headers()).await;
    assert!(reset);
    // The reset may overtake the head.
    assert!(
        text.is_empty() || (text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\n")),
        "{text}"
    );
}

#[tokio::test]
async fn a_reset_behind_a_gate_loses_nothing_of_what_came_before() {
    let vendor = MockVendor::start().await;
    let gate = Gate::new();
    vendor.reply(Reply::json(200, claude::message("Hi")).wait_at(10, &gate).reset_mid_body(10));
    let mut client = Client::connect(&vendor).await;
    client.post("/", "").await;

    client.until("\r\n\r\n").await;
    client.until(&claude::message("Hi").to_string()[..10]).await;
    gate.open();
    let (text, end) = client.rest().await;
    assert_eq!(text, "");
    assert_eq!(end.expect_err("a reset").kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_connection_closed_in_a_chunk_leaves_it_incomplete() {
    let reply = Reply::sse_text("data: 1\n\ndata: 2\n\n");
    let (text, reset) = wire(reply.clone().close_mid_body(12)).await;
    assert_eq!(body_of(&text), "9\r\ndata: 1\n\n\r\n9\r\ndat");
    assert!(!reset);
    // Between chunks, and after the last: only the end mark is missing.
    let (text, _) = wire(reply.clone().close_mid_body(9)).await;
    assert_eq!(body_of(&text), "9\r\ndata: 1\n\n\r\n");
    let (text, _) = wire(reply.close_mid_body(18)).await;
    assert_eq!(body_of(&text), "9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n");
}

#[tokio::test]
async fn a_connection_closed_in_a_body_of_known_length_leaves_it_short() {
    let (text, reset) = wire(Reply::status(200).body("0123456789").close_mid_body(4)).await;
    assert_eq!(text, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123");
    assert!(!reset);
}

#[tokio::test]
async fn steps_end_as_their_last_one_says() {
    let (text, reset) =
        wire(Reply::steps([Step::send("data: 1\n\n"), Step::send("data"), Step::Close])).await;
    assert_eq!(body_of(&text), "9\r\ndata: 1\n\n\r\n4\r\ndata\r\n");
    assert!(!reset);
    let (_, reset) = wire(Reply::steps([Step::send("data: 1\n\n"), Step::Reset])).await;
    assert!(reset);
    let answer = ask(Reply::steps([Step::send("data: 1\n\n")]).with_status(206)).await;
    assert_eq!((answer.status, answer.body().as_str()), (206, "data: 1\n\n"));
}

#[tokio::test]
async fn an_endless_body_goes_on_until_the_client_leaves() {
    let vendor = MockVendor::start().await;
    vendor.reply(Reply::sse_text("data: first\n\n").endless("data: again\n\n"));
    let mut client = Client::connect(&vendor).await;
    client.post("/endless", "").await;
    client.until("first").await;
    for _ in 0..1000 {
        client.until("again").await;
    }
    drop(client);
    assert_eq!(vendor.wait_for_disconnect().await.path, "/endless");
}

#[tokio::test]
async fn a_client_that_never_reads_holds_an_endless_body_up_without_harm() {
    let vendor = MockVendor::start().await;
    vendor.reply(Reply::status(200).endless(vec![b'x'; 1 << 20]));
    vendor.reply(Reply::status(200).body("fine"));
    let mut deaf = Client::connect(&vendor).await;
    deaf.post("/deaf", "").await;
    vendor.next_request().await;

    assert_eq!(Client::connect(&vendor).await.ask("/").await.body(), "fine");
    drop(deaf);
    assert_eq!(vendor.wait_for_disconnect().await.path, "/deaf");
}

#[tokio::test]
#[should_panic(expected = "at byte 5 of a body of 4")]
async fn an_incident_that_could_never_happen_is_a_mistake() {
    MockVendor::start().await.reply(Reply::status(200).body("four").reset_mid_body(5));
}

#[tokio::test]
#[should_panic(expected = "wait_after(3) on a reply of 2 events")]
async fn a_wait_after_more_events_than_there_are_is_a_mistake() {
    let _ = Reply::sse_text("data: 1\n\ndata: 2\n\n").wait_after(3, &Gate::new());
}
