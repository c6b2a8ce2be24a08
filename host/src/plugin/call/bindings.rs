//! The contract's functions, generated from `wit/provider.wit`. Nothing else lives here; the
//! records that they take and return are those of `contract.rs`.

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
    with: {
        "arete:provider/llm": crate::contract::generated::arete::provider::llm,
        "arete:provider/http.reply": crate::egress::Reply,
    },
    additional_derives: [Clone, PartialEq, serde::Serialize, serde::Deserialize],
});
