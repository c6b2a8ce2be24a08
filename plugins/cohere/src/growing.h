/* The blocks of a streamed answer: their beginnings, additions and ends. */
#ifndef GROWING_H
#define GROWING_H

#include "json.h"
#include "stream.h"

/* One event that is being read. */
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

/* Places in an event, for errors. */
extern const Path EVENT_DELTA;
extern const Path EVENT_MESSAGE;

/* Makes room for one more delta. */
Event *tell(Step *step, uint8_t tag);
/* Adds the event itself as a delta: the contract has no case for it. */
void pass_on(Step *step, Str data);
/* Ends the block, which can't be cited any more. */
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
