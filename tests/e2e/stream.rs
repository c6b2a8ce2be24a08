//! A streamed answer: events as soon as there is something to tell, the same answer however the
//! vendor's bytes are cut.

use mock_vendor::{Gate, MockVendor, Reply, claude};
use serde_json::{Value, json};

use crate::support::{App, question};

/// `done` of an answer of [`claude::stream`].
fn done() -> Value {
    let usage = json!({
        "inputTokens": 12, "outputTokens": 6, "totalTokens": 18, "cacheReadTokens": 0, "cacheWriteTokens": 0,
    });
    json!({ "finishReason": "end_turn", "usage": usage })
}

#[tokio::test]
async fn echo_streams_word_by_word() {
    let app = App::shared().await;
    let mut stream = app.stream(question("one two three")).await;
    assert_eq!(stream.headers["x-arete-cache"], "miss");
    assert_eq!(stream.headers["cache-control"], "no-cache");
    assert_eq!(stream.headers["x-accel-buffering"], "no");
    assert!(stream.headers["server-timing"].to_str().unwrap().starts_with("total;dur="));

    let (name, start) = stream.next().await.unwrap();
    assert_eq!(
        (name.as_str(), &start["model"], &start["provider"]),
        ("start", &json!("echo"), &json!("echo"))
    );
    assert_eq!(start["cached"], false);
    for word in ["one ", "two ", "three"] {
        assert_eq!(stream.text().await, word);
    }
    let (text, done) = stream.finish().await;
    assert_eq!(text, "");
    let usage = json!({ "inputTokens": 3, "outputTokens": 3, "totalTokens": 6 });
    assert_eq!(done, json!({ "finishReason": "end_turn", "usage": usage }));
}

#[tokio::test]
async fn the_first_words_are_there_before_the_vendor_has_sent_the_last() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    let gate = Gate::new();
    vendor.reply(Reply::sse_text(claude::stream(&["Good ", "morning"])).wait_after(4, &gate));

    let mut stream = app.stream(question("Hello")).await;
    let expected = json!({ "id": claude::MESSAGE_ID, "model": claude::MODEL, "provider": "anthropic", "cached": false });
    assert_eq!(stream.next().await, Some(("start".to_owned(), expected)));
    assert_eq!(stream.text().await, "Good ");
    gate.open();
    assert_eq!(stream.finish().await, ("morning".to_owned(), done()));

    let sent = vendor.next_request().await;
    assert_eq!(sent.json()["stream"], true);
    let line = app.request_line(&stream.id()).await;
    assert_eq!((&line["outcome"], &line["output_tokens"]), (&json!("ok"), &json!(6)));
}

#[tokio::test]
async fn an_answer_is_the_same_however_its_bytes_arrive() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    let words = ["H\u{e4}, ", "\u{65e5}\u{672c} ", "\u{1f980}\u{200d}\u{1f9ba}", " \"\\n\" \n"];
    let text = claude::stream(&words);
    let unknown = claude::event(&json!({ "type": "something_new", "with": { "fields": [] } }));
    let mut busy: Vec<String> =
        claude::events(&words).iter().flat_map(|it| [claude::ping(), it.clone()]).collect();
    busy.insert(3, unknown);
    busy.insert(1, ": a comment\r\n\r\nid: 7\nretry: 10\n\n".to_owned());

    for (how, reply) in [
        ("whole", Reply::sse([text.as_str()])),
        ("byte by byte", Reply::sse([text.as_str()]).cut_every(1)),
        ("seven bytes at a time", Reply::sse([text.as_str()]).cut_every(7)),
        ("with CRLF, cut anywhere", Reply::sse([text.replace('\n', "\r\n")]).cut_every(1)),
        ("with CR alone", Reply::sse([text.replace('\n', "\r")]).cut_every(3)),
        ("with a byte order mark", Reply::sse([format!("\u{feff}{text}")])),
        ("without event names", Reply::sse([without_names(&text)])),
        ("among pings, comments and events of tomorrow", Reply::sse(busy)),
        (
            "with a length",
            Reply::status(200).header("content-type", "text/event-stream").body(text.as_str()),
        ),
        ("until the connection closes", Reply::sse([text.as_str()]).until_close()),
    ] {
        vendor.reply(reply);
        // A question of its own each: equal questions might be answered from the cache.
        let mut stream = app.stream(question(how)).await;
        assert_eq!(stream.finish().await, (words.concat(), done()), "{how}");
    }
}

