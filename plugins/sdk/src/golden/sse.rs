//! Frames for tests: in production the host frames, and gives events one by one.

use super::event;
use crate::http::SseEvent;

/// Each event that its blank line ended.
pub(super) fn events(text: &str) -> Vec<SseEvent> {
    let text = text.replace("\r\n", "\n");
    let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
    whole.split("\n\n").filter_map(framed).collect()
}

fn framed(frame: &str) -> Option<SseEvent> {
    let values = |field: &str| -> Vec<&str> {
        let lines = frame.lines().filter_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        lines.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect()
    };
    let data = values("data");
    (!data.is_empty()).then(|| event(&values("event").concat(), &data.join("\n")))
}
