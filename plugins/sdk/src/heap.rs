//! Memory for providers without WASI.
//!
//! The allocator that Rust has there asks the host for more memory at its first use, which costs a call as much as all else
//! that it allocates, and leaves unused what the linker gave. This one begins with what is there, and is small: a size
//! belongs to a class, and what is freed is kept in its class's list for the next of that class. Blocks are never joined,
//! so the worst case is memory for the most there ever was of each class; an instance doesn't live long enough to mind.

use std::ptr;

/// What every block begins at a multiple of.
const ALIGN: usize = 16;
/// Up to here, classes are [`ALIGN`] apart. Above, there are four to each doubling.
const SMALL_MAX: usize = 128;
const SMALL_CLASSES: usize = SMALL_MAX / ALIGN;
const CLASSES: usize = SMALL_CLASSES + 4 * (usize::BITS as usize - SMALL_MAX.ilog2() as usize);

/// Blocks of memory from `next` to `end`, and those that were given back.
pub(crate) struct Heap {
    next: usize,
    end: usize,
    /// Each list is linked through the first word of its blocks. Zero ends it.
    free: [usize; CLASSES],
}

impl Heap {
    /// Without memory of its own yet.
    pub(crate) const fn new() -> Self {
        Self { next: 0, end: 0, free: [0; CLASSES] }
    }

    /// Gives it memory from `start`, or more memory up to `end`.
    pub(crate) fn extend(&mut self, start: usize, end: usize) {
        if self.next == 0 {
            self.next = start.next_multiple_of(ALIGN);
        }
        self.end = end;
    }

    /// A block, or how much memory is missing for one.
    ///
    /// # Safety
    /// All that was given to `extend` has to be memory that nobody else uses.
    pub(crate) unsafe fn take(&mut self, size: usize, align: usize) -> Result<usize, usize> {
        let (class, size) = class(size);
        if align <= ALIGN
            && let Some(first) = self.free.get_mut(class)
            && *first != 0
        {
            let block = *first;
            // SAFETY: a block in a list is ours, and `give_back` has written its first word.
            *first = unsafe { ptr::with_exposed_provenance::<usize>(block).read() };
            return Ok(block);
        }
        let block = self.next.next_multiple_of(align.max(ALIGN));
        let end = block.saturating_add(size);
        if self.end < end {
            return Err(end - self.end);
        }
        self.next = end;
        Ok(block)
    }

    /// Takes a block back.
    ///
    /// # Safety
    /// The block comes from `take` with this size, and isn't used any more.
    pub(crate) unsafe fn give_back(&mut self, block: usize, size: usize) {
        let (class, size) = class(size);
        if block + size == self.next {
            self.next = block;
        } else if let Some(first) = self.free.get_mut(class) {
            // SAFETY: nobody uses the block, which has room for a word and is aligned for one.
            unsafe { ptr::with_exposed_provenance_mut::<usize>(block).write(*first) };
            *first = block;
        }
    }

    /// Whether the block could be given another size where it is.
    pub(crate) fn resize(&mut self, block: usize, old: usize, new: usize) -> bool {
        let ((_, old), (_, new)) = (class(old), class(new));
        let end = block.saturating_add(new);
        let last = block + old == self.next && end <= self.end;
        if last {
            self.next = end;
        }
        last || old == new
    }
}