fn without_names(text: &str) -> String {
    text.lines()
        .filter(|line| !line.starts_with("event:"))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[tokio::test]
async fn tool_use_and_thinking_are_streamed_and_told_whole_at_the_end() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    vendor.reply(Reply::sse([
        claude::message_start(),
        claude::block_start(0, json!({ "type": "thinking", "thinking": "", "signature": "" })),
        claude::block_delta(0, json!({ "type": "thinking_delta", "thinking": "Hm." })),
        claude::block_delta(0, json!({ "type": "signature_delta", "signature": "c2lnbmVk" })),
        claude::block_stop(0),
        claude::block_start(
            1,
            json!({ "type": "tool_use", "id": "toolu_1", "name": "weather", "input": {} }),
        ),
        claude::input_delta(1, ""),
        claude::input_delta(1, "{\"city\": \"O"),
        claude::input_delta(1, "slo\"}"),
        claude::block_stop(1),
        claude::message_delta("tool_use"),
        claude::message_stop(),
    ]));

    let mut events = app.stream(question("The weather?")).await.rest().await;
    let (name, done) = events.pop().unwrap();
    assert_eq!((name.as_str(), &done["finishReason"]), ("done", &json!("tool_use")));
    assert_eq!(
        done["parts"],
        json!([
            { "type": "thinking", "text": "Hm.", "signature": "c2lnbmVk" },
            { "type": "tool_use", "id": "toolu_1", "name": "weather", "input": { "city": "Oslo" } },
        ])
    );
    assert!(events.contains(&("delta".to_owned(), json!({ "thinking": "Hm." }))), "{events:?}");
    let tool: Vec<&Value> =
        events.iter().map(|(_, data)| &data["toolUse"]).filter(|it| it.is_object()).collect();
    assert_eq!(
        (&tool[0]["index"], &tool[0]["id"], &tool[0]["name"]),
        (&json!(1), &json!("toolu_1"), &json!("weather"))
    );
    let input: String = tool.iter().map(|delta| delta["input"].as_str().unwrap()).collect();
    assert_eq!(input, r#"{"city": "Oslo"}"#);
}

#[tokio::test]
async fn an_error_after_the_first_words_is_an_event_and_the_stream_is_never_done() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    let mut events = claude::events(&["Half an "])[..4].to_vec();
    events.push(claude::error_event("overloaded_error", "Overloaded"));
    vendor.reply(Reply::sse(events));

    let mut stream = app.stream(question("Hello")).await;
    assert_eq!(stream.next().await.unwrap().0, "start");
    assert_eq!(stream.text().await, "Half an ");
    let problem = stream.fail(503, "overloaded").await;
    assert_eq!(problem["detail"], "Overloaded");
    assert_eq!(vendor.count(), 1, "half an answer isn't asked for again");
    let line = app.request_line(&stream.id()).await;
    assert_eq!(
        (&line["outcome"], &line["error"].as_str().unwrap().contains("Overloaded")),
        (&json!("failed"), &true)
    );
}

#[tokio::test]
async fn a_stream_that_breaks_off_fails_and_is_never_done() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    let text = claude::stream(&["Half an ", "answer"]);
    let heard = text.find("Half an ").unwrap()
        + text[text.find("Half an ").unwrap()..].find("\n\n").unwrap()
        + 2;
    let end = text.find("event: message_stop").unwrap();
    let whole = |gate: &Gate| Reply::sse([text.as_str()]).wait_at(heard, gate);

    type Ending = fn(Reply, usize) -> Reply;
    let reset: Ending = Reply::reset_mid_body;
    let close: Ending = Reply::close_mid_body;
    for (how, ending, position) in [
        ("reset after a delta", reset, heard),
        ("reset in the middle of an event", reset, heard + 10),
        ("closed in the middle of a chunk", close, heard + 10),
        ("closed between chunks", close, heard),
        ("closed before message_stop", close, end),
    ] {
        let gate = Gate::new();
        vendor.reply(ending(whole(&gate), position));
        fails_after_half(&app, how, &gate).await;
    }
    let unexplained = text.find("event: message_delta").unwrap();
    for (how, length) in [
        ("a clean end without a reason to stop", unexplained),
        ("a clean end in half an event", heard + 10),
    ] {
        let gate = Gate::new();
        vendor.reply(Reply::sse([&text[..length]]).wait_at(heard, &gate));
        fails_after_half(&app, how, &gate).await;
    }
    assert_eq!(vendor.count(), 7, "half an answer isn't asked for again");
}

