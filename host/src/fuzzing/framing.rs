//! A vendor's stream: the first byte says how it is cut, the second how large a frame may be and
//! what is read, the others are the stream.
//!
//! Promises: the cuts change nothing; events are those of the HTML standard; no frame is larger
//! than allowed; bytes come through unchanged.

use super::cuts::pieces;
use crate::egress::framing::{Event, Framer, TooLarge};

/// Reads a stream.
pub fn run(data: &[u8]) {
    let [cuts, mode, stream @ ..] = data else { return };
    let limit = [16, 64, 1 << 10, 1 << 20][usize::from(mode >> 6)];
    match mode % 4 {
        0 => check_events(stream, *cuts, limit),
        1 => check_lines(stream, *cuts, limit),
        2 => check_bytes(stream, *cuts, limit),
        _ => check_mixture(stream, *cuts, limit),
    }
}

/// Frames, and whether the stream ended before one that is too large.
type Framed<T> = (Vec<T>, Result<(), TooLarge>);

fn framed<T>(
    stream: &[u8],
    cuts: u8,
    limit: usize,
    next: impl Fn(&mut Framer) -> Result<Option<T>, TooLarge>,
) -> Framed<T> {
    let mut framer = Framer::new(limit);
    let mut frames = Vec::new();
    let mut pieces = pieces(stream, cuts).into_iter();
    loop {
        match next(&mut framer) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => match pieces.next() {
                Some(piece) => framer.feed(piece),
                None if framer.ended() => return (frames, Ok(())),
                None => framer.end(),
            },
            Err(refused) => return (frames, Err(refused)),
        }
    }
}

fn check_events(stream: &[u8], cuts: u8, limit: usize) {
    let cut = framed(stream, cuts, limit, Framer::next_event);
    let whole = framed(stream, 0, limit, Framer::next_event);
    assert_eq!(cut, whole, "the cuts changed the events");
    let (events, ended) = cut;
    for event in &events {
        assert!(event.data.len() <= limit, "an event is too large");
    }
    let expected = events_of_the_standard(stream);
    match ended {
        Ok(()) => assert_eq!(events, expected),
        Err(TooLarge) => assert_eq!(Some(&*events), expected.get(..events.len())),
    }
}

fn check_lines(stream: &[u8], cuts: u8, limit: usize) {
    let cut = framed(stream, cuts, limit, Framer::next_line);
    let whole = framed(stream, 0, limit, Framer::next_line);
    assert_eq!(cut, whole, "the cuts changed the lines");
    let mut expected: Vec<&[u8]> = stream.split(|byte| *byte == b'\n').collect();
    // What follows the last line end is a line only if there is something.
    expected.pop_if(|last| last.is_empty());
    let ended = stream.ends_with(b"\n");
    let last = expected.len();
    let expected = expected.into_iter().enumerate().map(|(index, line)| {
        let ends = ended || index + 1 < last;
        let line = if ends { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
        String::from_utf8_lossy(line).into_owned()
    });
    let (lines, ended) = cut;
    let expected: Vec<String> = expected.collect();
    match ended {
        Ok(()) => assert_eq!(lines, expected),
        Err(TooLarge) => assert_eq!(Some(&*lines), expected.get(..lines.len())),
    }
}

fn check_bytes(stream: &[u8], cuts: u8, limit: usize) {
    let mut framer = Framer::new(limit);
    let mut taken = Vec::new();
    for piece in pieces(stream, cuts) {
        framer.feed(piece);
        taken.extend(framer.take_bytes(limit));
    }
    loop {
        let bytes = framer.take_bytes(limit);
        assert!(bytes.len() <= limit, "more bytes than asked for");
        if bytes.is_empty() {
            break;
        }
        taken.extend(bytes);
    }
    assert_eq!(taken, stream);
}

/// Reads all kinds in turn, and to the end.
fn check_mixture(stream: &[u8], cuts: u8, limit: usize) {
    let mut framer = Framer::new(limit);
    let mut came_out = 0;
    for (index, piece) in pieces(stream, cuts).into_iter().enumerate() {
        framer.feed(piece);
        came_out += match index % 3 {
            0 => framer.next_event().ok().flatten().map_or(0, |event| event.data.len()),
            1 => framer.next_line().ok().flatten().map_or(0, |line| line.len()),
            _ => framer.take_bytes(7).len(),
        };
    }
    framer.end();
    while let Ok(Some(_)) = framer.next_event() {}
    while let Ok(Some(_)) = framer.next_line() {}
    // A character that is broken takes three bytes instead of one.
    assert!(came_out <= 3 * stream.len(), "more came out than went in");
}

/// Returns the events of a whole stream, read in the plainest way.
fn events_of_the_standard(stream: &[u8]) -> Vec<Event> {
    let stream = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    let mut events = Vec::new();
    let (mut name, mut id) = (String::new(), None);
    let mut data: Option<String> = None;
    let (mut lines, last) = whole_lines(stream);
    // At the end of a stream the last line and the last event count without theirs.
    lines.extend((!last.is_empty()).then_some(last));
    for line in lines {
        let line = String::from_utf8_lossy(line);
        if line.is_empty() {
            let (name, id) = (std::mem::take(&mut name), id.take());
            events.extend(data.take().map(|data| Event { name, data, id }));
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => name = value.to_owned(),
            "id" if !value.contains('\0') => id = Some(value.to_owned()),
            "data" => {
                data = Some(match data {
                    Some(before) => before + "\n" + value,
                    None => value.to_owned(),
                });
            }
            _ => {}
        }
    }
    events.extend(data.map(|data| Event { name, data, id }).filter(|event| !is_cut_off(event)));
    events
}

/// Returns true if an event begins as JSON does and isn't whole.
fn is_cut_off(event: &Event) -> bool {
    event.data.trim_start().starts_with(['{', '['])
        && serde_json::from_str::<serde::de::IgnoredAny>(&event.data).is_err()
}

/// Returns the lines that are ended, by LF, CR or both, and what follows the last end.
fn whole_lines(mut rest: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut lines = Vec::new();
    while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
        let (line, ended) = rest.split_at(end);
        let both = ended.starts_with(b"\r\n");
        lines.push(line);
        rest = ended.get(if both { 2 } else { 1 }..).unwrap_or_default();
    }
    (lines, rest)
}
