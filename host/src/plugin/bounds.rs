//! Bounds of the sandbox that no setting changes: the engine's pool, the admission of components
//! and the accounting of calls agree on them.

use std::time::Duration;

/// The period of the engine's clock: how long a guest that computes holds a thread before others
/// get their turn, and the most that is charged to it at once.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// The most core instances, memories and tables, each, of one component. Python, the largest, has
/// 25 instances.
pub(super) const PARTS_MAX: u32 = 64;
/// The most elements of one table: what the pool allots. Python has 5,674, StarlingMonkey 7,692.
pub(super) const TABLE_ELEMENTS_MAX: usize = 20_000;
/// The largest component, in bytes. StarlingMonkey and Python make some of 12 to 22 MiB.
pub(super) const COMPONENT_BYTES_MAX: u64 = 64 << 20;
/// Bytes in one page of a guest's memory.
pub(super) const PAGE_BYTES: u64 = 64 << 10;
