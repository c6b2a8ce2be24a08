//! The target `http_head`: see `host/src/fuzzing/http_head.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| arete::fuzzing::http_head(data));
