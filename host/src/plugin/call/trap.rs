//! From wasmtime's errors to failures of a call.

use wasmtime::component::ResourceTableError;
use wasmtime::{PoolConcurrencyLimitError, Trap};

use super::state::CallState;
use crate::config::Limit;
use crate::plugin::CallError;
use crate::plugin::error::{Full, bounded};

/// Returns the failure that an error of wasmtime means for the call with this state.
pub(super) fn call_error(plugin: String, error: &wasmtime::Error, state: &CallState) -> CallError {
    let limits = state.limits();
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        // The room is counted before; this is where the engine counts otherwise.
        return CallError::Busy {
            provider: plugin,
            full: Full::Pool { reserved: limits.reserved_calls() },
        };
    }
    if let Some(full) = state.full() {
        return CallError::Busy { provider: plugin, full };
    }
    if let Some(limit) = state.exceeded.or_else(|| exceeded(error)) {
        return CallError::exceeded(plugin, limit, limits);
    }
    let trap = match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    CallError::Trapped { plugin, trap: bounded(&trap), stderr: bounded(&state.log.tail()) }
}

/// Returns the limit that the engine itself holds and that this error tells of.
fn exceeded(error: &wasmtime::Error) -> Option<Limit> {
    if let Some(ResourceTableError::Full) = error.downcast_ref::<ResourceTableError>() {
        return Some(Limit::Handles);
    }
    // These two have no public type.
    let cause = error.root_cause().to_string();
    if cause.contains("store handle limit exceeded") {
        return Some(Limit::Handles);
    }
    cause.contains("fuel allocated for hostcalls").then_some(Limit::HostCallBytes)
}
