/* JSON to be written. */
#ifndef WRITE_H
#define WRITE_H

#include "fail.h"
#include "json.h"

/* What the sampling parameters need: a number from 0 to 1000, as one would type it, with at most 15 digits after the
 * point. */
void put_json_number(Buffer *out, double number);

/* An object while it is written. It remembers its keys, so that none is written twice. */
enum { WRITER_KEYS_MAX = 16 };

typedef struct {
    Buffer *out;
    const char *keys[WRITER_KEYS_MAX];
    size_t count;
    bool any;
} Writer;

Writer object_open(Buffer *out);
/* The value has to be put next. */
void object_key(Writer *writer, const char *key);
void object_string(Writer *writer, const char *key, Str text);
bool object_has(const Writer *writer, Str key);
/* Adds a field that came from elsewhere. */
void object_field(Writer *writer, const Field *field);
void object_close(Writer *writer);

/* Reads the contract's `extra`, which may be absent. */
bool extra_read(Arena *arena, OptionJson extra, const Path *at, Object *object, Error *error);

/* Adds the fields of an `extra`. One that is there already is refused rather than overruled: either value could be the
 * one that was meant. */
bool object_extra(Writer *writer, const Object *extra, const Path *at, Error *error);

/* What is left in an object, as the contract's `extra`: false when nothing but nulls is left. `more` is the inside of a
 * list that is put under `key`, if it isn't empty. */
bool put_rest(Buffer *out, const Object *object, const char *key, Str more);

#endif
