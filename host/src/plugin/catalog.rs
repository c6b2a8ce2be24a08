//! The catalogue of providers: the bundled ones and over them the operator's folder, read, watched
//! and loaded.

mod file;
mod loader;
mod provider_dir;
mod registry;
mod report;
mod watch;

pub use loader::Loader;
pub use registry::{Change, Providers, Slot, SlotState};
pub use report::{Report, advise_on_grants, examine};
