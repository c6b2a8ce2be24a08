/* The blocks of a streamed answer: how each begins, what may be added to it and what its end has to tell. */
#ifndef GROWING_H
#define GROWING_H

#include "json.h"
#include "stream.h"

/* One event while it is read. */
typedef struct {
    Stream *stream;
    Arena *arena;
    Str kind;
    Object event;
    /* `delta` and `delta.message`; empty where the event has none. */
    Object delta;
    Object message;
    Told *told;
    Error *error;
} Step;

/* Where in an event things stand. */
extern const Path EVENT_DELTA;
extern const Path EVENT_MESSAGE;

/* One more thing to tell. */
Event *tell(Step *step, uint8_t tag);
/* The event itself, of which the contract knows nothing. */
void pass_on(Step *step, Str data);
/* The block is whole, and nothing cites it any more. */
void close_block(Step *step);

/* The vendor's events by their names; `data` is the whole event. */
bool content_start(Step *step, Str data);
bool content_delta(Step *step, Str data);
bool content_end(Step *step, Str data);
bool tool_plan_delta(Step *step);
bool tool_call_start(Step *step);
bool tool_call_delta(Step *step);
bool tool_call_end(Step *step);
bool citation_start(Step *step);

#endif
