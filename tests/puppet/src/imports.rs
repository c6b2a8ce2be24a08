//! Everything that a guest can import, as WIT declares it.

use std::path::Path;

use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{
    LiftLowerAbi, ManglingAndAbi, Resolve, ResourceIntrinsic, TypeDefKind, WasmImport, WorldId,
    WorldItem,
};

include!(concat!(env!("OUT_DIR"), "/wasi.rs"));

/// The contract.
const CONTRACT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit");
/// The world of the puppet: a provider that is given all there is.
const WORLD: &str = "
    package arete:puppet;
    world puppet {
        include arete:provider/provider@0.1.1;
        import arete:provider/call@0.1.1;
        import arete:provider/wishes@0.1.1;
        include wasi:cli/imports@0.2.12;
    }
";
/// The spelling of names in core modules.
pub(crate) const NAMES: ManglingAndAbi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);

/// A function that a guest can import, or the end of a resource.
#[derive(Clone, Debug)]
pub struct Import {
    /// The interface, without its version: `wasi:io/streams`.
    pub interface: String,
    /// The function: `output-stream.write`, or `drop output-stream`.
    pub function: String,
    pub(crate) module: String,
    pub(crate) name: String,
    pub(crate) params: Vec<WasmType>,
    pub(crate) results: Vec<WasmType>,
}

impl Import {
    /// The number of its arguments in a program.
    pub fn arguments(&self) -> usize {
        self.params.len()
    }
}

/// Returns everything that a guest can import, in a fixed order.
///
/// # Panics
/// When the WIT can't be read.
#[allow(clippy::expect_used, reason = "of tests, which speak by failing")]
pub fn imports() -> Vec<Import> {
    let (resolve, world) = world();
    let mut imports = Vec::new();
    for (key, item) in &resolve.worlds[world].imports {
        let WorldItem::Interface { id, .. } = item else { continue };
        let interface = resolve.id_of(*id).expect("an interface of a package has a name");
        let interface = interface.split('@').next().unwrap_or_default().to_owned();
        for function in resolve.interfaces[*id].functions.values() {
            let signature = resolve.wasm_signature(AbiVariant::GuestImport, function);
            let import = WasmImport::Func { interface: Some(key), func: function };
            let (module, name) = resolve.wasm_import_name(NAMES, import);
            let told = name.rsplit(']').next().unwrap_or_default().to_owned();
            imports.push(Import {
                interface: interface.clone(),
                function: told,
                module,
                name,
                params: signature.params,
                results: signature.results,
            });
        }
        for (name, resource) in &resolve.interfaces[*id].types {
            if !matches!(resolve.types[*resource].kind, TypeDefKind::Resource) {
                continue;
            }
            let told = format!("drop {name}");
            let import = WasmImport::ResourceIntrinsic {
                interface: Some(key),
                resource: *resource,
                intrinsic: ResourceIntrinsic::ImportedDrop,
            };
            let (module, name) = resolve.wasm_import_name(NAMES, import);
            imports.push(Import {
                interface: interface.clone(),
                function: told,
                module,
                name,
                params: vec![WasmType::I32],
                results: vec![],
            });
        }
    }
    imports
}

/// Reads the puppet's world.
#[allow(clippy::expect_used, reason = "of tests, which speak by failing")]
pub(crate) fn world() -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    resolve.push_dir(Path::new(CONTRACT)).expect("the contract can be read");
    resolve.push_dir(Path::new(WASI)).expect("the engine's WASI can be read");
    let package = resolve.push_str("puppet.wit", WORLD).expect("the world can be put together");
    let world = resolve.select_world(&[package], Some("puppet")).expect("it is there");
    (resolve, world)
}