async fn fails_after_half(app: &App, how: &str, gate: &Gate) {
    let mut stream = app.stream(question(how)).await;
    assert_eq!(stream.next().await.unwrap().0, "start", "{how}");
    assert_eq!(stream.text().await, "Half an ", "{how}");
    gate.open();
    stream.fail(502, "provider-failed").await;
}

#[tokio::test]
async fn a_failure_before_the_first_words_is_an_ordinary_status() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("LLM_MAX_RETRIES", "0").start().await;
    let in_band = [claude::message_start(), claude::error_event("overloaded_error", "Overloaded")];
    for (how, reply, status, code) in [
        (
            "refused",
            Reply::json(400, claude::error("invalid_request_error", "No.")),
            400,
            "invalid-request",
        ),
        ("failed", Reply::json(500, claude::error("api_error", "Oh.")), 502, "provider-failed"),
        ("in band", Reply::sse(in_band), 503, "overloaded"),
        (
            "reset",
            Reply::sse_text(claude::stream(&["Hi"])).reset_after_headers(),
            502,
            "provider-failed",
        ),
        ("empty", Reply::sse([""; 0]), 502, "provider-failed"),
        ("half an event", Reply::sse(["event: message_start\ndata: {"]), 502, "provider-failed"),
        (
            "not a stream",
            Reply::status(200).header("content-type", "text/event-stream").body("<html></html>"),
            502,
            "provider-failed",
        ),
        (
            "nonsense",
            Reply::sse(["event: message_start\ndata: nonsense\n\n"]),
            502,
            "provider-failed",
        ),
    ] {
        vendor.reply(reply);
        app.refused_stream(question(how)).await.problem(status, code);
    }
}

/// A streamed answer of these blocks' events.
fn blocks(events: impl IntoIterator<Item = String>, stop_reason: &str) -> Vec<String> {
    let end = [claude::message_delta(stop_reason), claude::message_stop()];
    [claude::message_start()].into_iter().chain(events).chain(end).collect()
}

#[tokio::test]
async fn a_call_that_the_tokens_end_in_is_kept_as_text() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    let call = json!({ "type": "tool_use", "id": "toolu_1", "name": "note", "input": {} });
    let arguments = r#"{"title":"a","text":"it was a da"#;
    let events =
        [claude::block_start(0, call), claude::input_delta(0, arguments), claude::block_stop(0)];
    vendor.reply(Reply::sse(blocks(events.clone(), "max_tokens")));
    let mut told = app.stream(question("Note it.")).await.rest().await;
    let (name, done) = told.pop().unwrap();
    assert_eq!((name.as_str(), &done["finishReason"]), ("done", &json!("max_tokens")));
    let json = json!({ "id": "toolu_1", "name": "note", "input": arguments });
    let part = json!({ "type": "other", "kind": "incomplete_tool_use", "json": json });
    assert_eq!(done["parts"], json!([part]));

    // Sent back, nothing of it reaches the vendor.
    vendor.reply(Reply::json(200, claude::message("Hi")));
    let back = json!({ "messages": [
        { "role": "user", "content": "Note it." },
        { "role": "assistant", "content": done["parts"] },
        { "role": "user", "content": "Again." },
    ] });
    app.chat(back).await.ok();
    let sent = vendor.requests().pop().unwrap().json();
    assert_eq!(
        sent["messages"],
        json!([{ "role": "user", "content": "Note it." }, { "role": "user", "content": "Again." }])
    );
    let only = json!({ "messages": [{ "role": "assistant", "content": done["parts"] }] });
    app.chat(only).await.problem(400, "invalid-request");

    // Where the vendor says that the call is whole, it has to be.
    vendor.reply(Reply::sse(blocks(events, "tool_use")));
    app.stream(question("Note that.")).await.fail(502, "plugin-failed").await;
}

