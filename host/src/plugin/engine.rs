//! The one engine: how components are compiled, where their memory comes from, and what keeps their
//! time.

use std::ops::Deref;
use std::sync::{Arc, mpsc};
use std::thread;

use tracing::warn;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::bounds::{PAGE_BYTES, PARTS_MAX, TABLE_ELEMENTS_MAX, TICK};
use super::room::{PoolParts, Room};
use crate::budget::Budget;
use crate::config::{Limit, PluginConfig};

/// The compiler of components tells hundreds of megabytes at each start, if `trace` lets it. Who
/// wants them names them.
pub(crate) const QUIET_LOGS: &str =
    "cranelift_codegen=info,cranelift_frontend=info,wasmtime_internal_cranelift=info,wasmtime=info";
/// Memories that the pool has for each call on average. Who needs more than others is bounded by
/// [`Room`].
const MEMORIES_PER_CALL: u32 = 3;
/// Tables that the pool has for each call on average.
const TABLES_PER_CALL: u32 = 4;
/// Providers for whose reserved calls the pool has room beside what is shared. More providers
/// reserve from what is shared.
const PROVIDERS: u32 = 32;
/// All that 32 bits can name: a memory with so much address space needs no check of each access.
const WHOLE_MEMORY: u64 = 4 << 30;
/// Address space between memories.
const GUARD: u64 = 32 << 20;
/// Half of the address space that processors of today commonly give a process.
const ADDRESSES_MAX: u64 = 64 << 40;
/// The bytes of a memory and a table that stay mapped between calls: resetting it is cheaper than
/// mapping it again, if the kernel can say which pages were touched. A question of 200 KB and what
/// a provider makes of it fit in; as many places keep so much as had large questions at once.
const MEMORY_RESIDENT: usize = 512 << 10;
const TABLE_RESIDENT: usize = 16 << 10;

/// The engine and the thread that ticks for it until the last clone is dropped.
#[derive(Clone)]
pub(super) struct Engine {
    engine: wasmtime::Engine,
    /// The address space of each memory, in bytes: compiled code relies on it.
    memory_reservation: u64,
    room: Room,
    memory: Budget,
    _ticker: Arc<Ticker>,
}

impl Engine {
    /// Builds the engine.
    ///
    /// A pool reserves address space for all calls at once. Where the system refuses that (a
    /// container's limit, a small address space), it reserves less; else memory is mapped for each
    /// call, which is slower and otherwise the same.
    ///
    /// # Errors
    /// When this machine can't run WebAssembly at all.
    pub(super) fn new(config: &PluginConfig) -> anyhow::Result<Self> {
        let build = |memories| {
            let engine = wasmtime::Engine::new(&engine_config(config, memories))?;
            Ok((engine, memory_reservation(config, memories)))
        };
        let built = build(Memories::Whole).or_else(|_| build(Memories::Tight)).or_else(
            |error: wasmtime::Error| {
                warn!("Plugin memory can't be pooled, so each call maps its own: {error:#}");
                build(Memories::Mapped)
            },
        );
        let (engine, memory_reservation) = built.map_err(|error| anyhow::anyhow!("{error:#}"))?;
        let ticker = Ticker::start(&engine)?;
        let room = Room::new(parts(config));
        let memory = Budget::new(config.total_memory);
        Ok(Self { engine, memory_reservation, room, memory, _ticker: Arc::new(ticker) })
    }

    /// Returns what [`compiling_engine`] has to know.
    pub(super) fn memory_reservation(&self) -> u64 {
        self.memory_reservation
    }

    /// Returns the room for calls.
    pub(super) fn room(&self) -> &Room {
        &self.room
    }

    /// Returns the budget of all guests' memories, in bytes.
    pub(super) fn memory(&self) -> &Budget {
        &self.memory
    }
}

impl Deref for Engine {
    type Target = wasmtime::Engine;

    fn deref(&self) -> &wasmtime::Engine {
        &self.engine
    }
}

/// The source of guests' memories.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Memories {
    /// A pool with address space for whatever a guest can name.
    Whole,
    /// A pool with address space for as much as a guest may use.
    Tight,
    /// The system, for each call.
    Mapped,
}

