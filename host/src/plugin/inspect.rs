//! What a component is made of, told before it runs: what it asks for, what it gives, how much room
//! it needs.

use wasmtime::Engine;
use wasmtime::component::Component;

use super::state::{PARTS_MAX, TABLE_ELEMENTS_MAX};
use crate::config::{Limit, Limits};

/// The contract's package, and the versions of it that this host speaks: a guest made for an older
/// patch runs.
const CONTRACT: &str = "arete:provider";
const CONTRACT_TRACK: &str = "0.1.";
/// What every provider is given of the contract.
const GIVEN: [&str; 4] = ["config", "http", "llm", "log"];
/// What every provider is given of WASI 0.2: clocks and random numbers work, the rest is there and
/// empty.
const GIVEN_WASI: [&str; 6] = ["cli", "clocks", "filesystem", "io", "random", "sockets"];
const PAGE: u64 = 64 << 10;

/// What a component is made of.
#[derive(Debug, Clone)]
pub struct Anatomy {
    /// What it asks for.
    pub imports: Vec<Import>,
    /// What it gives.
    pub exports: Vec<String>,
    /// Which version of the contract it was made for, as far as its exports tell.
    pub contract: Option<String>,
    /// How many memories it has, and the size in bytes at which the largest begins.
    pub memories: (u32, u64),
    /// How many tables it has, and how many elements the largest begins with.
    pub tables: (u32, u64),
}

/// Something that a component asks for.
#[derive(Debug, Clone)]
pub struct Import {
    /// Its name: `arete:provider/http@0.1.0`.
    pub name: String,
    /// Whether providers are given it.
    pub given: bool,
}

/// What bytes can be that aren't a component, told by how they begin: a better word than a
/// parser's.
///
/// # Errors
/// What they are, and what to do.
pub(super) fn is_component(bytes: &[u8]) -> Result<(), String> {
    if bytes.is_empty() {
        return Err("it is empty".into());
    }
    if Engine::detect_precompiled(bytes).is_some() {
        return Err(
            "this is machine code, not a component: machine code from outside can't be trusted"
                .into(),
        );
    }
    match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(
            "this is a core WebAssembly module, not a component: compile it for wasm32-wasip2, or turn it into one with \
             `wasm-tools component new`"
                .into(),
        ),
        [0, b'a', b's', b'm', ..] => Err("this is WebAssembly of a kind or version that isn't known here".into()),
        _ => Err("this is no component: it doesn't begin as WebAssembly does".into()),
    }
}

impl Anatomy {
    pub(super) fn of(engine: &Engine, component: &Component) -> Self {
        let kind = component.component_type();
        let imports = kind
            .imports(engine)
            .map(|(name, _)| Import { given: is_given(name), name: name.to_owned() });
        let exports: Vec<String> = kind.exports(engine).map(|(name, _)| name.to_owned()).collect();
        let chat = exports.iter().find_map(|name| name.strip_prefix("arete:provider/chat"));
        let resources = component.resources_required();
        let resources = resources.as_ref();
        Self {
            imports: imports.collect(),
            contract: chat.map(|version| version.trim_start_matches('@').to_owned()),
            exports,
            memories: resources.map_or((0, 0), |needs| {
                (
                    needs.num_memories,
                    needs.max_initial_memory_size.unwrap_or(0).saturating_mul(PAGE),
                )
            }),
            tables: resources.map_or((0, 0), |needs| {
                (needs.num_tables, needs.max_initial_table_size.unwrap_or(0))
            }),
        }
    }

    /// Whether it asks for the network.
    pub fn wants_network(&self) -> bool {
        self.imports.iter().any(|import| import.name.starts_with("arete:provider/http@"))
    }

