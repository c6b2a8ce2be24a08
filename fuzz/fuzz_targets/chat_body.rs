//! The target `chat_body`: see `host/src/fuzzing/chat_body.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| arete::fuzzing::chat_body(data));
