//! A plugin folder, into which files are put so that a server that watches it never sees half of one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Puts a component and its provider's file into a plugin folder, each in one step, so that a
/// server that watches it never sees half of one. Returns the component's place.
pub(super) fn put(
    folder: &Path,
    name: &str,
    component: &[u8],
    provider: Option<&str>,
) -> anyhow::Result<PathBuf> {
    let own = format!("{name}.wasm");
    let named = provider.and_then(component_of).unwrap_or_else(|| own.clone());
    let place = replace(folder, &named, component)?;
    if let Some(provider) = provider {
        replace(folder, &format!("{name}.toml"), provider.as_bytes())?;
    }
    Ok(place)
}

/// Returns the component that a provider's file names. A file that can't be read is the server's to
/// refuse.
fn component_of(provider: &str) -> Option<String> {
    let table: toml::Table = provider.parse().ok()?;
    let named = table.get("component")?.as_str()?;
    (!named.contains(['/', '\\', ':'])).then(|| named.to_owned())
}

pub(super) fn replace(folder: &Path, name: &str, content: &[u8]) -> anyhow::Result<PathBuf> {
    let (place, beside) = (folder.join(name), folder.join(format!(".{name}.new")));
    let written = fs::write(&beside, content).and_then(|()| fs::rename(&beside, &place));
    written.with_context(|| format!("{} can't be written", place.display()))?;
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_goes_where_its_providers_file_looks_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let put = |provider| put(folder.path(), "hello", b"wasm", provider).unwrap();
        assert_eq!(put(None), folder.path().join("hello.wasm"));
        assert_eq!(put(Some("component = \"other.wasm\"")), folder.path().join("other.wasm"));
        for strange in ["component = \"../x.wasm\"", "component = \"bundled:echo\"", "not TOML"] {
            assert_eq!(put(Some(strange)), folder.path().join("hello.wasm"), "{strange}");
            assert_eq!(fs::read_to_string(folder.path().join("hello.toml")).unwrap(), strange);
        }
        let names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 3, "{names:?}");
    }
}
