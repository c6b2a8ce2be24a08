/* JSON (RFC 8259), read by yyjson, strictly and without losing a digit: the values of an object or a list are kept as
 * JSON text, so fields that this provider doesn't understand are passed on with every digit of their numbers. Strings
 * may hold lone halves of surrogate pairs: see `text_clean`.
 *
 * Nesting is bounded, and nothing here or in yyjson recurses. */
#ifndef JSON_H
#define JSON_H

#include "text.h"

/* The greatest depth of nested lists and objects. Schemas and replies stay far below it. */
enum { JSON_DEPTH_MAX = 512 };

typedef struct {
    Str key;
    /* One valid JSON value without surrounding white space. */
    Str value;
} Field;

/* An object's fields in their order. */
typedef struct {
    Field *fields;
    size_t count;
} Object;

/* A list's values, each as `Field.value`. */
typedef struct {
    Str *values;
    size_t count;
} List;

/* Each reads a whole text and returns false if it is anything else. */
/* Gives the value as it stands in the text, without the white space around it. */
bool json_value(Str text, Str *value);
bool json_object(Arena *arena, Str text, Object *object);
bool json_list(Arena *arena, Str text, List *list);
bool json_string(Arena *arena, Str text, Str *string);
/* Gives the value as text without spelled out halves of surrogate pairs, so that it can be handed to the host. */
bool json_copy(Arena *arena, Str text, Str *value);
/* Reads a number that is a count once it is rounded: not negative and below 2^32. */
bool json_count(Str text, uint32_t *count);

/* Removes a field and gives its value. A `null` counts as absent, because vendors send it for fields they leave out.
 * If a key is repeated, the last value counts. */
bool object_take(Object *object, const char *key, Str *value);
/* Reads a count and removes it. What is none stays. */
bool object_take_count(Object *object, const char *key, uint32_t *count);

/* Puts a string, quotes included. */
void put_json_string(Buffer *out, Str text);
/* Puts a piece of one: escapes, no quotes. */
void put_json_escaped(Buffer *out, Str text);

#endif
