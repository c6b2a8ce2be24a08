/* The order of a streamed answer: which event may come when, and what each of them tells. */
#ifndef STREAM_H
#define STREAM_H

#include "fail.h"

typedef enum { BLOCK_NONE, BLOCK_TEXT, BLOCK_THINKING, BLOCK_PLAN, BLOCK_CALL, BLOCK_UNKNOWN } BlockKind;

/* All zero but for `model` is a stream that nothing has been read of. */
typedef struct {
    /* What outlives one event. */
    Arena arena;
    /* The request's: the vendor doesn't name the one that answers. Owned by whoever made the stream. */
    Str model;
    bool started;
    bool finished;

    /* The block that is told, or that has ended and may still be cited. */
    BlockKind block;
    bool ended;
    uint32_t index;
    /* The vendor counts contents and tool calls apart. */
    uint32_t vendor_index;
    uint32_t next_index;
    /* Half of a surrogate pair at its end, held back until the other half has come. */
    Buffer half;
    bool called;
    /* What it says so far, and the citations of it: the inside of a list. */
    Buffer words;
    Buffer citations;

    /* The insides of lists, told with the end: citations of no open block, and the tokens' probabilities. */
    Buffer cited_rest;
    Buffer logprobs;
} Stream;

/* What one event may tell at most: two things at the end of a block, its successor's start, counts and the end of the
 * answer. */
enum { TOLD_MAX = 5 };

typedef struct {
    Delta deltas[TOLD_MAX];
    size_t count;
} Told;

/* Takes one event. It may tell nothing, one thing or several; after the end, nothing tells anything. On failure what
 * was told is freed. */
bool stream_take(Stream *stream, Str name, Str data, Told *told, Error *error);

/* The body is at its end. Only the vendor's own mark ends an answer, and it ends the reading too. */
bool stream_cut(Error *error);

void stream_end(Stream *stream);

#endif
