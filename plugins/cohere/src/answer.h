/* Reads the vendor's whole answer as a completion; streams use parts of it too. */
#ifndef ANSWER_H
#define ANSWER_H

#include "fail.h"
#include "json.h"

/* Reads the body of an answer with status 200. `model` is the request's: the vendor doesn't name the model. */
bool answer_read(Str body, Str model, Completion *completion, Error *error);

/* Reads the vendor's finish reason. Two of them mean that the call failed; `says` is the vendor's message, if any. */
bool finish_reason_read(Str word, Str says, FinishReason *reason, Error *error);

/* Read fields of an object; each returns false and fills in the error if the field has the wrong type. */
bool take_string(Arena *arena, Object *object, const char *key, const Path *at, Str *string, Error *error);
/* Empty if the field is absent. */
bool take_words(Arena *arena, Object *object, const char *key, const Path *at, Str *string, Error *error);
/* Reads the arguments of a call: the text of an object, or the object itself. Empty if absent. */
Str take_arguments(Arena *arena, Object *function);
bool take_object(Arena *arena, Object *object, const char *key, const Path *at, Object *inner, Error *error);
bool take_list(Arena *arena, Object *object, const char *key, const Path *at, List *list, Error *error);

/* The `extra` of the part that the vendor's `tool_plan` becomes, with its citations. message.c knows it by that. */
OptionJson plan_extra(Arena *arena, Str citations);

/* Fails because the vendor says that it waits for a tool, but calls none. */
#define CALL_MISSING "`finish_reason` is `TOOL_CALL`, but there is no tool call"

/* Writes the remaining fields of a block, and its citations, as `extra`. */
OptionJson rest_extra(Arena *arena, const Object *rest, Str citations);

#endif
