//! Stores in files of this machine, on redb: no server to run, and a commit is whole or not there
//! at all.

pub mod answers;
#[cfg(test)]
mod power;
pub mod users;

pub use answers::RedbAnswers;
pub use users::RedbUsers;
