//! The vendor's good side, and every way in which it goes wrong on purpose, seen through a bare
//! socket.

mod client;
mod faults;
mod pauses;
mod serving;
