/* Failures of a call. A function that fails returns false and fills in an Error: a sentence for people that quotes
 * nothing from a prompt or an answer. */
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

/* All of these return false, for `return fail(…)`. */

/* Fails with a kind and a sentence. */
bool fail(Error *error, uint8_t kind, Str message);

/* Fails because the caller's request is invalid at this place (or, with `refuse_as`, wrong in another way). `says`
 * continues the sentence: `should be a JSON object`. */
bool refuse(Error *error, const Path *at, const char *says);
bool refuse_as(Error *error, uint8_t kind, const Path *at, const char *says);

/* Fails because the vendor's answer breaks its API at this place. `says` continues the sentence. */
bool broken(Error *error, const Path *at, const char *says);

/* The same without a place: `says` is the whole sentence, without its full stop. */
bool broken_order(Error *error, const char *says);

#endif
