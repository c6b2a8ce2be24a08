//! Answers that break off: at any byte, by an end or by a reset, however they are framed.

use mock_vendor::{MockVendor, Reply, claude};
use proptest::prelude::*;
use serde_json::json;

use super::super::family;
use super::{chat, server};
use crate::support::{App, ask};

struct Stage {
    vendor: MockVendor,
    app: App,
}

async fn stage() -> Stage {
    let vendor = MockVendor::start().await;
    let app = server(&vendor).await;
    Stage { vendor, app }
}

#[derive(Clone, Copy, Debug)]
enum Cut {
    Reset,
    Close,
}

fn cut() -> impl Strategy<Value = Cut> {
    prop_oneof![Just(Cut::Reset), Just(Cut::Close)]
}

#[test]
fn a_whole_answer_that_breaks_off_anywhere_is_a_failure() {
    let strategy = (any::<prop::sample::Index>(), cut(), any::<bool>());
    family(80, &strategy, stage, async |stage: &Stage, (at, cut, chunked)| {
        let body = claude::message("the end").to_string();
        let at = at.index(body.len());
        let reply = Reply::status(200).header("content-type", "application/json").body(body);
        let reply = if chunked { reply.chunked() } else { reply };
        stage.vendor.reply(match cut {
            Cut::Reset => reply.reset_mid_body(at),
            Cut::Close => reply.close_mid_body(at),
        });
        let answer = chat(&stage.app, false).await;
        let told = answer.status == 502 && answer.body.contains("provider-failed");
        if told { Ok(()) } else { Err(format!("cut at {at}: {answer:?}")) }
    });
}

#[test]
fn a_stream_that_breaks_off_anywhere_is_never_done_before_its_end() {
    let strategy = (any::<prop::sample::Index>(), cut(), 1..60_usize);
    family(80, &strategy, stage, async |stage: &Stage, (at, cut, pieces)| {
        let text = claude::stream(&["Good ", "morning"]);
        let at = at.index(text.len());
        let reply = Reply::sse_text(&text).cut_every(pieces);
        stage.vendor.reply(match cut {
            Cut::Reset => reply.reset_mid_body(at),
            Cut::Close => reply.close_mid_body(at),
        });
        let answer = chat(&stage.app, true).await;
        let done = answer.body.contains("event: done");
        // The vendor's own end mark has come, if not the end of its body.
        let may = text[..at].contains("message_stop");
        let failed = answer.body.contains("provider-failed");
        if (done && may) || (!done && failed) {
            Ok(())
        } else {
            Err(format!("cut at {at} of {}: {answer:?}", text.len()))
        }
    });
}

/// The same bytes in any pieces are the same answer.
#[test]
fn where_an_answer_is_cut_into_pieces_changes_nothing() {
    let strategy = (proptest::collection::vec(any::<prop::sample::Index>(), 0..12), any::<bool>());
    family(60, &strategy, stage, async |stage: &Stage, (cuts, stream)| {
        let text = "Grüße, 🦀 \u{2028} \\u00e4";
        let body = if stream { claude::stream(&[text]) } else { claude::message(text).to_string() };
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len())).collect();
        cuts.sort_unstable();
        let reply =
            if stream { Reply::sse_text(&body) } else { Reply::json(200, claude::message(text)) };
        stage.vendor.reply(reply.cut_at(&cuts));
        let question = ask("Hello", json!({ "useCache": false }));
        let read = if stream {
            stage.app.stream(question).await.finish().await.0
        } else {
            stage.app.chat(question).await.ok()["content"].as_str().unwrap_or_default().to_owned()
        };
        if read == text { Ok(()) } else { Err(format!("{cuts:?}: {read:?}")) }
    });
}

#[test]
fn whatever_the_bytes_of_an_answer_are_it_is_an_answer_or_a_failure() {
    let part = prop_oneof![
        Just(b"data: ".to_vec()),
        Just(b"event: message_delta\n".to_vec()),
        Just(b"\n\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"id: \0\n".to_vec()),
        Just(b"retry: 99999999999999999999\n".to_vec()),
        Just(b"\xef\xbb\xbf".to_vec()),
        Just(b"{\"type\":".to_vec()),
        Just(claude::message_start().into_bytes()),
        Just(claude::text_delta(4_294_967_295, "x").into_bytes()),
        Just(claude::input_delta(0, "{\"a\":").into_bytes()),
        Just(claude::block_stop(7).into_bytes()),
        Just(claude::message_stop().into_bytes()),
        Just(b"data: [DONE]\n\n".to_vec()),
        Just(b"data: null\n\n".to_vec()),
        Just(b"data: {\"type\":\"error\",\"error\":5}\n\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    let strategy = (proptest::collection::vec(part, 0..12), any::<bool>());
    family(128, &strategy, stage, async |stage: &Stage, (parts, stream)| {
        let body = parts.concat();
        let reply = Reply::status(200).header("content-type", "text/event-stream").body(body);
        stage.vendor.reply(reply);
        let answer = chat(&stage.app, stream).await;
        match answer.status {
            200 | 400..=404 | 413 | 429 | 502..=504 => Ok(()),
            _ => Err(format!("{answer:?}")),
        }
    });
}
