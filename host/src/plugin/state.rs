//! What one call owns while it runs: the `T` of its `Store`. Made for the call and dropped with it,
//! so nothing of one caller is there for the next; where an operator lets an instance answer
//! several calls, each begins with its own way out, log and limits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::{Resource, ResourceTable, ResourceTableError};
use wasmtime::{ResourceLimiter, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::bindings::arete::provider::http::{Header, HttpError, HttpRequest, SseEvent};
use super::bindings::arete::provider::{config, http, llm, log};
use super::definition::Definition;
use super::engine::TICK;
use super::guest_log::GuestLog;
use super::outbound::{Outbound, Reply};
use crate::config::{Limit, Limits};

/// Instances, memories and tables of one component. Python, the largest, has 25 instances.
pub(super) const PARTS_MAX: usize = 64;
/// Entries of one table: what the pool allots. Python has 5,674, StarlingMonkey 7,692.
pub(super) const TABLE_ELEMENTS_MAX: usize = 20_000;

/// One call's own.
pub(crate) struct CallState {
    definition: Arc<Definition>,
    /// Made when the guest first uses any of it: those that import none, or don't use it, go
    /// without.
    wasi: Option<WasiCtx>,
    table: ResourceTable,
    pub(super) outbound: Outbound,
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
    pub(super) fn new(definition: Arc<Definition>, outbound: Outbound, log: GuestLog) -> Self {
        let mut table = ResourceTable::new();
        let limits = &definition.limits;
        table.set_max_capacity(limits.size(Limit::Handles));
        Self {
            memory_left: limits.size(Limit::Memory),
            cpu_left: limits.time(Limit::Cpu),
            definition,
            wasi: None,
            table,
            outbound,
            log,
            resumed: Instant::now(),
            replies: 0,
            exceeded: None,
        }
    }

    /// Another call begins. Memory that the guest has stays counted.
    pub(super) fn renew(&mut self, outbound: Outbound) {
        self.outbound = outbound;
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

    fn reply(&mut self, this: &Resource<Reply>) -> Result<&mut Reply, ResourceTableError> {
        self.table.get_mut(this)
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
        PARTS_MAX
    }

    fn tables(&self) -> usize {
        PARTS_MAX
    }

    fn memories(&self) -> usize {
        PARTS_MAX
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

impl llm::Host for CallState {}

impl config::Host for CallState {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        Ok(self.definition.config.get(&key).cloned())
    }
}

impl log::Host for CallState {
    fn write(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<log::Field>,
    ) -> wasmtime::Result<()> {
        self.log.write(level, &message, &fields);
        Ok(())
    }
}

impl http::Host for CallState {
    async fn send(
        &mut self,
        request: HttpRequest,
    ) -> wasmtime::Result<Result<Resource<Reply>, HttpError>> {
        self.pause();
        let sent = self.outbound.send(request).await;
        self.resume();
        Ok(match sent {
            Ok(reply) => {
                let reply = self.table.push(reply)?;
                self.replies += 1;
                Ok(reply)
            }
            Err(error) => Err(error),
        })
    }
}

impl http::HostReply for CallState {
    fn status(&mut self, this: Resource<Reply>) -> wasmtime::Result<u16> {
        Ok(self.reply(&this)?.status())
    }

    fn headers(&mut self, this: Resource<Reply>) -> wasmtime::Result<Vec<Header>> {
        Ok(self.reply(&this)?.headers())
    }

    fn find_header(
        &mut self,
        this: Resource<Reply>,
        name: String,
    ) -> wasmtime::Result<Option<String>> {
        Ok(self.reply(&this)?.header(&name))
    }

    async fn read_text(
        &mut self,
        this: Resource<Reply>,
    ) -> wasmtime::Result<Result<String, HttpError>> {
        self.pause();
        let text = self.reply(&this)?.text().await;
        self.resume();
        Ok(text)
    }

    async fn read_bytes(
        &mut self,
        this: Resource<Reply>,
    ) -> wasmtime::Result<Result<Vec<u8>, HttpError>> {
        self.pause();
        let bytes = self.reply(&this)?.bytes().await;
        self.resume();
        Ok(bytes)
    }

    async fn read(
        &mut self,
        this: Resource<Reply>,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, HttpError>> {
        self.pause();
        let bytes = self.reply(&this)?.read(max).await;
        self.resume();
        Ok(bytes)
    }

    async fn next_event(
        &mut self,
        this: Resource<Reply>,
    ) -> wasmtime::Result<Result<Option<SseEvent>, HttpError>> {
        self.pause();
        let event = self.reply(&this)?.next_event().await;
        self.resume();
        Ok(event)
    }

    async fn next_events(
        &mut self,
        this: Resource<Reply>,
    ) -> wasmtime::Result<Result<Vec<SseEvent>, HttpError>> {
        self.pause();
        let events = self.reply(&this)?.next_events().await;
        self.resume();
        Ok(events)
    }

    async fn next_line(
        &mut self,
        this: Resource<Reply>,
    ) -> wasmtime::Result<Result<Option<String>, HttpError>> {
        self.pause();
        let line = self.reply(&this)?.next_line().await;
        self.resume();
        Ok(line)
    }

    fn drop(&mut self, this: Resource<Reply>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        self.replies -= 1;
        Ok(())
    }
}
