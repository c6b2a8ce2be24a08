//! From bytes to a provider: read, looked at, compiled or taken from the code cache, linked,
//! instantiated and asked to describe itself.

mod admission;
mod code_cache;
mod compiler;
mod expansion;
mod inspect;
mod loaded_components;

pub(super) use admission::{Admission, admit};
pub(super) use code_cache::CodeCache;
pub use compiler::{CompileArgs, compile_component};
pub(super) use compiler::{Compiler, Lanes};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use expansion::Expansion;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use inspect::is_component;
pub use inspect::{ComponentShape, Import, Parts};
pub(super) use loaded_components::{CodeOrigin, LoadedComponents};
