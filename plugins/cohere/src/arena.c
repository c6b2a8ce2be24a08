#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The size in bytes of a block that small allocations share; larger ones get their own. */
enum { SHARED_SIZE = 4096 };

struct Block {
    Block *before;
    Block *after;
    alignas(max_align_t) unsigned char bytes[];
};

static Block *link_first(Arena *arena, Block *block) {
    block->before = NULL;
    block->after = arena->blocks;
    if (block->after) block->after->before = block;
    arena->blocks = block;
    return block;
}

static void *whole(size_t size, void *old) {
    if (size > SIZE_MAX / 2) __builtin_trap();
    void *memory = realloc(old, sizeof(Block) + size);
    if (!memory) __builtin_trap();
    return memory;
}

void *arena_take(Arena *arena, size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / 2 / size) __builtin_trap();
    /* Zero bytes get an address too, so no pointer is null. */
    size_t need = count * size;
    if (need == 0) need = 1;
    size_t over = need % alignof(max_align_t);
    if (over != 0) need += alignof(max_align_t) - over;

    if (need > SHARED_SIZE / 2) {
        Block *own = link_first(arena, whole(need, NULL));
        return memset(own->bytes, 0, need);
    }
    if (need > arena->left) {
        Block *shared = link_first(arena, whole(SHARED_SIZE, NULL));
        arena->free = shared->bytes;
        arena->left = SHARED_SIZE;
    }
    void *taken = memset(arena->free, 0, need);
    arena->free += need;
    arena->left -= need;
    return taken;
}

void *arena_grow(Arena *arena, void *old, size_t size) {
    if (!old) return link_first(arena, whole(size, NULL))->bytes;
    Block *block = (Block *)((unsigned char *)old - offsetof(Block, bytes));
    block = whole(size, block);
    if (block->before) block->before->after = block;
    else arena->blocks = block;
    if (block->after) block->after->before = block;
    return block->bytes;
}

void arena_end(Arena *arena) {
    Block *block = arena->blocks;
    while (block) {
        Block *after = block->after;
        free(block);
        block = after;
    }
    *arena = (Arena){0};
}
