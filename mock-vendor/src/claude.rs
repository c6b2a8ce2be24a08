//! Bodies as Anthropic's Messages API sends them.
//!
//! Every answer has the same id and the same counts of tokens, so that tests can name them. The
//! events of a stream are functions of their own: a test that needs a stream in an impossible order
//! puts them together itself.

use serde_json::{Value, json};

/// The model that answers.
pub const MODEL: &str = "claude-sonnet-5";
/// The id of every answer.
pub const MESSAGE_ID: &str = "msg_01XFDUDYJgAACzvnptvVoYEL";
/// The id of every failed request.
pub const REQUEST_ID: &str = "req_011CSHoEeqs5C35K2UUqR7Fy";
/// The tokens of every question.
pub const INPUT_TOKENS: u32 = 12;
/// The tokens of every answer.
pub const OUTPUT_TOKENS: u32 = 6;

/// A whole answer of one text block.
pub fn message(text: &str) -> Value {
    message_with(json!([{ "type": "text", "text": text }]), "end_turn")
}

/// A whole answer of these blocks.
pub fn message_with(content: Value, stop_reason: &str) -> Value {
    json!({
        "id": MESSAGE_ID,
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": usage(OUTPUT_TOKENS),
    })
}

/// The body of an error's response.
pub fn error(kind: &str, message: &str) -> Value {
    json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": REQUEST_ID })
}

/// The event by which a stream fails after its 200.
pub fn error_event(kind: &str, message: &str) -> String {
    event(
        &json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": REQUEST_ID }),
    )
}

/// A streamed answer of one text block, as the text of an event stream.
pub fn stream(deltas: &[&str]) -> String {
    events(deltas).concat()
}

/// A streamed answer of one text block, event by event: `message_start`, `content_block_start`,
/// `ping`, a `content_block_delta` for each of these, `content_block_stop`, `message_delta`,
/// `message_stop`. So the n-th delta is the event of index n + 3.
pub fn events(deltas: &[&str]) -> Vec<String> {
    let mut events =
        vec![message_start(), block_start(0, json!({ "type": "text", "text": "" })), ping()];
    events.extend(deltas.iter().map(|text| text_delta(0, text)));
    events.extend([block_stop(0), message_delta("end_turn"), message_stop()]);
    events
}

/// One event. Its name is the data's `type`, as Anthropic has it.
pub fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or("message"))
}

/// The event that begins a stream.
pub fn message_start() -> String {
    event(&json!({
        "type": "message_start",
        "message": {
            "id": MESSAGE_ID,
            "type": "message",
            "role": "assistant",
            "model": MODEL,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": usage(1),
        },
    }))
}

/// The event that says nothing.
pub fn ping() -> String {
    event(&json!({ "type": "ping" }))
}

/// The event that begins a block.
pub fn block_start(index: u32, block: Value) -> String {
    event(&json!({ "type": "content_block_start", "index": index, "content_block": block }))
}

/// More text of a text block.
pub fn text_delta(index: u32, text: &str) -> String {
    block_delta(index, json!({ "type": "text_delta", "text": text }))
}

/// More of the arguments of a tool call.
pub fn input_delta(index: u32, partial_json: &str) -> String {
    block_delta(index, json!({ "type": "input_json_delta", "partial_json": partial_json }))
}

/// More of a block, of whatever kind.
pub fn block_delta(index: u32, delta: Value) -> String {
    event(&json!({ "type": "content_block_delta", "index": index, "delta": delta }))
}

/// The event that ends a block.
pub fn block_stop(index: u32) -> String {
    event(&json!({ "type": "content_block_stop", "index": index }))
}

/// The event that tells why the model stopped and what it cost.
pub fn message_delta(stop_reason: &str) -> String {
    event(&json!({
        "type": "message_delta",
        "delta": { "stop_reason": stop_reason, "stop_sequence": null },
        "usage": {
            "input_tokens": INPUT_TOKENS,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": OUTPUT_TOKENS,
        },
    }))
}

/// The event that ends a stream.
pub fn message_stop() -> String {
    event(&json!({ "type": "message_stop" }))
}

fn usage(output_tokens: u32) -> Value {
    json!({
        "input_tokens": INPUT_TOKENS,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": { "ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0 },
        "output_tokens": output_tokens,
        "service_tier": "standard",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_the_events_of_an_answer_in_order() {
        let text = stream(&["Hel", "lo"]);
        let names: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
        assert_eq!(
            names,
            [
                "message_start",
                "content_block_start",
                "ping",
                "content_block_delta",
                "content_block_delta",
                "content_block_stop",
                "message_delta",
                "message_stop"
            ]
        );
        assert!(events(&["Hel", "lo"])[3].contains("Hel"));
        assert!(text.ends_with("\n\n"));
    }

    #[test]
    fn every_events_data_is_json_on_one_line() {
        for event in events(&["line\nbreak", "\u{1f600}\""]) {
            let data = event
                .lines()
                .find_map(|line| line.strip_prefix("data: "))
                .expect("an event has data");
            let value: Value = serde_json::from_str(data).expect("its data is JSON");
            assert!(
                event.starts_with(&format!("event: {}\n", value["type"].as_str().expect("a type")))
            );
            assert_eq!(event.lines().count(), 3, "{event:?}");
        }
    }
}
