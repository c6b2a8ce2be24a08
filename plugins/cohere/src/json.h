/* JSON (RFC 8259), read strictly and without losing a digit: an object is a list of fields whose values stay the text
 * they came as, so whatever this provider needn't understand is passed on as it is.
 *
 * Nesting is bounded and read without recursion. That strings are UTF-8 isn't checked: the host gives nothing else. */
#ifndef JSON_H
#define JSON_H

#include "text.h"

/* How deep lists and objects may be nested. No schema and no answer comes near. */
enum { JSON_DEPTH_MAX = 512 };

typedef struct {
    Str key;
    /* One JSON value, already checked, without white space around it. */
    Str value;
} Field;

/* An object's fields, in their order. */
typedef struct {
    Field *fields;
    size_t count;
} Object;

/* A list's values, each as `Field.value`. */
typedef struct {
    Str *values;
    size_t count;
} List;

/* Each reads a whole text and gives false if it is anything else. */
bool json_value(Str text, Str *value);
bool json_object(Arena *arena, Str text, Object *object);
bool json_list(Arena *arena, Str text, List *list);
bool json_string(Arena *arena, Str text, Str *string);
/* A whole number below 2^32, however it is written: `37.0` is one. */
bool json_count(Str text, uint32_t *count);

/* Removes a field and gives its value. A `null` counts as absent: it is how vendors say nothing. Of a doubled field the
 * last counts. */
bool object_take(Object *object, const char *key, Str *value);

#endif
