//! Whether what a toolchain made is a provider. The host looks much closer when it loads one; this
//! catches what an author forgets, where the author sees it.

use std::path::Path;
use std::{fmt, fs};

use wasmparser::{BinaryReaderError, ComponentExportSectionReader, Encoding, Parser, Payload};

use crate::{CHAT, CHAT_TRACK, Problem};

pub(crate) fn check(path: &Path) -> Result<(), Problem> {
    let bytes = fs::read(path).map_err(|error| Problem::with_file(path, &error))?;
    inspect(&bytes).map_err(|fault| Problem::new(format!("{} {fault}", path.display())))
}

/// The reason why a file is no provider, as the rest of a sentence about it.
#[derive(Debug)]
enum Fault {
    NotWasm(BinaryReaderError),
    CoreModule,
    NoChat,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWasm(error) => write!(f, "is no WebAssembly: {error}."),
            Self::CoreModule => f.write_str(
                "is a core module and no component: build it for wasm32-wasip2, or make a component of it.",
            ),
            Self::NoChat => write!(
                f,
                "doesn't export `{CHAT}`: the plugin has to implement the contract's interface `chat` and export it."
            ),
        }
    }
}

fn inspect(bytes: &[u8]) -> Result<(), Fault> {
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(Fault::NotWasm)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(Fault::CoreModule);
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentExportSection(exports) if depth == 0 && has_chat(&exports) => {
                return Ok(());
            }
            _ => {}
        }
    }
    Err(Fault::NoChat)
}

fn has_chat(exports: &ComponentExportSectionReader<'_>) -> bool {
    exports.clone().into_iter().flatten().any(|export| export.name.name.starts_with(CHAT_TRACK))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component that exports an instance with nothing in it, which is all that is looked at.
    fn component(export: &str) -> Vec<u8> {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        // Section 5: one instance, made of no exports.
        bytes.extend([5, 3, 1, 1, 0]);
        let length = u8::try_from(export.len()).unwrap();
        // Section 11: one export, a name without options, of an instance (5) with index 0, without
        // a type.
        bytes.extend([11, length + 6, 1, 0, length]);
        bytes.extend(export.bytes());
        bytes.extend([5, 0, 0]);
        bytes
    }

    #[test]
    fn a_component_that_exports_chat_is_a_provider() {
        assert!(inspect(&component(CHAT)).is_ok());
    }

    #[test]
    fn what_is_missing_is_said() {
        let other = inspect(&component("arete:provider/chat@0.2.0")).unwrap_err().to_string();
        assert!(other.starts_with("doesn't export `arete:provider/chat@0.1.1`"), "{other}");
        let module = inspect(b"\0asm\x01\0\0\0").unwrap_err().to_string();
        assert!(module.starts_with("is a core module"), "{module}");
        let text = inspect(b"export const chat").unwrap_err().to_string();
        assert!(text.starts_with("is no WebAssembly"), "{text}");
    }
}
