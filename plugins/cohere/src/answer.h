/* The vendor's whole answer as a completion, and what a stream's answer has in common with it. */
#ifndef ANSWER_H
#define ANSWER_H

#include "fail.h"
#include "json.h"

/* The body of an answer with status 200. `model` is the request's: the vendor doesn't name the one that answered. */
bool answer_read(Str body, Str model, Completion *completion, Error *error);

/* The vendor's word for why the model stopped. Two of them say that the answer isn't one: `says`, if the vendor gave
 * it, is why. */
bool finish_reason_read(Str word, Str says, FinishReason *reason, Error *error);

/* Fields of an object, each false with a filled in error when it isn't what it should be. */
bool take_string(Arena *arena, Object *object, const char *key, const Path *at, Str *string, Error *error);
/* May be absent: then empty. */
bool take_words(Arena *arena, Object *object, const char *key, const Path *at, Str *string, Error *error);
/* Arguments of a call, which should be the text of an object and may be that object. Absent: empty. */
Str take_arguments(Arena *arena, Object *function);
bool take_object(Arena *arena, Object *object, const char *key, const Path *at, Object *inner, Error *error);
bool take_list(Arena *arena, Object *object, const char *key, const Path *at, List *list, Error *error);

/* The `extra` of the part that the vendor's `tool_plan` becomes, with its citations. message.c knows it by that. */
OptionJson plan_extra(Arena *arena, Str citations);

/* The vendor says that it waits for a tool and calls none. */
#define CALL_MISSING "`finish_reason` is `TOOL_CALL`, but there is no tool call"

/* What is left of a block, and its citations, as `extra`. */
OptionJson rest_extra(Arena *arena, const Object *rest, Str citations);

#endif
