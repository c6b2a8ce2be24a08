/* Memory that is released all at once: everything that one call needs lives in one arena, so nothing is freed twice or
 * leaked. Values for the host are copies from `malloc`, which the host frees. */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>

typedef struct Block Block;

/* An arena that is all zero is empty. */
typedef struct {
    Block *blocks;
    unsigned char *free;
    size_t left;
} Arena;

/* Allocates `count` elements of `size` bytes, all zero. Without memory it ends the program (the call). */
void *arena_take(Arena *arena, size_t count, size_t size);

/* Grows memory from an earlier call of this function; NULL starts anew. New bytes are undefined. */
void *arena_grow(Arena *arena, void *old, size_t size);

/* Releases everything. The arena is empty afterwards and can be used again. */
void arena_end(Arena *arena);

#endif
