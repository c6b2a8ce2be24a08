//! A component as it comes from a folder, before it is compiled.
//!
//! Promises: whatever it is, it is told or counted and nothing is made; a component that makes
//! another one twice comes to twice of it.

use wasmparser::{Encoding, Parser, Payload};

use crate::plugin::untrusted::{Expansion, is_component};

/// Reads a component.
pub fn run(data: &[u8]) {
    let begins_as_one = data.starts_with(b"\0asm\x0d\0\x01\0");
    assert_eq!(is_component(data).is_ok(), begins_as_one);
    let size = Expansion::of(data);
    assert_eq!(Expansion::of(data), size, "counted twice, and not the same");
    if !is_whole(data) {
        return;
    }
    let twice = Expansion::of(&made_twice(data));
    let Ok(size) = size else {
        assert!(twice.is_err(), "too much, and twice of it is not");
        return;
    };
    // Else it is too much now, or nested too deep.
    if let Ok(twice) = twice {
        let [core_instances, instances, definitions, functions] = size.counts();
        let expected = [2 * core_instances, 2 * instances + 2, 2 * definitions, functions];
        assert_eq!(twice.counts(), expected);
    }
}

/// Returns true if all of it can be read, and is one component. To a parser, one that is cut off
/// between two sections of a part is whole.
fn is_whole(data: &[u8]) -> bool {
    let mut encoding = None;
    for payload in Parser::new(0).parse_all(data) {
        match payload {
            Ok(Payload::Version { encoding: found, .. }) => {
                encoding.get_or_insert(found);
            }
            Ok(Payload::ModuleSection { unchecked_range: range, .. })
            | Ok(Payload::ComponentSection { unchecked_range: range, .. })
                if data.len() < range.end =>
            {
                return false;
            }
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    encoding == Some(Encoding::Component)
}

/// Returns a component that defines this one and makes two instances of it.
fn made_twice(component: &[u8]) -> Vec<u8> {
    let mut outer = b"\0asm\x0d\0\x01\0\x04".to_vec();
    let mut length = component.len();
    while 0x80 <= length {
        outer.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    outer.push(length as u8);
    outer.extend_from_slice(component);
    // A section of two instances, each of component 0 without arguments.
    outer.extend_from_slice(&[5, 7, 2, 0, 0, 0, 0, 0, 0]);
    outer
}
