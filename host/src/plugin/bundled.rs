//! The parts of providers that are compiled into the binary: components, and the files of the
//! providers that are there always.

/// The components, by the build script: `COMPONENTS`, pairs of name and bytes.
mod built {
    include!(concat!(env!("OUT_DIR"), "/bundled.rs"));
}

/// The providers that are there always, and their files. A component that is bundled isn't a
/// provider yet.
pub(super) const FILES: [(&str, &str); 2] =
    [("claude", include_str!("bundled/claude.toml")), ("echo", include_str!("bundled/echo.toml"))];

/// The names of the components.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    built::COMPONENTS.iter().map(|(name, _)| *name)
}

/// A component's name, if there is one of it.
pub(super) fn name(wanted: &str) -> Option<&'static str> {
    names().find(|name| *name == wanted)
}

/// A component.
pub(super) fn component(wanted: &str) -> Option<&'static [u8]> {
    built::COMPONENTS.iter().find(|(name, _)| *name == wanted).map(|(_, bytes)| *bytes)
}
