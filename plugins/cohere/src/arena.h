/* Memory that is released all at once: whatever one call needs on its way lives in one arena, so nothing is freed
 * twice and nothing is forgotten. What is handed to the host is a copy from `malloc`, which the host frees. */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>

typedef struct Block Block;

/* All zero is an empty arena. */
typedef struct {
    Block *blocks;
    unsigned char *free;
    size_t left;
} Arena;

/* `count` elements of `size` bytes, all zero. Ends the program (in the sandbox: this call) when there is no memory. */
void *arena_take(Arena *arena, size_t count, size_t size);

/* Grows what an earlier call of this function gave, or starts with NULL; for what grows step by step. New bytes hold
 * anything. */
void *arena_grow(Arena *arena, void *old, size_t size);

/* Releases everything. The arena is empty afterwards and can be used again. */
void arena_end(Arena *arena);

#endif
