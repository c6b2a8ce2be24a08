//! The contract as Rust types, generated from `wit/provider.wit`. Nothing else lives here.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated code; the WIT holds the documentation"
)]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "provider",
    imports: {
        "arete:provider/http.send": async | trappable,
        "arete:provider/http.[method]reply.read-text": async | trappable,
        "arete:provider/http.[method]reply.read-bytes": async | trappable,
        "arete:provider/http.[method]reply.read": async | trappable,
        "arete:provider/http.[method]reply.next-event": async | trappable,
        "arete:provider/http.[method]reply.next-events": async | trappable,
        "arete:provider/http.[method]reply.next-line": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: { "arete:provider/http.reply": super::outbound::Reply },
    additional_derives: [Clone, PartialEq, serde::Serialize, serde::Deserialize],
});
