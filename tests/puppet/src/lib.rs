//! A guest, written as WebAssembly text, that does, in each of its functions, what the
//! question says: calls any import with any arguments, grows, spins, traps, overwrites what it
//! returns. No toolchain would make such a guest, and tests can make as many programs as they like
//! without compiling anything.
//!
//! It imports every function that the contract and the engine's WASI declare, so that what the
//! linker offers is enumerated and tried by construction.

mod imports;
mod module;
mod program;

pub use imports::{Import, imports};
pub use module::{Puppet, RESULT_COMPLETION, RESULT_DELTAS, RESULT_INFO};
pub use program::{Place, Program};