    /// What keeps this component from ever being a provider here.
    ///
    /// # Errors
    /// The first reason, and what to do.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.contract.as_deref() {
            Some(version) if version.starts_with(CONTRACT_TRACK) => {}
            Some(version) => {
                return Err(format!(
                    "it is made for {CONTRACT}@{version}, and this server speaks {CONTRACT}@{CONTRACT_TRACK}x: build it \
                     again with this server's wit/provider.wit"
                ));
            }
            None => {
                let exports = if self.exports.is_empty() {
                    "nothing".into()
                } else {
                    self.exports.join(", ")
                };
                return Err(format!(
                    "it is no provider: it exports {exports}, and not {CONTRACT}/chat"
                ));
            }
        }
        let foreign: Vec<&str> = self
            .imports
            .iter()
            .filter(|import| !import.given)
            .map(|import| import.name.as_str())
            .collect();
        if !foreign.is_empty() {
            let foreign = foreign.join(", ");
            return Err(format!(
                "it asks for what no provider is given: {foreign}; wit/provider.wit says what there is"
            ));
        }
        let ((memories, _), (tables, elements)) = (self.memories, self.tables);
        if PARTS_MAX < memories as usize || PARTS_MAX < tables as usize {
            return Err(format!(
                "it has {memories} memories and {tables} tables, and may have {PARTS_MAX} of each"
            ));
        }
        if (TABLE_ELEMENTS_MAX as u64) < elements {
            return Err(format!(
                "one of its tables has {elements} elements, and may have {TABLE_ELEMENTS_MAX}"
            ));
        }
        Ok(())
    }

    /// Whether it can begin with what it may use.
    ///
    /// # Errors
    /// What is too little, and what raises it.
    pub(super) fn fits(&self, limits: &Limits) -> Result<(), String> {
        let (_, initial) = self.memories;
        let memory = limits.get(Limit::Memory);
        if memory < initial {
            let (initial, memory) = (Limit::Memory.show(initial), Limit::Memory.show(memory));
            let (key, setting) = (Limit::Memory.key(), Limit::Memory.setting());
            return Err(format!(
                "it begins with {initial} of memory, and may have {memory}: `{key}` under [limits] in its file raises \
                 that, up to {setting}"
            ));
        }
        Ok(())
    }
}

/// Whether providers are given an interface of this name.
fn is_given(name: &str) -> bool {
    let Some((package, rest)) = name.split_once('/') else { return false };
    let Some((interface, version)) = rest.split_once('@') else { return false };
    match package.split_once(':') {
        Some(("arete", "provider")) => {
            GIVEN.contains(&interface) && version.starts_with(CONTRACT_TRACK)
        }
        Some(("wasi", package)) => GIVEN_WASI.contains(&package) && version.starts_with("0.2."),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_told_apart() {
        for (bytes, problem) in [
            (&b""[..], "empty"),
            (b"\0asm\x01\0\0\0", "core WebAssembly module"),
            (b"\0asm\x77\0\0\0", "of a kind or version"),
            (b"\0asm", "of a kind or version"),
            (b"#!/bin/sh\n", "doesn't begin as WebAssembly does"),
            (b"\x7fELF\x02\x01\x01", "doesn't begin as WebAssembly does"),
        ] {
            let told = is_component(bytes).unwrap_err();
            assert!(told.contains(problem), "{bytes:?}: {told}");
        }
        assert!(is_component(b"\0asm\x0d\0\x01\0").is_ok());
    }

    #[test]
    fn only_the_contract_and_what_toolchains_import_are_given() {
        for name in
            ["arete:provider/http@0.1.0", "arete:provider/log@0.1.7", "wasi:io/streams@0.2.6"]
        {
            assert!(is_given(name), "{name}");
        }
        for name in [
            "arete:provider/chat@0.1.0",
            "arete:provider/http@0.2.0",
            "arete:provider/http",
            "wasi:http/outgoing-handler@0.2.4",
            "wasi:io/streams@0.3.0",
            "other:io/streams@0.2.0",
            "run",
        ] {
            assert!(!is_given(name), "{name}");
        }
    }
}
