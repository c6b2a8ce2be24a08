//! The target `provider_file`: see `host/src/fuzzing/provider_file.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| arete::fuzzing::provider_file(data));
