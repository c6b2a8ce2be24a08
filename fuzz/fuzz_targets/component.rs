//! The target `component`: see `host/src/fuzzing/component.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| arete::fuzzing::component(data));
