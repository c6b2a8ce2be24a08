//! The catalogue of providers: the bundled ones and over them the operator's folder, read, watched
//! and loaded.

mod bundled_settings;
mod file;
mod loader;
mod provider_dir;
mod registry;
mod report;
mod watch;

pub use bundled_settings::check_bundled;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use file::{Parsed, Surroundings, parse};
pub use loader::Loader;
pub use registry::{Change, Providers, Slot, SlotState};
pub use report::{Report, advise_on_grants, examine};
