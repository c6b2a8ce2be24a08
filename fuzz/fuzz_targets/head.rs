//! The target `head`: see `host/src/fuzzing/head.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| arete::fuzzing::head(data));
