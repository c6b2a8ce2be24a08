//! Frames for tests: in production the host frames, and gives events one by one.

/// Name and data of each event that its blank line ended.
pub(crate) fn events(text: &str) -> Vec<(String, String)> {
    let text = text.replace("\r\n", "\n");
    let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
    whole.split("\n\n").filter_map(event).collect()
}

fn event(frame: &str) -> Option<(String, String)> {
    let values = |field: &str| -> Vec<&str> {
        let lines = frame.lines().filter_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        lines.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect()
    };
    let data = values("data");
    (!data.is_empty()).then(|| (values("event").concat(), data.join("\n")))
}
