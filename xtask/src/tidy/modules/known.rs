//! Edges on circles that are still there. The list may only shrink: an edge that is on no circle any
//! more has to be taken out.

/// An edge: a file, and one that it depends on although that one leads back to it.
pub(super) const KNOWN: &[(&str, &str)] = &[
    ("author/src/build/c.rs", "author/src/build.rs"),
    ("author/src/build/python.rs", "author/src/build.rs"),
    ("author/src/build/rust.rs", "author/src/build.rs"),
    ("author/src/build/typescript.rs", "author/src/build.rs"),
    ("author/src/build/venv.rs", "author/src/build.rs"),
    ("host/src/cli/build.rs", "host/src/cli.rs"),
    ("host/src/cli/check.rs", "host/src/cli.rs"),
    ("host/src/cli/dev.rs", "host/src/cli.rs"),
    ("host/src/cli/dev/stand_in.rs", "host/src/cli/dev.rs"),
    ("host/src/cli/list.rs", "host/src/cli.rs"),
    ("host/src/cli/new.rs", "host/src/cli.rs"),
    ("host/src/cli/test.rs", "host/src/cli.rs"),
    ("host/src/config/limits.rs", "host/src/config.rs"),
    ("host/src/config/vars.rs", "host/src/config.rs"),
    ("upstream/src/lib.rs", "upstream/src/connection.rs"),
    ("upstream/src/reply.rs", "upstream/src/gate.rs"),
    ("upstream/src/script.rs", "upstream/src/gate.rs"),
    ("upstream/src/script.rs", "upstream/src/reply.rs"),
    ("upstream/src/state.rs", "upstream/src/lib.rs"),
    ("xtask/bench/src/native/answer.rs", "xtask/bench/src/native.rs"),
    ("xtask/bench/src/native/stream.rs", "xtask/bench/src/native.rs"),
];
