/* As much JSON as this provider needs: values stay the text they came as, and are looked into field by field. */
#ifndef JSON_H
#define JSON_H

#include "provider.h"

/* UTF-8 with a length, without a zero at its end. */
typedef provider_string_t Str;

/* A string literal as a Str. */
#define STR(literal) ((Str){(uint8_t *)("" literal), sizeof(literal) - 1})

/* Whether the text is one JSON value and nothing else. What is below is only asked of such a text, or of parts of one. */
bool json_valid(Str text);

/* Steps through an object: each call takes the next field off `rest`. False at the end, and if it is no object. */
bool json_next(Str *rest, Str *key, Str *value);

/* The field of this name. */
bool json_field(Str object, const char *key, Str *value);

/* What a JSON string says, in memory of its own. */
bool json_string(Str value, Str *text);

/* A whole number below 2^32. */
bool json_count(Str value, uint32_t *count);

/* A text that grows. Begin with {0}. */
typedef struct {
    Str text;
    size_t room;
} Buffer;

void put(Buffer *out, Str text);
void put_json_string(Buffer *out, Str text);

bool equals(Str text, const char *other);

#endif
