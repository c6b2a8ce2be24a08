//! Memory and tables.

use arete_puppet::{Place, Program};

use super::{assert_answers, assert_ends, server};

#[tokio::test]
async fn memory_and_tables_end_at_their_bound_however_they_grow() {
    let app = server().await;
    let program = || Program::new(Place::Call);
    for (what, program) in [
        ("page by page", program().grow(1).again(20_000)),
        ("all at once", program().grow(65_535)),
        ("more than there can be", program().grow(u64::MAX)),
        ("a table of everything", program().grow_table(u64::MAX)),
        ("a table, bit by bit", program().grow_table(1).again(100_000)),
        ("a table, a little too much", program().grow_table(20_000)),
    ] {
        // Refused growth is no crime: the guest hears of it and goes on.
        assert_answers(&app, what, &program).await;
    }
}

#[tokio::test]
async fn memory_that_is_not_the_guests_is_out_of_reach() {
    let app = server().await;
    let program = || Program::new(Place::Call);
    for (what, program) in [
        ("a store behind it", program().store(u64::from(u32::MAX) - 8, 1)),
        ("a store at its end", program().store(2 * 65_536 - 2, 1)),
        ("a read behind it", program().store(0, Program::at(0xffff_fff0))),
        ("a fill across its end", program().fill(65_536, 1 << 31, 1)),
    ] {
        assert_ends(&app, what, &program, false, "crashed").await;
    }
}

#[tokio::test]
async fn touching_all_of_its_memory_again_and_again_is_charged() {
    let app = server().await;
    let program = Program::new(Place::Call).grow(450).fill(131_072, 27 << 20, 1).again(1 << 40);
    assert_ends(&app, "fills", &program, false, "computing time").await;
}
