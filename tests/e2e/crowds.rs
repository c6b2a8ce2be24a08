//! Clients that take what there is one of for all: connections, descriptors, places, the memory for
//! bodies. Whoever asks beside them is answered.

use futures_util::future::select_all;
use mock_vendor::{Gate, MockVendor, Reply, claude};
use reqwest::Method;
use serde_json::json;

use crate::support::client::{self, Answer};
use crate::support::{App, EventStream, Raw, ask, question, raw, within};

const EVENTS: &str = "/api/llm/providers/events";
const HEAD: &str =
    "POST /api/llm/chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
const KEYS: &str = "a:0123456789abcdef,b:fedcba9876543210";

/// Fails unless all ways to ask after the server's health are answered, on new connections.
async fn assert_healthy(app: &App) {
    for path in ["/api/health", "/api/health/live", "/api/health/ready"] {
        app.get(path).await.ok();
    }
}

async fn chat_as(app: &App, key: &str, text: &str) -> Answer {
    let body = ask(text, json!({ "useCache": false })).to_string();
    let request = app.request(Method::POST, "/api/llm/chat").bearer_auth(key);
    client::send(request.body(body)).await
}

#[cfg(unix)]
#[tokio::test]
async fn idle_connections_take_neither_a_kept_connection_nor_a_vendor_nor_health_from_others() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).descriptors(256).start().await;
    let told = app.wait_for_log(|line| line["message"] == "Divided the machine").await;
    assert_eq!(told["descriptors"], 256, "{told}");
    assert_eq!((&told["for_clients"], &told["for_vendors"]), (&json!(96), &json!(96)), "{told}");
    assert!(told["memory_mib"].as_u64().is_some_and(|mib| mib > 0), "{told}");

    vendor.always(Reply::json(200, claude::message("Hi")));
    let mut kept = Raw::connect(&app).await;
    let ask_kept = async |kept: &mut Raw, number: usize| {
        let question = ask(&format!("Question {number}"), json!({ "useCache": false }));
        kept.send(raw::post("/api/llm/chat", &question.to_string())).await;
        let (status, _, body) = kept.answer().await;
        assert_eq!(status, 200, "{body}");
    };
    ask_kept(&mut kept, 0).await;
    let mut idle = Vec::new();
    for number in 1..=300 {
        idle.push(Raw::connect(&app).await);
        if number % 50 == 0 {
            ask_kept(&mut kept, number).await;
            assert_healthy(&app).await;
        }
    }
    let log = app.logs().text();
    assert!(!log.contains("could not be accepted"), "there were descriptors all the time");
}

#[cfg(unix)]
#[tokio::test]
async fn where_descriptors_are_few_dripping_bodies_leave_connections_for_others() {
    let app = App::with_echo().descriptors(256).start().await;
    let mut dripping = Vec::new();
    for number in 1..=300 {
        let mut client = Raw::connect(&app).await;
        client.send(format!("{HEAD}content-length: 100\r\n\r\n{{")).await;
        dripping.push(client);
        if number % 50 == 0 {
            assert_healthy(&app).await;
        }
    }
    within("an answer beside them", async {
        while app.chat(ask("Hello", json!({ "useCache": false }))).await.status != 200 {}
    })
    .await;
    assert!(!app.logs().text().contains("could not be accepted"));
}

#[tokio::test]
async fn where_every_connection_is_at_work_health_is_answered_and_others_wait() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("HTTP_MAX_CONNECTIONS", "2").start().await;
    let gate = Gate::new();
    vendor.always(Reply::json(200, claude::message("Hi")).wait_before_headers(&gate));
    let mut first = Raw::chat(&app, &question("One")).await;
    let mut second = Raw::chat(&app, &question("Two")).await;
    gate.reached_by(2).await;
    assert_healthy(&app).await;
    let mut third = Raw::chat(&app, &question("Three")).await;
    assert_healthy(&app).await;
    assert_eq!(vendor.count(), 2);
    gate.open();
    for client in [&mut first, &mut second] {
        assert_eq!(client.answer().await.0, 200);
    }
    // The places of the two are idle now, and one of them is given up for it.
    assert_eq!(third.answer().await.0, 200);
}

