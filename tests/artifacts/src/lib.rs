//! Where the misbehaving guests are, once compiled: one constant for each file in
//! `tests/fixtures/examples`.

include!(concat!(env!("OUT_DIR"), "/artifacts.rs"));
