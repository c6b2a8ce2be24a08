//! The same input, cut in every way, must give the same frames.

use proptest::prelude::*;

use super::*;

const LIMIT: usize = 64;

/// All events of an input that comes in these pieces.
fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Event>, TooLarge> {
    let mut framer = Framer::new(LIMIT);
    let mut events = Vec::new();
    for piece in pieces {
        framer.feed(piece);
        while let Some(event) = framer.next_event()? {
            events.push(event);
        }
    }
    framer.end();
    while let Some(event) = framer.next_event()? {
        events.push(event);
    }
    Ok(events)
}

fn lines<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<String>, TooLarge> {
    let mut framer = Framer::new(LIMIT);
    let mut lines = Vec::new();
    for piece in pieces {
        framer.feed(piece);
        while let Some(line) = framer.next_line()? {
            lines.push(line);
        }
    }
    framer.end();
    while let Some(line) = framer.next_line()? {
        lines.push(line);
    }
    Ok(lines)
}

fn event(name: &str, data: &str) -> Event {
    Event { name: name.into(), data: data.into(), id: None }
}

#[track_caller]
fn check(input: &str, expected: &[Event]) {
    let bytes = input.as_bytes();
    assert_eq!(events([bytes]).unwrap(), expected, "whole");
    assert_eq!(events(bytes.chunks(1)).unwrap(), expected, "byte by byte");
    for cut in 0..bytes.len() {
        let (head, tail) = bytes.split_at(cut);
        assert_eq!(events([head, tail]).unwrap(), expected, "cut at {cut}");
    }
}

#[test]
fn every_line_end_ends_a_line_wherever_it_is_cut() {
    let expected = [event("a", "1"), event("", "2\n3")];
    check("event: a\ndata: 1\n\ndata: 2\ndata: 3\n\n", &expected);
    check("event: a\r\ndata: 1\r\n\r\ndata: 2\r\ndata: 3\r\n\r\n", &expected);
    check("event: a\rdata: 1\r\rdata: 2\rdata: 3\r\r", &expected);
    check("event: a\r\ndata: 1\n\r\ndata: 2\rdata: 3\n\n", &expected);
}

#[test]
fn characters_may_be_cut_in_the_middle() {
    check("data: grüße 🦀\n\n", &[event("", "grüße 🦀")]);
}

#[test]
fn comments_unknown_fields_and_events_without_data_are_passed_over() {
    check(": ping\n\nretry: 5\n\nevent: x\n\nfoo: bar\ndata:1\n\n", &[event("", "1")]);
}

#[test]
fn an_empty_data_line_is_data() {
    check("data\n\ndata:\ndata\n\n", &[event("", ""), event("", "\n")]);
}

#[test]
fn a_byte_order_mark_is_dropped_once() {
    check("\u{feff}data: 1\n\ndata: \u{feff}2\n\n", &[event("", "1"), event("", "\u{feff}2")]);
}

#[test]
fn the_last_event_needs_no_blank_line_unless_its_json_is_cut_off() {
    for last in ["data: 2\n", "data: 2", "data: 2\r", "data: 2\r\n"] {
        check(&format!("data: 1\n\n{last}"), &[event("", "1"), event("", "2")]);
    }
    check("event: x\ndata: {\"a\": 1}", &[event("x", "{\"a\": 1}")]);
    for cut in ["data: {\"a\": 1", "data: [1,\n", "data: [DONE", "event: x", "event: x\n", "dat"] {
        check(&format!("data: 1\n\n{cut}"), &[event("", "1")]);
    }
}

#[test]
fn ids_without_nul_are_kept() {
    let expected = Event { id: Some("7".into()), ..event("", "1") };
    check("id: 7\ndata: 1\n\nid: a\0b\ndata: 2\n\n", &[expected, event("", "2")]);
}

#[test]
fn what_grows_past_the_limit_is_refused_even_if_it_never_ends() {
    let long = vec![b'x'; LIMIT + 1];
    assert_eq!(events([long.as_slice()]), Err(TooLarge));
    assert_eq!(lines([long.as_slice()]), Err(TooLarge));
    let many = "data: 0123456789\n".repeat(8);
    assert_eq!(events([many.as_bytes()]), Err(TooLarge));
}

#[test]
fn lines_end_in_lf_or_crlf_and_the_last_needs_no_end() {
    for pieces in [vec!["a\r\nb\n", "\nc"], vec!["a\r", "\nb", "\n\n", "c"]] {
        let pieces = pieces.iter().map(|piece| piece.as_bytes());
        assert_eq!(lines(pieces).unwrap(), ["a", "b", "", "c"]);
    }
}

#[test]
fn bytes_after_an_event_start_behind_its_line_end() {
    let mut framer = Framer::new(LIMIT);
    framer.feed(b"data: 1\r\n\r");
    assert_eq!(framer.next_event(), Ok(Some(event("", "1"))));
    framer.feed(b"\nrest");
    assert_eq!(framer.take_bytes(2), b"re");
    assert_eq!(framer.take_bytes(9), b"st");
}

proptest! {
    #[test]
    fn cuts_never_change_what_is_framed(
        input in "(data|event|id|:|[a-z\u{e9}\u{1f980}]|[ :]|\r|\n|\r\n){0,40}",
        cuts in proptest::collection::vec(0_usize..200, 0..6),
    ) {
        let bytes = input.as_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.push(0);
        cuts.push(bytes.len());
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(events(pieces.clone()), events([bytes]));
        prop_assert_eq!(lines(pieces), lines([bytes]));
    }
}
