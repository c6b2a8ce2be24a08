//! Nothing: the targets are in `fuzz_targets/`, one program each, and what they call in the host's
//! `fuzzing`. Cargo wants a package to have something without its features.
