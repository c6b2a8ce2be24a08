/* The lines of a body up to the end of its first event, which decide whether it is an event stream: gateways answer
 * with a whole body where a stream was asked for, under any content type. The host frames the events after the first
 * one. */
#ifndef LINES_H
#define LINES_H

#include "text.h"

typedef enum {
    /* Another line is needed, or, once an event was given, the host's framing. */
    LINES_NEED_MORE,
    LINES_EVENT,
    /* The first line that isn't blank begins JSON or HTML. */
    LINES_NO_STREAM,
} LinesResult;

/* Lines that are all zero are at the beginning of a body. */
typedef struct {
    Arena arena;
    /* The host ends a line at LF; a lone CR ends one too, so a line of the host's may be several. */
    Buffer line;
    size_t at;
    bool begun;
    bool framed;
    Buffer name;
    Buffer data;
    bool has_data;
    /* The caller has read the event, so its memory may be reused. */
    bool given;
} Lines;

/* Takes a line from the host, when more is needed. */
void lines_add(Lines *lines, Str line);
/* Ends the body, which ends an event as a blank line does. */
void lines_close(Lines *lines);

/* Gives the event that the lines hold, if there is one. It stays where it is until the next call. */
LinesResult lines_next(Lines *lines, Str *name, Str *data);

void lines_end(Lines *lines);

#endif
