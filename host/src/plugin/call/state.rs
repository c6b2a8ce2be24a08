//! The state that one call owns while it runs: the `T` of its `Store`. Made for the call and
//! dropped with it, so nothing of one caller is there for the next; where an operator lets an
//! instance answer several calls, each begins with its own way out, log and limits.

use std::sync::Arc;
use wasmtime::component::{Resource, ResourceTable, ResourceTableError};
use wasmtime::{ResourceLimiter, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::charge::Account;
use super::context::CallContext;
use super::guest_log::GuestLog;
use crate::budget::Charge;
use crate::config::{Limit, Limits};
use crate::egress::{CallEgress, PendingReply, Reply};
use crate::plugin::bounds::{PARTS_MAX, RANDOM_BYTES_MAX, TABLE_ELEMENTS_MAX};
use crate::plugin::definition::Definition;
use crate::plugin::engine::Engine;
use crate::plugin::error::Full;

/// One call's own.
pub(crate) struct CallState {
    definition: Arc<Definition>,
    /// Made when the guest first uses any of it: those that import none, or don't use it, go
    /// without.
    wasi: Option<WasiCtx>,
    table: ResourceTable,
    pub(super) egress: CallEgress,
    pub(super) context: CallContext,
    pub(super) log: GuestLog,
    memory_left: usize,
    /// The part of the memory for all calls that this one holds.
    memory: Charge,
    /// True if this one was refused memory because of the others.
    crowded_out: bool,
    account: Account,
    /// Answers of vendors that the guest holds, and requests that it has under way.
    replies: usize,
    /// The limit that was met. A guest that may not grow its memory ends in the same trap as one
    /// that panics; this tells them apart.
    pub(super) exceeded: Option<Limit>,
}

impl CallState {
    pub(super) fn new(
        definition: Arc<Definition>,
        egress: CallEgress,
        context: CallContext,
        log: GuestLog,
        engine: &Engine,
    ) -> Self {
        let mut table = ResourceTable::new();
        let limits = &definition.limits;
        table.set_max_capacity(limits.handles());
        Self {
            memory_left: limits.memory(),
            memory: engine.memory().open(&definition.id),
            crowded_out: false,
            account: Account::new(limits.cpu()),
            definition,
            wasi: None,
            table,
            egress,
            context,
            log,
            replies: 0,
            exceeded: None,
        }
    }

    /// Another call begins. Memory that the guest has stays counted.
    pub(super) fn renew(&mut self, egress: CallEgress, context: CallContext) {
        self.egress = egress;
        self.context = context;
        self.log.renew(&self.definition.limits);
        self.account.renew();
        self.exceeded = None;
        self.crowded_out = false;
    }

    /// Returns true if the guest holds an answer of a vendor, and by it perhaps a connection.
    pub(super) fn holds_replies(&self) -> bool {
        self.replies > 0
    }

    /// Bytes of the guest's memories.
    pub(super) fn memory(&self) -> usize {
        self.limits().memory().saturating_sub(self.memory_left)
    }

    /// Returns the memory for all calls, if too little of it was left for this one.
    pub(super) fn full(&self) -> Option<Full> {
        self.crowded_out.then(|| Full::Memory { total: self.memory.budget().total() })
    }

    /// Takes memory out of the budget of all calls.
    fn take_memory(&mut self, bytes: usize) -> bool {
        let taken = self.memory.grow(bytes as u64);
        self.crowded_out |= !taken;
        taken
    }

    /// Returns the limits of the call.
    pub(super) fn limits(&self) -> &Limits {
        &self.definition.limits
    }

    /// Returns the account of the guest's computing time.
    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    /// Charges what the guest has computed, host functions included, at each tick of the engine's
    /// clock; ends the guest if that is too much, and else gives others their turn.
    pub(super) fn tick(&mut self) -> UpdateDeadline {
        self.account.charge();
        if self.account.is_spent() {
            self.exceeded = Some(Limit::Cpu);
            return UpdateDeadline::Interrupt;
        }
        UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))
    }

    /// Hands a reply over to the guest.
    pub(super) fn keep_reply(
        &mut self,
        reply: Reply,
    ) -> Result<Resource<Reply>, ResourceTableError> {
        let reply = self.table.push(reply)?;
        self.replies += 1;
        Ok(reply)
    }

    /// Returns a reply that the guest holds.
    pub(super) fn reply(
        &mut self,
        this: &Resource<Reply>,
    ) -> Result<&mut Reply, ResourceTableError> {
        self.table.get_mut(this)
    }

    /// Takes a reply back from the guest, and with it the connection.
    pub(super) fn drop_reply(&mut self, this: Resource<Reply>) -> Result<(), ResourceTableError> {
        self.table.delete(this)?;
        self.replies -= 1;
        Ok(())
    }

    /// Hands a request under way over to the guest.
    pub(super) fn keep_pending(
        &mut self,
        pending: PendingReply,
    ) -> Result<Resource<PendingReply>, ResourceTableError> {
        let pending = self.table.push(pending)?;
        self.replies += 1;
        Ok(pending)
    }

    /// Returns a request that the guest has under way.
    pub(super) fn pending(
        &mut self,
        this: &Resource<PendingReply>,
    ) -> Result<&mut PendingReply, ResourceTableError> {
        self.table.get_mut(this)
    }

    /// Takes a request back from the guest, and ends it.
    pub(super) fn drop_pending(
        &mut self,
        this: Resource<PendingReply>,
    ) -> Result<(), ResourceTableError> {
        self.table.delete(this)?;
        self.replies -= 1;
        Ok(())
    }

    /// Returns all settings that the operator gave the provider, in the order of their keys.
    pub(super) fn settings(&self) -> Vec<(String, String)> {
        self.definition.config.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Returns a setting that the operator gave the provider.
    pub(super) fn setting(&self, key: &str) -> Option<&String> {
        self.definition.config.get(key)
    }
}

impl ResourceLimiter for CallState {
    /// Sums over all memories: wasmtime's own limiter bounds each one by itself.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let Some(left) = self.memory_left.checked_sub(more) else {
            self.exceeded = Some(Limit::Memory);
            return Ok(false);
        };
        if !self.take_memory(more) {
            return Ok(false);
        }
        self.memory_left = left;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current).saturating_mul(size_of::<usize>());
        Ok(desired <= TABLE_ELEMENTS_MAX && self.take_memory(more))
    }

    fn instances(&self) -> usize {
        PARTS_MAX as usize
    }

    fn tables(&self) -> usize {
        PARTS_MAX as usize
    }

    fn memories(&self) -> usize {
        PARTS_MAX as usize
    }
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let ctx = self.wasi.get_or_insert_with(|| {
            WasiCtx::builder()
                .stdout(self.log.stream("stdout"))
                .stderr(self.log.stream("stderr"))
                .allow_tcp(false)
                .allow_udp(false)
                .allow_ip_name_lookup(false)
                .max_random_size(RANDOM_BYTES_MAX)
                .build()
        });
        WasiCtxView { ctx, table: &mut self.table }
    }
}
