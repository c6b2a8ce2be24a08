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
    inline: "
        package arete:host;
        world provider {
            include arete:provider/provider@0.1.1;
            import arete:provider/call@0.1.1;
            import arete:provider/wishes@0.1.1;
        }
    ",
    world: "arete:host/provider",
    imports: {
        "arete:provider/http.send": async | trappable,
        "arete:provider/http.fetch": async | trappable,
        "arete:provider/http.[method]pending-reply.wait": async | trappable,
        "arete:provider/http.[method]reply.read-text": async | trappable,
        "arete:provider/http.[method]reply.read-bytes": async | trappable,
        "arete:provider/http.[method]reply.read": async | trappable,
        "arete:provider/http.[method]reply.next-event": async | trappable,
        "arete:provider/http.[method]reply.next-events": async | trappable,
        "arete:provider/http.[method]reply.next-line": async | trappable,
        "arete:provider/http.[method]reply.read-exact": async | trappable,
        "arete:provider/http.[method]reply.next-message": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "arete:provider/llm": crate::contract::generated::arete::provider::llm,
        "arete:provider/wishes": crate::contract::generated::arete::provider::wishes,
        "arete:provider/http.reply": crate::egress::Reply,
        "arete:provider/http.pending-reply": crate::egress::PendingReply,
    },
    additional_derives: [Clone, PartialEq, serde::Serialize, serde::Deserialize],
});

/// Interfaces that a provider may export beside `chat`.
pub(super) mod abilities {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package arete:host;
            world abilities {
                export arete:provider/forward@0.1.1;
                export arete:provider/models@0.1.1;
                export arete:provider/tokens@0.1.1;
                export arete:provider/embeddings@0.1.1;
            }
        ",
        world: "arete:host/abilities",
        exports: { default: async },
        with: {
            "arete:provider/llm": crate::contract::generated::arete::provider::llm,
            "arete:provider/http": super::arete::provider::http,
        },
        additional_derives: [Clone, PartialEq],
    });
}
