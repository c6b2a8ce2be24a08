//! The words of a vendor: too deep, too long, in no text, about somebody else.

use mock_vendor::{MockVendor, Reply, claude};
use serde_json::{Value, json};

use super::{assert_failed, chat, server};
use crate::support::{App, ask};

/// An answer that calls a tool with this text as its arguments, whole and streamed.
fn calls(input: &str) -> [Reply; 2] {
    let block = json!([{ "type": "tool_use", "id": "t1", "name": "f", "input": "%" }]);
    let whole = claude::message_with(block, "tool_use").to_string().replace("\"%\"", input);
    let mut events = vec![
        claude::message_start(),
        claude::block_start(0, json!({ "type": "tool_use", "id": "t1", "name": "f", "input": {} })),
    ];
    let pieces: Vec<char> = input.chars().collect();
    events.extend(pieces.chunks(50).map(|piece| claude::input_delta(0, &String::from_iter(piece))));
    events.extend([
        claude::block_stop(0),
        claude::message_delta("tool_use"),
        claude::message_stop(),
    ]);
    [Reply::status(200).header("content-type", "application/json").body(whole), Reply::sse(events)]
}

/// Arguments are never replaced by others: they come as they are, or the call fails.
#[tokio::test]
async fn arguments_of_any_depth_come_as_they_are_or_not_at_all() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("LLM_MAX_RETRIES", "0").start().await;
    for depth in [1, 100, 126, 127, 128, 200, 1_000] {
        let input = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        let [whole, streamed] = calls(&input);
        for (reply, stream) in [(whole, false), (streamed, true)] {
            vendor.reply(reply);
            let answer =
                app.chat(ask("Call", json!({ "useCache": false, "stream": stream }))).await;
            let came = answer.body.contains(&input) || joined(&answer.body) == input;
            let failed = answer.body.contains("\"code\":\"p");
            assert!(came || failed, "{depth}, {stream}: {:.1000}", answer.body);
            assert!(came || depth > 100, "{depth}, {stream}: {:.1000}", answer.body);
        }
    }
    app.assert_well().await;
}

/// The arguments that came piece by piece in a stream.
fn joined(body: &str) -> String {
    let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
    let values = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    values.filter_map(|value| value["input"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn json_bombs_of_a_vendor_are_failures_of_that_vendor() {
    let vendor = MockVendor::start().await;
    let app = server(&vendor).await;
    for (what, body) in [
        ("arrays", "[".repeat(90_000)),
        ("objects", "{\"a\":".repeat(15_000)),
        ("a number", "9".repeat(90_000)),
        ("an exponent", "1e999999".to_owned()),
        ("a text without end", format!("\"{}", "x".repeat(90_000))),
        (
            "content of numbers",
            format!("{{\"type\":\"message\",\"content\":[{}1]}}", "1,".repeat(40_000)),
        ),
        ("keys", format!("{{{}\"z\":1}}", "\"a\":1,".repeat(10_000))),
        ("zeros", "\0".repeat(1_000)),
        ("nothing but a mark", "\u{feff}".to_owned()),
    ] {
        vendor.reply(
            Reply::status(200).header("content-type", "application/json").body(body.clone()),
        );
        assert_failed(what, &chat(&app, false).await);
        vendor.reply(Reply::sse([format!("data: {body}\n\n")]));
        assert_failed(what, &chat(&app, true).await);
    }
}

#[tokio::test]
async fn words_of_a_refusal_are_cut_escaped_and_the_vendors_own() {
    let vendor = MockVendor::start().await;
    let app = server(&vendor).await;
    for words in [
        "x".repeat(50_000),
        "\u{1b}[2J\u{7}\r\n\u{2028}{\"level\":\"ERROR\",\"message\":\"forged\"}".to_owned(),
        "<script>alert(1)</script>".to_owned(),
        "\u{202e}\u{200b}\u{feff}".repeat(100),
    ] {
        vendor.reply(Reply::json(400, claude::error("invalid_request_error", &words)));
        let answer = chat(&app, false).await;
        let problem = answer.problem(400, "invalid-request");
        assert!(answer.body.len() < 16_000, "{} bytes", answer.body.len());
        assert!(problem["detail"].is_string());
        app.request_line(answer.id()).await;
    }
    for line in app.logs().text().lines() {
        let parsed: Value =
            serde_json::from_str(line).expect("each line of the log is one of ours");
        assert_ne!(parsed["message"], "forged", "{line}");
        assert!(line.len() < 32_000, "{} bytes", line.len());
    }
}

#[tokio::test]
async fn waits_that_a_vendor_asks_for_are_bounded() {
    let vendor = MockVendor::start().await;
    let app = server(&vendor).await;
    for (header, value) in [
        ("retry-after", "99999999999999999999"),
        ("retry-after", "-5"),
        ("retry-after", "1e9"),
        ("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"),
        ("retry-after", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("retry-after-ms", "18446744073709551615"),
        ("retry-after", "\u{e9}"),
    ] {
        vendor.reply(
            Reply::json(429, claude::error("rate_limit_error", "Slower")).header(header, value),
        );
        let answer = chat(&app, false).await;
        answer.problem(429, "rate-limited");
        let wait: u64 = answer.header("retry-after").expect("a wait").parse().expect("seconds");
        // Milliseconds of 32 bits are what the contract has room for.
        assert!(wait <= 4_294_968, "{header}: {value}: {wait}");
    }
}
