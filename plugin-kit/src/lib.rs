//! Begins plugin projects and builds them into components, in any language: what `arete plugin
//! new`, `build` and `dev` and `cargo xtask plugins` share.
//!
//! A project is a folder; the files in it tell its language. Each language is one module under
//! `build` that runs the tools its authors would run by hand, pinned to the versions that the
//! project names, and installs nothing outside of the project and the folder it is given.

mod build;
mod component;
mod problem;
mod project;
mod recipe;
mod template;

pub use build::{Built, DEV_SETTING, Options};
pub use problem::Problem;
pub use project::{Language, Project};
pub use template::{PluginName, create};

/// The contract's world, which a plugin's component implements.
pub const WORLD: &str = "provider";

/// The contract as text, as it was when this program was compiled.
pub const WIT: &str = include_str!("../../wit/provider.wit");

/// The interface that every provider exports.
pub const CHAT: &str = "arete:provider/chat@0.1.1";

/// The beginning of its name in all versions that a server takes.
const CHAT_TRACK: &str = "arete:provider/chat@0.1.";
