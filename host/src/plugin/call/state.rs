//! What one call owns while it runs: the `T` of its `Store`. Made for the call and dropped with it,
//! so nothing of one caller is there for the next; where an operator lets an instance answer
//! several calls, each begins with its own way out, log and limits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::{Resource, ResourceTable, ResourceTableError};
use wasmtime::{ResourceLimiter, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::guest_log::GuestLog;
use crate::config::{Limit, Limits};
use crate::egress::{CallEgress, Reply};
use crate::plugin::bounds::{PARTS_MAX, TABLE_ELEMENTS_MAX, TICK};
use crate::plugin::definition::Definition;

/// One call's own.
pub(crate) struct CallState {
    definition: Arc<Definition>,
    /// Made when the guest first uses any of it: those that import none, or don't use it, go
    /// without.
    wasi: Option<WasiCtx>,
    table: ResourceTable,
    pub(super) egress: CallEgress,
    pub(super) log: GuestLog,
    memory_left: usize,
    cpu_left: Duration,
    /// When the guest last began to compute.
    resumed: Instant,
    /// Answers of vendors that the guest holds.
    replies: usize,
    /// The limit that was met. A guest that may not grow its memory ends in the same trap as one
    /// that panics; this tells them apart.
    pub(super) exceeded: Option<Limit>,
}

impl CallState {
    pub(super) fn new(definition: Arc<Definition>, egress: CallEgress, log: GuestLog) -> Self {
        let mut table = ResourceTable::new();
        let limits = &definition.limits;
        table.set_max_capacity(limits.size(Limit::Handles));
        Self {
            memory_left: limits.size(Limit::Memory),
            cpu_left: limits.time(Limit::Cpu),
            definition,
            wasi: None,
            table,
            egress,
            log,
            resumed: Instant::now(),
            replies: 0,
            exceeded: None,
        }
    }

    /// Another call begins. Memory that the guest has stays counted.
    pub(super) fn renew(&mut self, egress: CallEgress) {
        self.egress = egress;
        self.log.renew(&self.definition.limits);
        self.cpu_left = self.definition.limits.time(Limit::Cpu);
        self.exceeded = None;
    }

    /// Whether the guest holds an answer of a vendor, and by it perhaps a connection.
    pub(super) fn holds_replies(&self) -> bool {
        self.replies > 0
    }

    /// Bytes of the guest's memories.
    pub(super) fn memory(&self) -> usize {
        self.limits().size(Limit::Memory).saturating_sub(self.memory_left)
    }

    /// What the call may use.
    pub(super) fn limits(&self) -> &Limits {
        &self.definition.limits
    }

    /// The guest begins, or goes on, to compute.
    pub(super) fn resume(&mut self) {
        self.resumed = Instant::now();
    }

    /// The guest stops computing, because it has answered or waits for the host: charges the time
    /// it has computed, so that none computes for nothing by stopping between two ticks. A tick
    /// is the most that is charged at once, because the time since may have been spent waiting
    /// where we don't see it: in line for a thread, or in a clock of WASI.
    pub(super) fn pause(&mut self) {
        self.cpu_left = self.cpu_left.saturating_sub(self.resumed.elapsed().min(TICK));
        self.resume();
    }

    /// Called at each tick while the guest computes, and once when it goes on after waiting.
    pub(super) fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        self.pause();
        if self.cpu_left.is_zero() {
            self.exceeded = Some(Limit::Cpu);
            return Ok(UpdateDeadline::Interrupt);
        }
        // Lets other requests on this thread go on before the guest does.
        Ok(UpdateDeadline::Yield(1))
    }

    /// Does work of the host for the guest, which waits meanwhile: the guest isn't charged for it.
    pub(super) async fn host_work<T>(&mut self, work: impl AsyncFnOnce(&mut Self) -> T) -> T {
        self.pause();
        let done = work(self).await;
        self.resume();
        done
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
        self.memory_left = left;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
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
                .build()
        });
        WasiCtxView { ctx, table: &mut self.table }
    }
}
