//! The division of what the machine has: of memory between the sums that are bounded, and of
//! descriptors between clients, vendors and files.

use super::machine::Machine;
use super::units::{GIB, MIB};

/// The most address space that compiling one component takes by default. About half of it is in
/// use: a Python component takes 1 to 1.5 GiB, and half a GiB of memory.
const COMPILE_MEMORY_MAX: u64 = 2 * GIB;
/// The least memory for guests that a start plans with.
const GUESTS_MIN: u64 = 128 * MIB;
/// The most components that are compiled at once, whatever the memory.
const COMPILING_MAX: u64 = 6;
/// The connections that stand by beyond those that have a place.
pub(super) const STANDBY: usize = 32;
/// The connections of those who read the metrics at an address of their own.
pub(super) const METRICS_READERS: usize = 8;
/// Descriptors for the program's own files, signals and compilers, and for readers of the metrics.
const FILES: u64 = 64;

/// The most that one of those who share a budget may hold, as a multiple of what is left for all.
pub(crate) const MULTIPLE_OF_REST: u64 = 3;

/// Returns the most that one can hold of a shared budget while nobody else holds any.
pub(super) fn largest_part(total: u64) -> u64 {
    const PARTS: u64 = MULTIPLE_OF_REST + 1;
    // The remainder apart: the product could be too large for the type.
    total / PARTS * MULTIPLE_OF_REST + total % PARTS * MULTIPLE_OF_REST / PARTS
}

/// The default address space for compiling one component.
pub(super) fn compile_memory(machine: &Machine) -> u64 {
    whole_mib(machine.memory.min(COMPILE_MEMORY_MAX)).max(256 * MIB)
}

/// The components that are compiled at once: three eighths of the memory are for compiling.
pub(super) fn compiling_at_once(machine: &Machine, compile_memory: u64) -> usize {
    let at_once = machine.memory / 8 * 3 / in_use(compile_memory).max(1);
    usize::try_from(at_once.clamp(1, COMPILING_MAX)).unwrap_or(1)
}

/// The default sum of all bodies of requests under way: a sixteenth of the memory, and room for two
/// of the largest.
pub(super) fn body_memory(machine: &Machine, body_limit: usize) -> u64 {
    whole_mib(machine.memory / 16).max((body_limit as u64).saturating_mul(2))
}

/// The default sum of all guests' memories: what the others leave.
pub(super) fn guest_memory(machine: &Machine, others: u64) -> u64 {
    whole_mib(machine.memory.saturating_sub(others)).max(GUESTS_MIN)
}

/// The memory of the process itself and of what it makes of bodies and answers: an eighth.
pub(super) fn process_memory(machine: &Machine) -> u64 {
    machine.memory / 8
}

/// The memory that compiling may take, over all compilers.
pub(super) fn compiling_memory(compile_memory: u64, at_once: usize) -> u64 {
    in_use(compile_memory).saturating_mul(at_once as u64)
}

fn in_use(compile_memory: u64) -> u64 {
    compile_memory / 2
}

fn whole_mib(bytes: u64) -> u64 {
    bytes / MIB * MIB
}

/// The budgets of memory that a start promises, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryShares {
    /// Bodies of requests under way.
    pub bodies: u64,
    /// Memories of all guests.
    pub guests: u64,
    /// All compilers.
    pub compiling: u64,
    /// Answers kept in memory.
    pub cache: u64,
    /// The process itself, and what it makes of bodies and answers.
    pub process: u64,
}

impl MemoryShares {
    /// Returns the sum of all.
    pub fn sum(&self) -> u64 {
        let Self { bodies, guests, compiling, cache, process } = *self;
        [bodies, guests, compiling, cache, process].into_iter().fold(0, u64::saturating_add)
    }
}

/// The descriptors that a start promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescriptorShares {
    /// The program's own files.
    pub files: u64,
    /// Connections to vendors.
    pub vendors: u64,
    /// Connections of clients that have a place.
    pub clients: u64,
    /// Connections of clients that stand by for a place, and for health.
    pub standby: u64,
}

impl DescriptorShares {
    /// Divides descriptors. A client's connection asks for one answer at a time, which takes one
    /// connection to a vendor, so both have as many; clients never more than the settings say.
    pub fn new(descriptors: u64, max_connections: usize) -> Self {
        let files = FILES.min(descriptors / 4);
        let half = (descriptors - files) / 2;
        let standby = (STANDBY as u64).min(half / 4).max(1);
        let clients = half.saturating_sub(standby).min(max_connections as u64).max(1);
        let vendors = descriptors.saturating_sub(files + clients + standby);
        Self { files, vendors, clients, standby }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, MemoryOf, ServerConfig, Vars};

    fn shares(memory: u64) -> (MemoryShares, usize) {
        let machine = Machine { memory, memory_of: MemoryOf::Machine };
        let config = Config::parse(&Vars::default(), &machine).unwrap();
        (config.memory_shares(), config.plugins.compile.at_once)
    }

    #[test]
    fn what_a_start_promises_by_default_is_there() {
        for gib in [1, 2, 3, 4, 6, 8, 16, 23, 64, 1_024] {
            let (shares, compiling) = shares(gib * GIB);
            assert!(shares.sum() <= gib * GIB, "{gib} GiB: {shares:?}");
            assert!(256 * MIB <= shares.guests && 1 <= compiling, "{gib} GiB: {shares:?}");
        }
        let (small, compiling) = shares(2 * GIB);
        assert_eq!((small.compiling, compiling), (GIB, 1));
        assert_eq!(shares(8 * GIB).1, 3);
    }

    #[test]
    fn the_largest_part_is_never_too_large_for_its_type() {
        assert_eq!(largest_part(100), 75);
        assert_eq!(largest_part(7), 5);
        assert_eq!(largest_part(u64::MAX), u64::MAX / 4 * 3 + 2);
    }

    #[test]
    fn where_there_are_few_connections_there_are_fewer_long_requests() {
        let machine = Machine { memory: GIB, memory_of: MemoryOf::Machine };
        let mut server = Config::parse(&Vars::default(), &machine).unwrap().server;
        server.fit(&DescriptorShares::new(20_000, server.max_connections));
        assert_eq!((server.max_bodies, server.max_event_streams), (1_024, 256));
        server.fit(&DescriptorShares::new(256, server.max_connections));
        let ServerConfig { max_connections, max_bodies, max_event_streams, .. } = server;
        assert_eq!((max_connections, max_bodies, max_event_streams), (72, 18, 18));
        server.fit(&DescriptorShares::new(20_000, 1));
        assert_eq!((server.max_bodies, server.max_event_streams), (1, 1));
    }

    #[test]
    fn descriptors_are_divided_with_some_for_each() {
        let of = |descriptors, connections| {
            let DescriptorShares { files, vendors, clients, standby } =
                DescriptorShares::new(descriptors, connections);
            assert!(files + vendors + clients + standby <= descriptors);
            (files, vendors, clients, standby)
        };
        assert_eq!(of(256, 8_192), (64, 96, 72, 24));
        assert_eq!(of(20_000, 8_192), (64, 11_712, 8_192, 32));
        assert_eq!(of(1_024, 100), (64, 828, 100, 32));
        assert_eq!(of(16, 8_192), (4, 6, 5, 1));
        assert_eq!(of(u64::MAX, 8_192).2, 8_192);
    }
}
