/* How a call fails. Every function that can fail returns false and has filled in an Error: what happened, in a sentence
 * for people that repeats nothing of a prompt or an answer. */
#ifndef FAIL_H
#define FAIL_H

#include "text.h"

/* Where in a request or an answer: `messages[2].content[0]`. Each step is a local variable of the function that took
 * it, so a path costs nothing until something is wrong. */
typedef struct Path {
    const struct Path *outer;
    /* A field, or NULL for a place in a list. */
    const char *key;
    size_t index;
} Path;

/* All return false, for `return fail(…)`. */

/* An error of which only the kind and a sentence are known. */
bool fail(Error *error, uint8_t kind, Str message);

/* The caller's request is wrong (or, for `refuse_as`, at fault in another way) at this place. `says` goes on with the
 * sentence: `should be a JSON object`. */
bool refuse(Error *error, const Path *at, const char *says);
bool refuse_as(Error *error, uint8_t kind, const Path *at, const char *says);

/* The vendor's answer isn't what its API promises. `says` as above. */
bool broken(Error *error, const Path *at, const char *says);

/* The same where no place is to be named: `says` is the whole sentence, without its full stop. */
bool broken_order(Error *error, const char *says);

#endif
