//! Replies that wait, and clients that don't.

use std::time::{Duration, Instant};

use mock_vendor::{Gate, MockVendor, Reply, Step, claude};

use crate::client::Client;

#[tokio::test]
async fn a_stream_pauses_at_a_gate_until_it_is_opened() {
    let vendor = MockVendor::start().await;
    let gate = Gate::new();
    vendor.reply(Reply::sse(claude::events(&["one ", "two"])).wait_after(4, &gate));
    let mut client = Client::connect(&vendor).await;
    client.post("/", "").await;

    client.until("one ").await;
    gate.reached().await;
    let mut byte = [0];
    client.until("\n\n\r\n").await;
    assert!(client.stream.try_read(&mut byte).is_err(), "nothing comes through a closed gate");
    gate.open();
    client.until("two").await;
    client.until("0\r\n\r\n").await;
    assert_eq!(
        Client::connect(&vendor).await.ask("/").await.status,
        500,
        "the reply was given once"
    );
}

#[tokio::test]
async fn a_gate_holds_the_headers_or_the_body_back() {
    let vendor = MockVendor::start().await;
    let (headers, body) = (Gate::new(), Gate::new());
    vendor.reply(
        Reply::status(200).body("text").wait_before_headers(&headers).wait_before_body(&body),
    );
    let mut client = Client::connect(&vendor).await;
    client.post("/", "").await;

    headers.reached().await;
    assert!(client.stream.try_read(&mut [0]).is_err(), "no head yet");
    headers.open();
    assert!(client.until("\r\n\r\n").await.contains("content-length: 4"));
    body.reached().await;
    assert!(client.stream.try_read(&mut [0]).is_err(), "no body yet");
    body.open();
    client.until("text").await;
}

#[tokio::test]
async fn one_gate_holds_many_replies() {
    let vendor = MockVendor::start().await;
    let gate = Gate::new();
    vendor.always(Reply::status(200).body("go").wait_before_headers(&gate));
    let (mut a, mut b, mut c) = (
        Client::connect(&vendor).await,
        Client::connect(&vendor).await,
        Client::connect(&vendor).await,
    );
    for client in [&mut a, &mut b, &mut c] {
        client.post("/", "").await;
    }
    gate.reached_by(3).await;
    assert_eq!(vendor.connections_open(), 3);
    gate.open();
    for mut client in [a, b, c] {
        assert_eq!(client.answer().await.body(), "go");
    }
    assert_eq!(
        Client::connect(&vendor).await.ask("/").await.body(),
        "go",
        "an open gate stays open"
    );
}

#[tokio::test]
async fn steps_wait_where_they_say() {
    let vendor = MockVendor::start().await;
    let gate = Gate::new();
    vendor.reply(Reply::steps([
        Step::send("data: 1\n\n"),
        Step::wait(&gate),
        Step::send("data: 2\n\n"),
    ]));
    let mut client = Client::connect(&vendor).await;
    client.post("/", "").await;
    client.until("data: 1\n\n\r\n").await;
    gate.reached().await;
    gate.open();
    client.until("data: 2\n\n\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn delays_and_pace_take_at_least_their_time() {
    let vendor = MockVendor::start().await;
    let pause = Duration::from_millis(20);
    vendor.reply(
        Reply::sse_text("data: 1\n\ndata: 2\n\ndata: 3\n\n")
            .delay(pause)
            .delay_body(pause)
            .pace(pause),
    );
    let begin = Instant::now();
    let answer = Client::connect(&vendor).await.ask("/").await;
    assert_eq!(answer.chunks.len(), 3);
    assert!(begin.elapsed() >= pause * 4, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_wherever_the_reply_is() {
    let gate = Gate::new();
    for reply in [
        Reply::stall(),
        Reply::status(200).wait_before_headers(&gate),
        Reply::sse_text(claude::stream(&["Hi"])).wait_after(4, &gate),
        Reply::status(200).body("text").stall_mid_body(2),
        Reply::steps([Step::send("data: 1\n\n"), Step::Stall]),
        Reply::status(200).delay(Duration::from_secs(3600)),
    ] {
        let vendor = MockVendor::start().await;
        vendor.reply(reply);
        let mut client = Client::connect(&vendor).await;
        client.post("/left", "").await;
        vendor.next_request().await;
        drop(client);
        assert_eq!(vendor.wait_for_disconnect().await.path, "/left");
        assert_eq!(vendor.connections_open(), 0);
    }
}

#[tokio::test]
async fn a_client_that_resets_is_noticed_too() {
    let vendor = MockVendor::start().await;
    vendor.reply(Reply::stall());
    let mut client = Client::connect(&vendor).await;
    client.post("/reset", "").await;
    vendor.next_request().await;
    client.stream.set_zero_linger().expect("a socket that lingers not");
    drop(client);
    assert_eq!(vendor.wait_for_disconnect().await.path, "/reset");
}

#[tokio::test]
async fn of_two_clients_the_one_that_left_is_named() {
    let vendor = MockVendor::start().await;
    let gate = Gate::new();
    vendor.always(Reply::status(200).body("late").wait_before_headers(&gate));
    let (mut stays, mut leaves) = (Client::connect(&vendor).await, Client::connect(&vendor).await);
    stays.post("/stays", "").await;
    leaves.post("/leaves", "").await;
    gate.reached_by(2).await;

    drop(leaves);
    assert_eq!(vendor.wait_for_disconnect().await.path, "/leaves");
    assert_eq!(vendor.connections_open(), 1);
    gate.open();
    assert_eq!(stays.answer().await.body(), "late");
}

#[tokio::test]
async fn a_client_that_leaves_after_its_answer_gave_nothing_up() {
    let vendor = MockVendor::start().await;
    vendor.reply(Reply::status(200));
    vendor.reply(Reply::stall());
    let mut polite = Client::connect(&vendor).await;
    polite.ask("/polite").await;
    drop(polite);
    vendor.wait_for_connections(0).await;

    let mut hasty = Client::connect(&vendor).await;
    hasty.post("/hasty", "").await;
    vendor.next_request().await;
    drop(hasty);
    assert_eq!(
        vendor.wait_for_disconnect().await.path,
        "/hasty",
        "the polite one isn't on the list"
    );
}

#[tokio::test]
async fn a_request_sent_ahead_is_answered_in_its_turn() {
    let vendor = MockVendor::start().await;
    let gate = Gate::new();
    vendor.reply(Reply::status(200).body("first").wait_before_headers(&gate));
    vendor.reply(Reply::status(200).body("second"));
    let mut client = Client::connect(&vendor).await;
    client.post("/1", "").await;
    gate.reached().await;
    client.post("/2", "").await;
    gate.open();
    assert_eq!(client.answer().await.body(), "first");
    assert_eq!(client.answer().await.body(), "second");
}

#[tokio::test]
async fn what_does_not_happen_in_time_is_told() {
    let vendor = MockVendor::start().await;
    let gate = Gate::new();
    assert!(!gate.reached_within(1, Duration::ZERO).await);
    assert!(vendor.disconnected_within(Duration::ZERO).await.is_none());

    vendor.reply(Reply::status(200).wait_before_headers(&gate));
    let mut client = Client::connect(&vendor).await;
    client.post("/leaves", "").await;
    gate.reached().await;
    assert!(gate.reached_within(1, Duration::ZERO).await);
    drop(client);
    let gone = vendor.disconnected_within(Duration::from_secs(30)).await.expect("it left");
    assert_eq!(gone.path, "/leaves");
}
