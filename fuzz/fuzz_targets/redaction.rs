//! The target `redaction`: see `host/src/fuzzing/redaction.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| arete::fuzzing::redaction(data));
