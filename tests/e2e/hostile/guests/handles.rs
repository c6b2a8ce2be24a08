//! Handles: used after they were given back, never given, of another kind, by the thousand.

use arete_puppet::{Place, Program};

use super::super::beside;
use super::{assert_answers, assert_ends, calling, server, told};

const POLL: &str = "wasi:io/poll";
const STREAMS: &str = "wasi:io/streams";
const CLOCK: &str = "wasi:clocks/monotonic-clock";
/// A free place in the puppet's memory.
const SOMEWHERE: u64 = 8_192;

/// A program that begins with a moment to wait for, far away.
fn moment() -> Program {
    moment_in(Place::Call)
}

fn moment_in(place: Place) -> Program {
    calling(Program::new(place), CLOCK, "subscribe-duration", &[u64::MAX >> 16])
}

#[tokio::test]
async fn handles_that_are_not_held_end_the_guest() {
    let app = server().await;
    let program = || Program::new(Place::Call);
    let twice = calling(moment(), POLL, "drop pollable", &[1]);
    for (what, program) in [
        ("given back twice", calling(twice.clone(), POLL, "drop pollable", &[1])),
        ("used after it was given back", calling(twice, POLL, "pollable.ready", &[1])),
        ("never given", calling(program(), POLL, "pollable.block", &[7])),
        ("0", calling(program(), POLL, "drop pollable", &[0])),
        ("the last number", calling(program(), POLL, "drop pollable", &[u64::from(u32::MAX)])),
        ("of another kind", calling(moment(), STREAMS, "drop output-stream", &[1])),
        ("a reply that never was", calling(program(), "arete:provider/http", "reply.status", &[1])),
    ] {
        assert_ends(&app, what, &program, false, "crashed").await;
    }
}

#[tokio::test]
async fn thousands_of_handles_end_at_their_limit_and_those_given_back_do_not_count() {
    let app = server().await;
    let kept = moment().again(5_000);
    assert_ends(&app, "kept", &kept, false, "handles").await;
    let returned = calling(moment(), POLL, "drop pollable", &[Program::last()]).again(5_000);
    assert_answers(&app, "given back", &returned).await;
    for get in ["get-stdout", "get-stderr"] {
        let interface = format!("wasi:cli/{}", &get[4..]);
        let kept = calling(Program::new(Place::Call), &interface, get, &[]).again(5_000);
        assert_ends(&app, get, &kept, false, "handles").await;
    }
}

#[tokio::test]
async fn a_guest_that_waits_for_what_never_comes_ends_with_its_time() {
    let app = server().await;
    let wait = async |place, stream| {
        let program = calling(moment_in(place), POLL, "pollable.block", &[Program::last()]);
        told(&app, "brief", &program, stream).await
    };
    let waits = async {
        tokio::join!(wait(Place::Call, false), wait(Place::Call, true), wait(Place::Next, true))
    };
    let (whole, opening, next) = beside(&app, waits).await;
    for answer in [whole, opening, next] {
        answer.problem(504, "deadline-exceeded");
    }
}

#[tokio::test]
async fn one_thing_more_than_may_be_waited_for_ends_the_guest() {
    let app = server().await;
    let waiting = |count: usize| {
        let list = 1_u32.to_le_bytes().repeat(count);
        let past = calling(Program::new(Place::Call), CLOCK, "subscribe-duration", &[1]);
        let program = past.write(SOMEWHERE, list);
        calling(program, POLL, "poll", &[SOMEWHERE, count as u64, 64])
    };
    assert_answers(&app, "some", &waiting(40)).await;
    // Each stands for a handle while they are waited for.
    assert_ends(&app, "as many as may be", &waiting(1_024), false, "handles").await;
    assert_ends(&app, "one more", &waiting(1_025), false, "crashed").await;
    assert_ends(&app, "none", &waiting(0), false, "crashed").await;
}
