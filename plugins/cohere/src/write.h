/* Writing JSON. */
#ifndef WRITE_H
#define WRITE_H

#include "fail.h"
#include "json.h"

/* Writes a number for the sampling parameters: from 0 to 1000, as a person would, with at most 15 digits after the
 * point. */
void put_json_number(Buffer *out, double number);

/* An object that is being written. It remembers its keys, so that none is written twice. */
enum { WRITER_KEYS_MAX = 16 };

typedef struct {
    Buffer *out;
    const char *keys[WRITER_KEYS_MAX];
    size_t count;
    bool any;
} Writer;

Writer object_open(Buffer *out);
/* Writes a key; the caller writes the value next. */
void object_key(Writer *writer, const char *key);
void object_string(Writer *writer, const char *key, Str text);
bool object_has(const Writer *writer, Str key);
/* Adds a field that was read elsewhere. */
void object_field(Writer *writer, const Field *field);
void object_close(Writer *writer);

/* Reads the contract's `extra`, which may be absent. */
bool extra_read(Arena *arena, OptionJson extra, const Path *at, Object *object, Error *error);

/* Adds the fields of an `extra`. A field that is there already is refused, not overwritten: either value could be the
 * intended one. */
bool object_extra(Writer *writer, const Object *extra, const Path *at, Error *error);

/* Writes the remaining fields of an object as the contract's `extra`; false if only nulls are left. `more` is the
 * inside of a list for the field `key`, unless it is empty. */
bool put_rest(Buffer *out, const Object *object, const char *key, Str more);

#endif