#[tokio::test]
async fn event_streams_take_no_place_from_requests_nor_all_from_other_callers() {
    let app = App::with_echo()
        .set("ARETE_API_KEYS", KEYS)
        .set("HTTP_MAX_REQUESTS", "20")
        .set("HTTP_MAX_EVENT_STREAMS", "20")
        .start()
        .await;
    let (a, b) = ("0123456789abcdef", "fedcba9876543210");
    let watch = |key: &str| app.request(Method::GET, EVENTS).bearer_auth(key);
    let mut streams = Vec::new();
    for _ in 0..15 {
        streams.push(EventStream::open(watch(a)).await);
    }
    let refused = client::send(watch(a)).await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    let detail = refused.problem(503, "overloaded")["detail"].to_string();
    assert!(detail.contains("HTTP_MAX_EVENT_STREAMS"), "{detail}");

    streams.push(EventStream::open(watch(b)).await);
    for key in [a, b] {
        assert_eq!(chat_as(&app, key, "Hello").await.ok()["content"], "Hello");
    }
    assert_healthy(&app).await;
    for stream in &mut streams {
        assert!(stream.next().await.is_some());
    }
}

#[tokio::test]
async fn bodies_that_drip_take_no_place_from_requests() {
    let app =
        App::with_echo().set("HTTP_MAX_REQUESTS", "20").set("HTTP_MAX_BODIES", "40").start().await;
    let mut dripping = Vec::new();
    for _ in 0..40 {
        let mut client = Raw::connect(&app).await;
        client.send(format!("{HEAD}content-length: 100\r\n\r\n{{")).await;
        dripping.push(client);
    }
    // One caller may have 30 of 40 places; what has come with its head needs none.
    for _ in 0..10 {
        let answers = dripping.iter_mut().map(|client| Box::pin(client.answer()));
        let ((status, head, body), at, rest) = select_all(answers).await;
        drop(rest);
        assert_eq!(status, 503, "{body}");
        assert!(head.to_ascii_lowercase().contains("retry-after: 1"), "{head}");
        assert!(body.contains("overloaded") && body.contains("HTTP_MAX_BODIES"), "{body}");
        drop(dripping.swap_remove(at));
        app.assert_well().await;
    }
    app.get("/api/llm/providers").await.ok();
    assert_healthy(&app).await;
    let mut whole = dripping.remove(0);
    whole.send(" ".repeat(99)).await;
    assert_eq!(whole.answer().await.0, 400);
    app.assert_well().await;
}

#[tokio::test]
async fn a_body_that_drips_for_too_long_is_refused_although_it_never_pauses() {
    let app = App::with_echo().set("HTTP_BODY_TIMEOUT", "300ms").start().await;
    let mut slow = Raw::connect(&app).await;
    slow.send(format!("{HEAD}content-length: 1000000\r\n\r\n{{")).await;
    let dripped = within("an answer", async {
        while slow.try_send(" ").await.is_ok() {
            if let Ok(answer) =
                tokio::time::timeout(std::time::Duration::from_millis(20), slow.head()).await
            {
                return Some(answer.0);
            }
        }
        None
    })
    .await;
    assert_eq!(dripped, Some(408));
    let line = app.wait_for_log(|line| line["status"] == 408).await;
    assert!(line["error"].as_str().unwrap().contains("HTTP_BODY_TIMEOUT"), "{line}");
    app.assert_well().await;
}

#[tokio::test]
async fn the_bodies_of_one_caller_leave_memory_for_another() {
    let app = App::with_echo()
        .set("ARETE_API_KEYS", KEYS)
        .set("HTTP_BODY_LIMIT", "1048576")
        .set("HTTP_BODY_MEMORY", "2097152")
        .start()
        .await;
    let (a, b) = ("0123456789abcdef", "fedcba9876543210");
    let large = "x".repeat(900_000);
    // A question that overtakes the halves leaves no memory for them, and they are refused.
    let mut halves = Vec::new();
    let refused = within("the halves to be there first", async {
        loop {
            halves.clear();
            for _ in 0..2 {
                let mut half = Raw::connect(&app).await;
                let key = format!("authorization: Bearer {a}");
                half.send(format!("{HEAD}{key}\r\ncontent-length: 1000000\r\n\r\n")).await;
                half.send("x".repeat(700_000)).await;
                halves.push(half);
            }
            let answer = chat_as(&app, a, &large).await;
            if answer.status != 200 {
                return answer;
            }
        }
    })
    .await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    let detail = refused.problem(503, "overloaded")["detail"].to_string();
    assert!(detail.contains("HTTP_BODY_MEMORY"), "{detail}");
    chat_as(&app, b, &"y".repeat(300_000)).await.ok();
    chat_as(&app, a, "Hello").await.ok();
    assert_healthy(&app).await;
    // What is too large by itself is refused at once.
    let too_large = chat_as(&app, b, &"x".repeat(1_048_576)).await;
    too_large.problem(413, "body-too-large");
    drop(halves);
    within("the memory to be free", async {
        while chat_as(&app, a, &large).await.status != 200 {}
    })
    .await;
}
