//! The target `cache_entry`: see `host/src/fuzzing/cache_entry.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| arete::fuzzing::cache_entry(data));
