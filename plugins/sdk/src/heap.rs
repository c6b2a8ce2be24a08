//! Memory for providers without WASI.
//!
//! The allocator that Rust has there asks the host for more memory at its first use, which costs a
//! call as much as all else that it allocates, and leaves unused what the linker gave. talc does
//! the work here; this only has it begin with what is there.
//!
//! This is the only hand-written `unsafe` code among the providers. An allocator can't be written
//! without it, and it runs inside the sandbox: a mistake here can break the guest's own memory, and
//! nothing of the host or of another call.

#![allow(unsafe_code, reason = "an allocator claims raw memory; see above")]

use std::alloc::Layout;
use std::arch::wasm32::{memory_grow, memory_size};
use std::ptr;

use talc::base::Talc;
use talc::base::binning::Binning;
use talc::cell::TalcSyncCell;
use talc::source::Source;
use talc::wasm::WasmBinning;

/// The size of a WebAssembly page in bytes.
const PAGE: usize = 64 << 10;

#[global_allocator]
static ALLOCATOR: TalcSyncCell<Memory, WasmBinning> =
    TalcSyncCell::new_wasm(Memory { begun: false });

unsafe extern "C" {
    /// The start of the heap, set by the linker. Only the address is meaningful, not the value.
    static __heap_base: u8;
}

/// The source of memory: first the space that the linker left after the data, then what the host
/// grants.
#[derive(Debug)]
struct Memory {
    begun: bool,
}

// SAFETY: `acquire` allocates nothing itself and claims only memory that has no other owner: once,
// the space from the heap's base to the end of memory when the guest starts, and afterwards only
// pages that were just granted.
unsafe impl Source for Memory {
    #[cold]
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let (start, end) = if talc.source.begun {
            let pages = (layout.size() + layout.align()).div_ceil(PAGE) + 1;
            let before = memory_grow(0, pages);
            if before == usize::MAX {
                return Err(());
            }
            (before * PAGE, (before + pages) * PAGE)
        } else {
            talc.source.begun = true;
            ((&raw const __heap_base).addr(), memory_size(0) * PAGE)
        };
        // SAFETY: as above.
        let claimed = unsafe { talc.claim(ptr::with_exposed_provenance_mut(start), end - start) };
        claimed.map(drop).ok_or(())
    }
}
