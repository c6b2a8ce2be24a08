//! Bounds of the sandbox that no setting changes: the engine's pool, the admission of components
//! and the accounting of calls agree on them.

use std::time::Duration;

/// The period of the engine's clock: how long a guest that computes holds a thread before others
/// get their turn.
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
/// The most random bytes that a guest gets at once. Programs ask for a key or a seed.
pub(super) const RANDOM_BYTES_MAX: u64 = 64 << 10;
/// The most bytes that a guest writes to a standard stream at once: what the stream permits.
pub(super) const STREAM_WRITE_MAX: usize = 64 << 10;
/// The most pollables that a guest waits for at once.
pub(super) const POLLABLES_MAX: usize = 1_024;
/// The longest name of a setting or a header that a guest asks for, in bytes.
pub(super) const NAME_MAX: usize = 4 << 10;
/// The most fields of one line of log. What goes beyond is left out of the line.
pub(super) const LOG_FIELDS_MAX: usize = 64;
