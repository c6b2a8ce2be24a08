//! Memory for providers without WASI.
//!
//! The allocator that Rust has there asks the host for more memory at its first use, which costs a
//! call as much as all else that it allocates, and leaves unused what the linker gave. talc does
//! the work here; this only has it begin with what is there.

use std::alloc::Layout;
use std::arch::wasm32::{memory_grow, memory_size};
use std::ptr;

use talc::base::Talc;
use talc::base::binning::Binning;
use talc::cell::TalcSyncCell;
use talc::source::Source;
use talc::wasm::WasmBinning;

/// How much memory a page of WebAssembly is.
const PAGE: usize = 64 << 10;

#[global_allocator]
static ALLOCATOR: TalcSyncCell<Memory, WasmBinning> =
    TalcSyncCell::new_wasm(Memory { begun: false });

unsafe extern "C" {
    /// Where the linker says that the heap begins. It is no value: its address counts.
    static __heap_base: u8;
}

/// What the linker left behind the data, and then what the host grants.
#[derive(Debug)]
struct Memory {
    begun: bool,
}

// SAFETY: it allocates nothing itself, and claims only memory that is nobody else's: what lies
// behind the heap's base when the guest begins, once, and what was just granted.
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
