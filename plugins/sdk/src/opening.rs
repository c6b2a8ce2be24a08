//! The beginning of an answer that should be an event stream, line by line up to its first event:
//! by then it is known whether it is one. The host frames all events after it.
//!
//! A vendor that refuses may do so with status 200, the content type of a stream and one JSON text;
//! a gateway may give a stream another content type. Framed as a stream, the first has no event at
//! all, and nobody would hear the reason.

use crate::http::SseEvent;
use crate::json;

/// A stream may begin with one; it isn't part of the first line.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The names of fields that an event stream knows.
const FIELDS: [&str; 4] = ["data", "event", "id", "retry"];

/// Bytes of what is no stream that are kept: more than any error says.
const STRANGE_BYTES_MAX: usize = 64 << 10;

/// Lines of the first event: each costs a question to the host, and no vendor needs so many.
const EVENT_LINES_MAX: usize = 1_000;

/// Lines before the first event, comments that keep a connection open for the most part.
const LINES_MAX: usize = 10_000;

/// An answer, as far as it is known.
#[derive(Debug, PartialEq)]
pub(crate) enum Known {
    /// Nothing yet.
    Nothing,
    /// It is a stream. Its first event is whole, and others if CR alone ended their lines.
    Events(Vec<SseEvent>),
    /// It isn't a stream. The body up to here.
    Unframed(String),
    /// Its first event has more lines than any has.
    Endless,
}

/// The beginning of an answer, before its first event.
pub(crate) struct Opening {
    /// True if the answer says that it is a stream, or says nothing.
    is_called_stream: bool,
    at_start: bool,
    /// The event whose lines come.
    event: Option<SseEvent>,
    /// Events that are whole.
    events: Vec<SseEvent>,
    /// Lines so far, and those of the event.
    lines: usize,
    event_lines: usize,
    /// Lines that no stream has.
    strange: String,
}

impl Opening {
    pub(crate) fn new(content_type: Option<&str>) -> Self {
        Self {
            is_called_stream: content_type.is_none_or(is_event_stream),
            at_start: true,
            event: None,
            events: Vec::new(),
            lines: 0,
            event_lines: 0,
            strange: String::new(),
        }
    }

    /// Takes a line, without its end. CR alone ends lines of a stream too.
    pub(crate) fn add(&mut self, line: &str) -> Known {
        let text = line.strip_prefix(BYTE_ORDER_MARK).filter(|_| self.at_start).unwrap_or(line);
        if self.at_start && !text.trim().is_empty() {
            let is_body = text.trim_start().starts_with(['{', '[', '<', '"']);
            if is_body || !(self.is_called_stream || is_field(text.trim_start())) {
                return Known::Unframed(format!("{text}\n"));
            }
            self.at_start = false;
        }
        text.split('\r').for_each(|line| self.line(line));
        self.lines += 1;
        // The host goes on between events.
        if self.event.is_some() {
            let is_endless = EVENT_LINES_MAX < self.event_lines;
            return if is_endless { Known::Endless } else { Known::Nothing };
        }
        if STRANGE_BYTES_MAX <= self.strange.len() {
            return Known::Unframed(std::mem::take(&mut self.strange));
        }
        if self.events.is_empty() && self.lines < LINES_MAX {
            return Known::Nothing;
        }
        Known::Events(std::mem::take(&mut self.events))
    }

    /// The body has ended. Its last event needs no blank line then, but its JSON has to be whole.
    pub(crate) fn end(mut self) -> Known {
        let is_cut = |data: &str| data.starts_with(['{', '[']) && json::value(data).is_err();
        if !self.event.as_ref().is_some_and(|event| is_cut(event.data.trim())) {
            self.line("");
        }
        match (self.events.is_empty(), self.strange.is_empty()) {
            (false, _) => Known::Events(self.events),
            (true, false) => Known::Unframed(self.strange),
            (true, true) => Known::Nothing,
        }
    }