/// The parts that the pool has.
fn parts(config: &PluginConfig) -> PoolParts {
    let calls = u64::from(calls(config));
    PoolParts {
        instances: calls,
        memories: calls.saturating_mul(MEMORIES_PER_CALL.into()),
        tables: calls.saturating_mul(TABLES_PER_CALL.into()),
    }
}

/// Calls that the pool has room for. Two providers may have `LLM_MAX_CALLS` under way and more find
/// their reserved places.
fn calls(config: &PluginConfig) -> u32 {
    let count = |calls| u32::try_from(calls).unwrap_or(u32::MAX);
    let reserved = count(config.limits.reserved_calls()).saturating_mul(PROVIDERS);
    count(config.limits.raw(Limit::Calls)).saturating_mul(2).saturating_add(reserved)
}

/// Builds an engine that only compiles, for one that runs with so much address space for each
/// memory: it has no pool and no clock.
///
/// # Errors
/// When this machine can't run WebAssembly at all.
pub(super) fn compiling_engine(memory_reservation: u64) -> anyhow::Result<wasmtime::Engine> {
    let engine = wasmtime::Engine::new(&code_config(memory_reservation));
    engine.map_err(|error| anyhow::anyhow!("{error:#}"))
}

/// The settings that decide about compiled code, and no others.
fn code_config(memory_reservation: u64) -> Config {
    let mut engine = Config::new();
    engine.wasm_component_model(true);
    // Contracts are synchronous for guests, so the machinery for WASI 0.3 would only cost.
    engine.concurrency_support(false);
    engine.epoch_interruption(true);
    engine.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(16));
    engine.memory_reservation(memory_reservation);
    engine.memory_guard_size(GUARD);
    engine.memory_reservation_for_growth(GUARD);
    engine
}

fn memory_reservation(config: &PluginConfig, memories: Memories) -> u64 {
    match memories {
        Memories::Whole
            if parts(config).memories.saturating_mul(WHOLE_MEMORY + GUARD) <= ADDRESSES_MAX =>
        {
            WHOLE_MEMORY
        }
        _ => config.limits.raw(Limit::Memory).next_multiple_of(PAGE_BYTES),
    }
}

fn engine_config(config: &PluginConfig, memories: Memories) -> Config {
    let mut engine = code_config(memory_reservation(config, memories));
    if memories != Memories::Mapped {
        engine.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(config)));
    }
    engine
}

fn pool(config: &PluginConfig) -> PoolingAllocationConfig {
    let calls = calls(config);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls);
    pool.total_stacks(calls);
    // Nothing is set aside for these, so each component may have as many as one may.
    pool.total_core_instances(calls.saturating_mul(PARTS_MAX));
    pool.total_memories(calls.saturating_mul(MEMORIES_PER_CALL));
    pool.total_tables(calls.saturating_mul(TABLES_PER_CALL));
    pool.max_core_instances_per_component(PARTS_MAX);
    pool.max_memories_per_component(PARTS_MAX);
    pool.max_tables_per_component(PARTS_MAX);
    pool.max_memory_size(config.limits.memory().next_multiple_of(PAGE_BYTES as usize));
    pool.table_elements(TABLE_ELEMENTS_MAX);
    // Without the kernel's help (Linux 6.7), keeping pages costs more than it saves.
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Yes);
        pool.linear_memory_keep_resident(MEMORY_RESIDENT);
        pool.table_keep_resident(TABLE_RESIDENT);
    }
    pool
}

/// The thread that advances the engine's epoch. Dropping it ends the thread.
struct Ticker {
    stop: Option<mpsc::SyncSender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Ticker {
    fn start(engine: &wasmtime::Engine) -> std::io::Result<Self> {
        let (stop, stopping) = mpsc::sync_channel(0);
        let engine = engine.weak();
        let thread = thread::Builder::new().name("epoch".into()).spawn(move || {
            while stopping.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
                let Some(engine) = engine.upgrade() else { break };
                engine.increment_epoch();
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            warn!("The epoch thread had panicked");
        }
    }
}
