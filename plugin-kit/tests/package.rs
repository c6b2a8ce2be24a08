//! The contract as one file, which other tools fetch from the repository, is the contract.

use std::fs;
use std::path::Path;

use wit_bindgen_core::wit_parser::Resolve;
use wit_component::{DecodedWasm, decode, encode};

/// `UPDATE_GOLDEN=1` writes it anew.
#[test]
fn the_encoded_contract_is_current() {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let mut resolve = Resolve::default();
    let package = resolve.push_file(wit.join("provider.wit")).unwrap();
    let encoded = encode(&resolve, package).unwrap();
    let version = resolve.packages[package].name.version.clone().unwrap();
    let path = wit.join(format!("arete-provider-{version}.wasm"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &encoded).unwrap();
    }
    let kept = fs::read(&path).expect("UPDATE_GOLDEN=1 cargo test -p arete-plugin-kit writes it");
    assert!(
        kept == encoded,
        "{} is not wit/provider.wit any more: UPDATE_GOLDEN=1 writes it anew",
        path.display()
    );
    let DecodedWasm::WitPackage(decoded, package) = decode(&kept).unwrap() else {
        panic!("it is no package")
    };
    // With its comments, which are the manual.
    let world = decoded.packages[package].worlds["provider"];
    assert!(decoded.worlds[world].docs.contents.is_some());
}
