/* The order of a streamed answer: which event may come when, and its deltas. */
#ifndef STREAM_H
#define STREAM_H

#include "fail.h"

typedef enum { BLOCK_NONE, BLOCK_TEXT, BLOCK_THINKING, BLOCK_PLAN, BLOCK_CALL, BLOCK_UNKNOWN } BlockKind;

/* A stream that is all zero but for `model` is at its beginning. */
typedef struct {
    /* Memory that outlives one event. */
    Arena arena;
    /* The request's: the vendor doesn't name the model. Owned by the stream's owner. */
    Str model;
    bool started;
    bool finished;

    /* The open block, or one that has ended and may still be cited. */
    BlockKind block;
    bool ended;
    uint32_t index;
    /* The vendor numbers contents and tool calls separately. */
    uint32_t vendor_index;
    uint32_t next_index;
    /* The first half of a surrogate pair at its end, held back until the second half comes. */
    Buffer half;
    bool called;
    /* Its text so far, and its citations: the inside of a list. */
    Buffer words;
    Buffer citations;

    /* Insides of lists that are sent with the end: citations without an open block, and log probabilities. */
    Buffer cited_rest;
    Buffer logprobs;
} Stream;

/* The most deltas of one event: two at the end of a block, the start of the next one, counts and the end of the answer.
 */
enum { TOLD_MAX = 5 };

typedef struct {
    Delta deltas[TOLD_MAX];
    size_t count;
} Told;

/* Takes one event and makes its deltas, if any; after the end there are none. On failure they are freed. */
bool stream_take(Stream *stream, Str name, Str data, Told *told, Error *error);

/* Ends the body. Only the vendor's own mark ends an answer, and it ends the reading too. */
bool stream_cut(Error *error);

void stream_end(Stream *stream);

#endif