/// The class of a size, and the size of its blocks.
fn class(size: usize) -> (usize, usize) {
    let last = size.saturating_sub(1);
    if size <= SMALL_MAX {
        return (last / ALIGN, last / ALIGN * ALIGN + ALIGN);
    }
    // The three highest bits: which doubling, and which quarter of it.
    let doubling = last.ilog2() as usize;
    let shift = doubling - 2;
    let quarters = last >> shift;
    let class = SMALL_CLASSES + (doubling - SMALL_MAX.ilog2() as usize) * 4 + (quarters - 4);
    (class, (quarters + 1) << shift)
}

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod global {
    use std::alloc::{GlobalAlloc, Layout};
    use std::arch::wasm32::{memory_grow, memory_size};
    use std::cell::UnsafeCell;
    use std::ptr;

    use super::Heap;

    /// How much memory a page of WebAssembly is.
    const PAGE: usize = 64 << 10;

    unsafe extern "C" {
        /// Where the linker says that the heap begins. It is no value: its address counts.
        static __heap_base: u8;
    }

    struct Allocator(UnsafeCell<Heap>);

    // SAFETY: a guest has one thread.
    unsafe impl Sync for Allocator {}

    #[global_allocator]
    static ALLOCATOR: Allocator = Allocator(UnsafeCell::new(Heap::new()));

    // SAFETY: `Heap` gives blocks that don't overlap, of the size and alignment asked for, and the memory from the heap's
    // base on is nobody else's.
    unsafe impl GlobalAlloc for Allocator {
        #[inline]
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: nothing that runs while it is borrowed allocates.
            let heap = unsafe { &mut *self.0.get() };
            // SAFETY: see `more`.
            match unsafe { heap.take(layout.size(), layout.align()) } {
                Ok(block) => ptr::with_exposed_provenance_mut(block),
                Err(_) => more(heap, layout),
            }
        }

        #[inline]
        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            // SAFETY: as above, and it is the caller's promise that the block is one of ours.
            unsafe { (*self.0.get()).give_back(block.addr(), layout.size()) }
        }

        #[inline]
        unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            // SAFETY: as above.
            if unsafe { (*self.0.get()).resize(block.addr(), layout.size(), size) } {
                return block;
            }
            // SAFETY: the layout is the caller's with another size, as `realloc` demands; both blocks are ours and apart.
            unsafe {
                let other = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
                if !other.is_null() {
                    ptr::copy_nonoverlapping(block, other, layout.size().min(size));
                    self.dealloc(block, layout);
                }
                other
            }
        }
    }

    /// Gives the heap what the linker left behind the data, or what the host grants, and takes the block from that.
    #[cold]
    #[inline(never)]
    fn more(heap: &mut Heap, layout: Layout) -> *mut u8 {
        heap.extend((&raw const __heap_base).addr(), memory_size(0) * PAGE);
        // SAFETY: the memory behind the heap's base is nobody else's, and what is grown neither.
        let missing = match unsafe { heap.take(layout.size(), layout.align()) } {
            Ok(block) => return ptr::with_exposed_provenance_mut(block),
            Err(missing) => missing,
        };
        let pages = missing.div_ceil(PAGE);
        let before = memory_grow(0, pages);
        if before == usize::MAX {
            return ptr::null_mut();
        }
        heap.extend(0, (before + pages).saturating_mul(PAGE));
        // SAFETY: as above.
        let block = unsafe { heap.take(layout.size(), layout.align()) };
        block.map_or(ptr::null_mut(), ptr::with_exposed_provenance_mut)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn classes_rise_and_waste_at_most_a_quarter() {
        let mut before = (0, 0);
        for size in (1..5_000).chain([1 << 20, (1 << 20) + 1, (3 << 29) + 7, 1 << 31]) {
            let (class, block) = class(size);
            assert!(class < CLASSES && size <= block && block % ALIGN == 0, "{size}");
            assert!(size <= SMALL_MAX || block - size <= size / 4, "{size}");
            assert!((class, block) >= before && (class == before.0) == (block == before.1) || before.1 == 0, "{size}");
            before = (class, block);
        }
        assert_eq!(super::class(0), super::class(1));
    }

    #[test]
    fn memory_that_was_given_back_is_used_again() {
        let mut memory = vec![0_u128; 4096];
        let start = memory.as_mut_ptr().expose_provenance();
        let mut heap = Heap::new();
        assert!(unsafe { heap.take(1, 1) }.is_err());
        heap.extend(start, start + (64 << 10));
        for _ in 0..10_000 {
            let blocks = [10, 1_000, 100, 20_000].map(|size| (unsafe { heap.take(size, 8) }.unwrap(), size));
            blocks.iter().for_each(|(block, size)| unsafe { heap.give_back(*block, *size) });
        }
        assert_eq!(unsafe { heap.take(1 << 20, 8) }.map_err(|missing| missing.div_ceil(64 << 10)), Err(16));
        drop(memory);
    }

    proptest! {
        #[test]
        fn blocks_never_overlap(steps in proptest::collection::vec((0_usize..600, 0_u32..7, 0_usize..50, 0..3), 1..200)) {
            let mut memory = vec![0_u128; 16 << 10];
            let start = memory.as_mut_ptr().expose_provenance();
            let mut heap = Heap::new();
            heap.extend(start, start + (256 << 10));
            let mut held: Vec<(usize, usize)> = Vec::new();
            for (size, align, which, what) in steps {
                let place = which.checked_rem(held.len());
                match (what, place) {
                    (1, Some(place)) => {
                        let (block, size) = held.swap_remove(place);
                        unsafe { heap.give_back(block, size) };
                    }
                    (2, Some(place)) => {
                        let (block, old) = held[place];
                        if heap.resize(block, old, size) {
                            held[place].1 = size;
                        }
                    }
                    _ => {
                        let Ok(block) = (unsafe { heap.take(size, 1 << align) }) else { continue };
                        prop_assert!(start <= block && block + size <= start + (256 << 10) && block % (1 << align) == 0);
                        held.push((block, size));
                    }
                }
                let mut ends: Vec<(usize, usize)> = held.iter().map(|(block, size)| (*block, block + (*size).max(1))).collect();
                ends.sort_unstable();
                prop_assert!(ends.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            }
            drop(memory);
        }
    }
}
