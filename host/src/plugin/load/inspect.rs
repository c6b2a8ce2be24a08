//! The shape of a component, known before it runs: what it asks for, what it gives, how much room
//! it needs.

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::config::{Limit, Limits};
use crate::plugin::bounds::{PAGE_BYTES, PARTS_MAX, TABLE_ELEMENTS_MAX};
use crate::plugin::room::PoolParts;

/// The contract's package, and the versions of it that this host speaks: a guest made for an older
/// patch runs.
const CONTRACT: &str = "arete:provider";
const CONTRACT_TRACK: &str = "0.1.";
/// The contract's interfaces that every provider is given.
const PROVIDED: [&str; 6] = ["call", "config", "http", "llm", "log", "wishes"];
/// The packages of WASI 0.2 that every provider is given: clocks and random numbers work, the rest
/// is there and empty.
const PROVIDED_WASI: [&str; 6] = ["cli", "clocks", "filesystem", "io", "random", "sockets"];

/// Imports, exports and needs of a component.
#[derive(Debug, Clone)]
pub struct ComponentShape {
    /// The interfaces that it asks for.
    pub imports: Vec<Import>,
    /// The names of its exports.
    pub exports: Vec<String>,
    /// The version of the contract it was made for, as far as its exports tell.
    pub contract: Option<String>,
    /// Its memories, sizes in bytes.
    pub memories: Parts,
    /// Its tables, sizes in elements.
    pub tables: Parts,
}

/// Memories or tables of a component.
#[derive(Debug, Clone, Copy, Default)]
pub struct Parts {
    /// The number of them.
    pub count: u32,
    /// The initial size of the largest.
    pub largest: u64,
}

/// An interface that a component asks for.
#[derive(Debug, Clone)]
pub struct Import {
    /// Its name: `arete:provider/http@0.1.0`.
    pub name: String,
    /// True if providers are given it.
    pub provided: bool,
}

/// Bytes that aren't a component, told by how they begin: a better word than a parser's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAComponent {
    #[error("it is empty")]
    Empty,
    #[error("this is machine code, not a component: machine code from outside can't be trusted")]
    MachineCode,
    #[error(
        "this is a core WebAssembly module, not a component: compile it for wasm32-wasip2, or turn it into one with \
         `wasm-tools component new`"
    )]
    CoreModule,
    #[error("this is WebAssembly of a kind or version that isn't known here")]
    UnknownKind,
    #[error("this is no component: it doesn't begin as WebAssembly does")]
    NotWebAssembly,
}

/// Checks that bytes begin as a component does.
///
/// # Errors
/// The kind of thing that they are instead.
pub(crate) fn is_component(bytes: &[u8]) -> Result<(), NotAComponent> {
    if bytes.is_empty() {
        return Err(NotAComponent::Empty);
    }
    if Engine::detect_precompiled(bytes).is_some() {
        return Err(NotAComponent::MachineCode);
    }
    match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(NotAComponent::CoreModule),
        [0, b'a', b's', b'm', ..] => Err(NotAComponent::UnknownKind),
        _ => Err(NotAComponent::NotWebAssembly),
    }
}

/// A reason why a component can't be a provider here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error(
        "it is made for {CONTRACT}@{0}, and this server speaks {CONTRACT}@{CONTRACT_TRACK}x: build it again with \
         this server's wit/provider.wit"
    )]
    OtherContract(String),
    #[error("it is no provider: it exports {0}, and not {CONTRACT}/chat")]
    NoProvider(String),
    #[error("it asks for what no provider is given: {0}; wit/provider.wit says what there is")]
    UnprovidedImports(String),
    #[error("it has {memories} memories and {tables} tables, and may have {PARTS_MAX} of each")]
    TooManyParts { memories: u32, tables: u32 },
    #[error("one of its tables has {0} elements, and may have {TABLE_ELEMENTS_MAX}")]
    TableTooLarge(u64),
    #[error("it begins with {begins} of memory, and may have {allowed}: {}", Limit::Memory.how_to_raise())]
    MemoryTooLarge { begins: String, allowed: String },
}

impl ComponentShape {
    /// Returns the shape of a component.
    pub(super) fn of(engine: &Engine, component: &Component) -> Self {
        let kind = component.component_type();
        let imports = kind
            .imports(engine)
            .map(|(name, _)| Import { provided: is_provided_import(name), name: name.to_owned() });
        let exports: Vec<String> = kind.exports(engine).map(|(name, _)| name.to_owned()).collect();
        let chat = exports.iter().find_map(|name| name.strip_prefix("arete:provider/chat"));
        let contract = chat.map(|version| version.trim_start_matches('@').to_owned());
        let (mut memories, mut tables) = (Parts::default(), Parts::default());
        if let Some(needs) = component.resources_required() {
            let pages = needs.max_initial_memory_size.unwrap_or(0);
            memories =
                Parts { count: needs.num_memories, largest: pages.saturating_mul(PAGE_BYTES) };
            let elements = needs.max_initial_table_size.unwrap_or(0);
            tables = Parts { count: needs.num_tables, largest: elements };
        }
        Self { imports: imports.collect(), contract, exports, memories, tables }
    }

    /// Returns the parts of the pool that an instance of it takes.
    pub(super) fn pool_parts(&self) -> PoolParts {
        let (memories, tables) = (self.memories.count.into(), self.tables.count.into());
        PoolParts { instances: 1, memories, tables }
    }

