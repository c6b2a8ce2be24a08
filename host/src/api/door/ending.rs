//! The end of a vendor's stream, told from its bytes as they pass: whether it came to the dialect's end
//! mark, or at least said why the answer stops.

/// The bytes of a line that are looked at: an end mark stands at its beginning.
const LINE_START: usize = 64;

/// The watch over a stream.
#[derive(Debug)]
pub(super) struct Ending {
    marks: &'static [&'static str],
    /// The member that says why an answer stops, with the quotation mark of a string behind it.
    reason: &'static str,
    /// The beginning of the line that comes.
    line: Vec<u8>,
    /// The end of what came, in which a reason may have begun.
    tail: Vec<u8>,
    seen: bool,
    /// The number of line ends that came last.
    line_ends: usize,
}

impl Ending {
    /// Begins with a stream in this dialect.
    pub(super) fn new(dialect: &str) -> Self {
        let (marks, reason): (&[&str], &str) = match dialect {
            "anthropic-messages" => (
                &["event: message_stop", "event:message_stop", "event: error", "event:error"],
                r#""stop_reason":""#,
            ),
            "openai-responses" => (
                &[
                    "event: response.completed",
                    "event: response.incomplete",
                    "event: response.failed",
                    "event: error",
                ],
                // No event but the last says more.
                r#""type":"response.completed""#,
            ),
            _ => (
                &["data: [DONE]", "data:[DONE]", r#"data: {"error":"#, r#"data:{"error":"#],
                r#""finish_reason":""#,
            ),
        };
        Self { marks, reason, line: Vec::new(), tail: Vec::new(), seen: false, line_ends: 2 }
    }

    /// Takes more of the stream.
    pub(super) fn see(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => {
                    self.end_line();
                    self.line_ends += 1;
                }
                b'\r' => {}
                byte => {
                    self.line_ends = 0;
                    if self.line.len() < LINE_START {
                        self.line.push(*byte);
                    }
                }
            }
        }
        if self.seen {
            return;
        }
        // White space behind the colon says nothing.
        self.tail.extend(bytes.iter().filter(|byte| **byte != b' '));
        let reason = self.reason.as_bytes();
        self.seen |= self.tail.windows(reason.len()).any(|window| window == reason);
        let kept = self.tail.len().saturating_sub(reason.len());
        self.tail.drain(..kept);
    }

    /// Returns true if what came is a whole answer.
    pub(super) fn is_whole(&self) -> bool {
        self.seen || self.marks.iter().any(|mark| self.line.starts_with(mark.as_bytes()))
    }

    /// Returns true if an event may begin here.
    pub(super) fn is_between_events(&self) -> bool {
        2 <= self.line_ends
    }

    fn end_line(&mut self) {
        self.seen |= self.marks.iter().any(|mark| self.line.starts_with(mark.as_bytes()));
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows a stream cut into pieces of each size.
    fn ended(dialect: &str, text: &str) -> (bool, bool) {
        let mut all: Option<(bool, bool)> = None;
        for size in 1..=text.len() {
            let mut ending = Ending::new(dialect);
            text.as_bytes().chunks(size).for_each(|piece| ending.see(piece));
            let found = (ending.is_whole(), ending.is_between_events());
            assert!(all.is_none_or(|all| all == found), "{size}");
            all = Some(found);
        }
        all.expect("the text isn't empty")
    }

    #[test]
    fn an_end_mark_or_a_reason_makes_a_stream_whole() {
        for (dialect, text, whole) in [
            ("anthropic-messages", "event: message_stop\ndata: {}\n\n", true),
            ("anthropic-messages", "event: ping\r\ndata: {}\r\n\r\n", false),
            (
                "anthropic-messages",
                "event: message_delta\ndata: {\"delta\":{\"stop_reason\": \"end_turn\"}}\n\n",
                true,
            ),
            (
                "anthropic-messages",
                "event: message_start\ndata: {\"message\":{\"stop_reason\":null}}\n\n",
                false,
            ),
            ("openai-chat", "data: {\"a\":1}\n\ndata: [DONE]\n\n", true),
            ("openai-chat", "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n", true),
            ("openai-chat", "data: {\"choices\":[{\"finish_reason\":null}]}\n\n", false),
            ("openai-responses", "event: response.completed\ndata: {}\n\n", true),
            ("openai-responses", "event: response.output_text.delta\ndata: {}\n\n", false),
        ] {
            assert_eq!(ended(dialect, text), (whole, true), "{text}");
        }
    }

    #[test]
    fn an_event_can_only_begin_behind_a_blank_line() {
        for (text, between) in
            [("data: a\n\n", true), ("data: a\n", false), ("data: a", false), ("\n", true)]
        {
            assert_eq!(ended("openai-chat", text).1, between, "{text:?}");
        }
    }
}
