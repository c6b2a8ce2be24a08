//! Storage that outlives the process.
//!
//! | Content | Trait | File under `DATA_DIR` | May be lost |
//! |---|---|---|---|
//! | users | [`users::UserStore`] | `users.redb` | No. A damaged file stops the start; it is never emptied, replaced or rolled back. |
//! | completions | [`answers::AnswerStore`] | `cache.redb` | Yes. A damaged file is set aside and a fresh one begun. |
//!
//! Each store is a small async trait, shaped by its callers. No engine's type appears in a trait,
//! and everything that only one engine needs (its queue, its thread, its recovery) is in that
//! engine's folder, so another engine can take its place without a change to any route.
//!
//! A file belongs to one process at a time: a second one is refused at its start. Back a file up
//! while the server is stopped, or from a snapshot of the file system; a plain copy of a file in
//! use may be torn.

pub mod answers;
pub mod redb;
pub mod users;