    /// Returns true if it asks for the network.
    pub fn wants_network(&self) -> bool {
        self.imports.iter().any(|import| import.name.starts_with("arete:provider/http@"))
    }

    /// Checks that this component can be a provider here, whatever its limits are.
    ///
    /// # Errors
    /// The first reason why it can't, and what to do.
    pub(super) fn check(&self) -> Result<(), Unfit> {
        match self.contract.as_deref() {
            Some(version) if version.starts_with(CONTRACT_TRACK) => {}
            Some(version) => return Err(Unfit::OtherContract(version.to_owned())),
            None if self.exports.is_empty() => return Err(Unfit::NoProvider("nothing".into())),
            None => return Err(Unfit::NoProvider(self.exports.join(", "))),
        }
        let imports = self.imports.iter().filter(|import| !import.provided);
        let unprovided: Vec<&str> = imports.map(|import| import.name.as_str()).collect();
        if !unprovided.is_empty() {
            return Err(Unfit::UnprovidedImports(unprovided.join(", ")));
        }
        let (memories, tables) = (self.memories.count, self.tables.count);
        if PARTS_MAX < memories || PARTS_MAX < tables {
            return Err(Unfit::TooManyParts { memories, tables });
        }
        if (TABLE_ELEMENTS_MAX as u64) < self.tables.largest {
            return Err(Unfit::TableTooLarge(self.tables.largest));
        }
        Ok(())
    }

    /// Checks that the component can begin with the memory that it may use.
    ///
    /// # Errors
    /// How much is missing, and what raises it.
    pub(super) fn check_limits(&self, limits: &Limits) -> Result<(), Unfit> {
        let (begins, allowed) = (self.memories.largest, limits.raw(Limit::Memory));
        if begins <= allowed {
            return Ok(());
        }
        let show = |bytes| Limit::Memory.show(bytes);
        Err(Unfit::MemoryTooLarge { begins: show(begins), allowed: show(allowed) })
    }
}

/// Returns true if providers are given an interface of this name.
fn is_provided_import(name: &str) -> bool {
    let Some((package, rest)) = name.split_once('/') else { return false };
    let Some((interface, version)) = rest.split_once('@') else { return false };
    match package.split_once(':') {
        Some(("arete", "provider")) => {
            PROVIDED.contains(&interface) && version.starts_with(CONTRACT_TRACK)
        }
        Some(("wasi", package)) => PROVIDED_WASI.contains(&package) && version.starts_with("0.2."),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_told_apart() {
        for (bytes, kind) in [
            (&b""[..], NotAComponent::Empty),
            (b"\0asm\x01\0\0\0", NotAComponent::CoreModule),
            (b"\0asm\x77\0\0\0", NotAComponent::UnknownKind),
            (b"\0asm", NotAComponent::UnknownKind),
            (b"#!/bin/sh\n", NotAComponent::NotWebAssembly),
            (b"\x7fELF\x02\x01\x01", NotAComponent::NotWebAssembly),
        ] {
            assert_eq!(is_component(bytes), Err(kind), "{bytes:?}");
        }
        assert_eq!(is_component(b"\0asm\x0d\0\x01\0"), Ok(()));
    }

    fn shape() -> ComponentShape {
        ComponentShape {
            imports: vec![Import { name: "arete:provider/log@0.1.0".into(), provided: true }],
            exports: vec!["arete:provider/chat@0.1.0".into()],
            contract: Some("0.1.0".into()),
            memories: Parts { count: 1, largest: 1 << 20 },
            tables: Parts { count: 1, largest: 100 },
        }
    }

    #[test]
    fn a_component_is_refused_for_its_first_fault() {
        assert_eq!(shape().check(), Ok(()));
        let other = ComponentShape { contract: Some("0.2.0".into()), ..shape() };
        assert_eq!(other.check(), Err(Unfit::OtherContract("0.2.0".into())));
        let none = ComponentShape { contract: None, exports: vec![], ..shape() };
        assert_eq!(none.check(), Err(Unfit::NoProvider("nothing".into())));
        let name = "wasi:http/types@0.2.0";
        let foreign = vec![Import { name: name.into(), provided: false }];
        let foreign = ComponentShape { imports: foreign, ..shape() };
        assert_eq!(foreign.check(), Err(Unfit::UnprovidedImports(name.into())));
        let many = ComponentShape { memories: Parts { count: 65, largest: 0 }, ..shape() };
        assert_eq!(many.check(), Err(Unfit::TooManyParts { memories: 65, tables: 1 }));
        let large = ComponentShape { tables: Parts { count: 1, largest: 20_001 }, ..shape() };
        assert_eq!(large.check(), Err(Unfit::TableTooLarge(20_001)));
    }

    #[test]
    fn a_component_must_begin_within_its_memory() {
        let mut limits = Limits::default();
        assert_eq!(shape().check_limits(&limits), Ok(()));
        limits.set(Limit::Memory, 1 << 19);
        let told = shape().check_limits(&limits).unwrap_err().to_string();
        assert!(told.contains("begins with 1 MiB of memory, and may have 512 KiB"), "{told}");
        assert!(told.contains("`memory` under [limits]"), "{told}");
    }

    #[test]
    fn only_the_contract_and_what_toolchains_import_are_given() {
        for name in
            ["arete:provider/http@0.1.0", "arete:provider/log@0.1.7", "wasi:io/streams@0.2.6"]
        {
            assert!(is_provided_import(name), "{name}");
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
            assert!(!is_provided_import(name), "{name}");
        }
    }
}