#[tokio::test]
async fn what_stands_beside_an_answer_never_costs_it() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    let text = claude::stream(&["hi FIRST", "SECOND there"]);
    let halves = text.replace("FIRST", r"\ud83d").replace("SECOND", r"\ude00");
    let counts = halves.replace("\"input_tokens\":12", "\"input_tokens\":11.6");
    let unmarked = counts.replace(&claude::message_stop(), "");
    for (how, reply) in [
        ("halves of a character", Reply::sse([halves])),
        ("counts with fractions", Reply::sse([counts])),
        ("no mark of the end", Reply::sse([unmarked.clone()])),
        ("no blank line at the end", Reply::sse([unmarked.trim_end()])),
        (
            "another content type",
            Reply::status(200).header("content-type", "application/json").body(unmarked.as_str()),
        ),
    ] {
        vendor.reply(reply);
        let mut stream = app.stream(question(how)).await;
        assert_eq!(stream.finish().await, ("hi 😀 there".to_owned(), done()), "{how}");
    }
    // A connection that is lost is no end.
    vendor.reply(Reply::sse([unmarked.as_str()]).close_mid_body(unmarked.len()));
    app.stream(question("lost")).await.fail(502, "provider-failed").await;
    // A whole answer to a question for a stream.
    vendor.reply(Reply::json(200, claude::message("Hi")));
    let mut stream = app.stream(question("whole")).await;
    assert_eq!(stream.finish().await, ("Hi".to_owned(), done()));
}

#[tokio::test]
async fn half_a_character_in_the_arguments_of_a_call_is_replaced_wherever_they_are_cut() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    let arguments = r#"{"a":"\ud83d\ude00 \ud83d","b":"\ude00"}"#;
    let input = json!({ "a": "😀 \u{fffd}", "b": "\u{fffd}" });
    let call = || json!({ "type": "tool_use", "id": "toolu_1", "name": "note", "input": {} });
    for cut in 1..arguments.len() {
        let (first, second) = arguments.split_at(cut);
        let deltas = [first, second].map(|piece| claude::input_delta(0, piece));
        let events = [claude::block_start(0, call())].into_iter().chain(deltas);
        let events = events.chain([claude::block_stop(0)]);
        vendor.reply(Reply::sse(blocks(events, "tool_use")));
        let events = app.stream(question(&format!("cut at {cut}"))).await.rest().await;
        let pieces = events.iter().filter_map(|(_, data)| data["toolUse"]["input"].as_str());
        let told: Value = serde_json::from_str(&pieces.collect::<String>()).unwrap();
        assert_eq!(told, input, "cut at {cut}");
        let (name, done) = events.last().unwrap();
        assert_eq!((name.as_str(), &done["parts"][0]["input"]), ("done", &input), "cut at {cut}");
    }
    // Whole, with the same in what only the vendor knows; and back again.
    let mut part = call();
    part["input"] = json!("ARGUMENTS");
    part["caller"] = json!("ARGUMENTS");
    let body = claude::message_with(json!([part]), "tool_use").to_string();
    let body = body.replace("\"ARGUMENTS\"", arguments);
    vendor.reply(Reply::status(200).header("content-type", "application/json").body(body));
    let parts = app.chat(question("whole")).await.ok()["parts"].clone();
    assert_eq!((&parts[0]["input"], &parts[0]["extra"]["caller"]), (&input, &input));
    let back = json!({ "messages": [
        { "role": "user", "content": "Note it." },
        { "role": "assistant", "content": parts },
    ] });
    vendor.reply(Reply::json(200, claude::message("Hi")));
    app.chat(back).await.ok();
    assert_eq!(
        vendor.requests().pop().unwrap().json()["messages"][1]["content"][0]["input"],
        input
    );
}

#[tokio::test]
async fn silence_is_filled_with_comments() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("HTTP_HEARTBEAT", "20ms").start().await;
    let (before, within) = (Gate::new(), Gate::new());
    let reply = Reply::sse_text(claude::stream(&["Good ", "morning"]));
    vendor.reply(reply.wait_before_headers(&before).wait_after(4, &within));

    let mut stream = app.stream(question("Hello")).await;
    stream.comment().await;
    stream.comment().await;
    before.open();
    assert_eq!(stream.next().await.unwrap().0, "start");
    assert_eq!(stream.text().await, "Good ");
    stream.comment().await;
    stream.comment().await;
    within.open();
    assert_eq!(stream.finish().await, ("morning".to_owned(), done()));
}

#[tokio::test]
async fn a_failure_after_silence_is_an_event_because_the_status_is_already_sent() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("HTTP_HEARTBEAT", "20ms").start().await;
    let gate = Gate::new();
    let refused = Reply::json(400, claude::error("invalid_request_error", "max_tokens: too many"));
    vendor.reply(refused.wait_before_headers(&gate));

    let mut stream = app.stream(question("Hello")).await;
    stream.comment().await;
    gate.open();
    assert_eq!(stream.fail(400, "invalid-request").await["detail"], "max_tokens: too many");
    let line = app.request_line(&stream.id()).await;
    assert_eq!((&line["outcome"], &line["status"]), (&json!("failed"), &json!(200)));
}
