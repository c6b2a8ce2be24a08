//! The target `framing`: see `host/src/fuzzing/framing.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| arete::fuzzing::framing(data));
