//! What outlives the process, and which of it may be thrown away.
//!
//! | What | File under `DATA_DIR` | May be thrown away |
//! |---|---|---|
//! | users | `users.redb` | No. A damaged file stops the start; it is never emptied, replaced or rolled back. |
//! | answers | `cache.redb` | Yes. A damaged file is set aside and a fresh one begun. |
//!
//! Each store is a small trait, shaped by what its callers need, with its engine behind it. No
//! engine's type appears in a trait, so a store can move to another engine without a change to any
//! route.
//!
//! A file belongs to one process at a time: a second one is refused at its start. Back a file up
//! while the server is stopped, or from a snapshot of the file system; a plain copy of a file in
//! use may be torn.

pub mod cache;
pub mod users;
