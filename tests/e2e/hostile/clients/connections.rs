//! Connections: too many, too slow, too eager, gone in the middle.

use std::cell::Cell;

use futures_util::future::join_all;
use mock_vendor::{MockVendor, Reply, claude};
use proptest::prelude::*;
use serde_json::json;

use super::super::{beside, family, uncached};
use super::statuses;
use crate::support::{App, Raw, ask, raw};

#[tokio::test]
async fn a_flood_of_silent_connections_leaves_those_that_ask_their_turn() {
    let app = App::with_echo()
        .set("HTTP_MAX_CONNECTIONS", "40")
        .set("HTTP_READ_TIMEOUT", "2s")
        .start()
        .await;
    let question = raw::post("/api/llm/chat", &uncached("still there?").to_string());
    let mut neighbour = Raw::connect(&app).await;
    let mut asked = async || {
        neighbour.send(&question).await;
        assert_eq!(neighbour.answer().await.0, 200);
    };
    asked().await;
    // It asks all the time, or it would be one of the silent itself.
    let flooded = Cell::new(false);
    let flood = async {
        let flood = join_all((0..200).map(|_| Raw::connect(&app))).await;
        flooded.set(true);
        flood
    };
    let asks = async {
        while !flooded.get() {
            asked().await;
        }
    };
    let (mut flood, ()) = tokio::join!(flood, asks);
    asked().await;
    // A new one waits behind them, and they are cut one after the other.
    beside(&app, join_all(flood.iter_mut().map(Raw::rest))).await;
}

#[tokio::test]
async fn a_crowd_of_slow_heads_and_bodies_is_cut_and_takes_no_place() {
    let app = App::with_echo()
        .set("HTTP_READ_TIMEOUT", "500ms")
        .set("HTTP_MAX_REQUESTS", "60")
        .start()
        .await;
    let starts = [
        "POST /api/llm/chat HTTP/1.1\r\nhost: localhost\r\ncontent-".to_owned(),
        "POST /api/llm/chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{".to_owned(),
        "POST /api/llm/chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n".to_owned(),
        String::new(),
    ];
    let crowd = starts.iter().cycle().take(80).map(async |start| {
        let mut client = Raw::connect(&app).await;
        client.send(start).await;
        client.rest().await
    });
    for read in beside(&app, join_all(crowd)).await {
        assert!(statuses(&read).iter().all(|status| matches!(status, 408 | 503)), "{read}");
    }
}

#[tokio::test]
async fn hundreds_of_requests_in_one_breath_are_answered_in_their_order() {
    let app = App::with_echo().only_echo().start().await;
    let mut client = Raw::connect(&app).await;
    let all: String = (0..300)
        .map(|number| {
            raw::post("/api/llm/chat", &uncached(&format!("number {number}.")).to_string())
        })
        .collect();
    let asked = async {
        client.send(all).await;
        for number in 0..300 {
            let (status, _, body) = client.answer().await;
            assert!(status == 200 && body.contains(&format!("number {number}.")), "{body}");
        }
    };
    beside(&app, asked).await;
}

#[tokio::test]
async fn requests_in_one_breath_whose_answers_nobody_reads_fill_nothing() {
    let app = App::with_echo()
        .only_echo()
        .set("HTTP_READ_TIMEOUT", "1s")
        .set("HTTP_MAX_REQUESTS", "3")
        .start()
        .await;
    let mut client = Raw::connect(&app).await;
    let large = raw::post("/api/llm/chat", &uncached(&"x".repeat(1 << 20)).to_string());
    let attack = async {
        // Until the server takes no more: it reads none before the answer to the last is sent.
        for _ in 0..200 {
            if client.try_send(&large).await.is_err() {
                break;
            }
        }
        client.rest().await
    };
    let read = beside(&app, attack).await;
    assert!(statuses(&read).len() < 200);
}

/// A request that is cut at any byte, cleanly or rudely.
#[test]
fn a_request_that_is_cut_anywhere_gives_its_place_back() {
    let strategy = (0..400_usize, any::<bool>(), any::<bool>());
    let make = async || App::with_echo().only_echo().set("HTTP_MAX_REQUESTS", "2").start().await;
    family(64, &strategy, make, async |app: &App, (cut, rude, stream)| {
        let body = ask("cut", json!({ "useCache": false, "stream": stream })).to_string();
        let request = raw::post("/api/llm/chat", &body);
        let cut = cut % (request.len() + 1);
        let clients = join_all((0..4).map(async |_| {
            let mut client = Raw::connect(app).await;
            client.send(&request[..cut]).await;
            if rude { client.reset() } else { client.hang_up() }
        }));
        clients.await;
        // Were a place kept, these would be refused after a few cases. They may be refused now,
        // while the cut ones end.
        for _ in 0..1_000 {
            let answer = app.chat(uncached("still there?")).await;
            match answer.status {
                200 => return Ok(()),
                503 => tokio::task::yield_now().await,
                _ => return Err(format!("{answer:?}")),
            }
        }
        Err(format!("no place is free after a cut at {cut}"))
    });
}

/// A stream that its client leaves after any number of bytes.
#[test]
fn a_stream_that_is_left_anywhere_ends_with_its_client() {
    struct Stage {
        vendor: MockVendor,
        app: App,
    }
    let strategy = (1..4_000_usize, any::<bool>());
    let make = async || {
        let vendor = MockVendor::start().await;
        let start = claude::events(&["Good "])[..4].concat();
        vendor.always(Reply::sse([start]).endless(claude::text_delta(0, &"x".repeat(100))));
        let app = App::with_vendor(&vendor)
            .set("LLM_RESPONSE_LIMIT", "1000000000")
            .set("LLM_MAX_CALLS", "8")
            .start()
            .await;
        Stage { vendor, app }
    };
    family(24, &strategy, make, async |stage: &Stage, (bytes, rude)| {
        let question = ask("Go on", json!({ "useCache": false, "stream": true }));
        let mut client = Raw::chat(&stage.app, &question).await;
        client.at_least(bytes).await;
        if rude {
            client.reset()
        } else {
            client.hang_up()
        }
        stage.vendor.wait_for_disconnect().await;
        stage.app.assert_well().await;
        Ok(())
    });
}