    fn line(&mut self, line: &str) {
        if line.is_empty() {
            self.event_lines = 0;
            if let Some(mut event) = self.event.take()
                && event.data.pop().is_some()
            {
                self.events.push(event);
            }
            return;
        }
        if !is_field(line) {
            let room = STRANGE_BYTES_MAX.saturating_sub(self.strange.len());
            let end = (0..=line.len().min(room)).rfind(|end| line.is_char_boundary(*end));
            self.strange.push_str(line.get(..end.unwrap_or_default()).unwrap_or_default());
            self.strange.push('\n');
            return;
        }
        // A comment.
        if line.starts_with(':') {
            return;
        }
        self.event_lines += 1;
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        let new = || SseEvent { name: String::new(), data: String::new(), id: None };
        let event = self.event.get_or_insert_with(new);
        match name {
            "event" => event.name = value.into(),
            "data" => {
                event.data.push_str(value);
                event.data.push('\n');
            }
            "id" if !value.contains('\0') => event.id = Some(value.into()),
            _ => {}
        }
    }
}

fn is_field(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or_default();
    name.is_empty() || FIELDS.contains(&name)
}

fn is_event_stream(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("text/event-stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str) -> SseEvent {
        SseEvent { name: name.into(), data: data.into(), id: None }
    }

    /// Returns what is known of a body that ends here, and how many of its lines were read.
    fn known(content_type: Option<&str>, body: &str) -> (Known, usize) {
        let mut opening = Opening::new(content_type);
        for (number, line) in body.lines().enumerate() {
            match opening.add(line) {
                Known::Nothing => {}
                known => return (known, number + 1),
            }
        }
        (opening.end(), body.lines().count())
    }

    const STREAM: Option<&str> = Some("text/event-stream; charset=utf-8");

    #[test]
    fn the_first_event_is_framed_and_the_rest_left() {
        let body = ": hi\n\nretry: 10\n\nevent: x\ndata: 1\ndata:2\nid: 7\n\ndata: 3\n\n";
        let first = SseEvent { id: Some("7".into()), ..event("x", "1\n2") };
        assert_eq!(known(STREAM, body), (Known::Events(vec![first]), 9));
    }

    #[test]
    fn an_event_stream_is_known_by_its_content() {
        for content_type in [None, STREAM, Some("application/json"), Some("text/plain")] {
            for body in
                ["data: 1\n\n", "\u{feff}data: 1\n\n", "\n\n: ping\n\ndata: 1\n\n", "data: 1"]
            {
                let (known, _) = known(content_type, body);
                assert_eq!(known, Known::Events(vec![event("", "1")]), "{content_type:?} {body:?}");
            }
        }
    }

    #[test]
    fn lines_that_end_in_cr_alone_are_lines() {
        let events = vec![event("x", "1"), event("", "2")];
        assert_eq!(
            known(STREAM, "event: x\rdata: 1\r\rdata: 2\r\r"),
            (Known::Events(events.clone()), 1)
        );
        assert_eq!(known(STREAM, "event: x\rdata: 1\r\rdata: 2"), (Known::Events(events), 1));
    }

    #[test]
    fn what_is_no_stream_is_told_as_it_came() {
        for body in ["{\"error\": 1}\n", "  [1]\n", "<html>\n", "\"no\"\n", "\u{feff}{}\n"] {
            for content_type in [None, STREAM, Some("application/json")] {
                let (known, read) = known(content_type, body);
                let text = body.trim_start_matches('\u{feff}').to_owned();
                assert_eq!((known, read), (Known::Unframed(text), 1), "{content_type:?}");
            }
        }
        assert_eq!(
            known(Some("text/plain"), "Sorry.\nReally.\n"),
            (Known::Unframed("Sorry.\n".into()), 1)
        );
        assert_eq!(
            known(STREAM, "Sorry.\nReally.\n"),
            (Known::Unframed("Sorry.\nReally.\n".into()), 2)
        );
        assert_eq!(known(STREAM, ""), (Known::Nothing, 0));
        assert_eq!(known(STREAM, ": ping\n\n"), (Known::Nothing, 2));
        assert_eq!(known(STREAM, "data: {\"a\": 1"), (Known::Nothing, 1));
    }

    #[test]
    fn what_is_no_stream_is_bounded() {
        let line = "x".repeat(1000) + "\n";
        let (Known::Unframed(kept), read) = known(STREAM, &line.repeat(1000)) else { panic!() };
        assert!(kept.len() <= STRANGE_BYTES_MAX + 1 && read < 100, "{} {read}", kept.len());
        let endless = "event: x\n".to_owned() + &"data: x\n".repeat(5000);
        assert_eq!(known(STREAM, &endless), (Known::Endless, EVENT_LINES_MAX + 1));
        assert_eq!(known(STREAM, &":\n".repeat(20_000)), (Known::Events(vec![]), LINES_MAX));
    }
}
