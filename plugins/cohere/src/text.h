/* Strings with a length, and a buffer that grows. */
#ifndef TEXT_H
#define TEXT_H

#include "arena.h"
#include "contract.h"

/* A string literal as a Str. */
#define LITERAL(text) ((Str){(uint8_t *)("" text), sizeof(text) - 1})

Str text_of(const char *zero_ended);
bool text_is(Str text, const char *other);
bool text_is_nocase(Str text, const char *other);
bool text_starts(Str text, const char *start);
bool text_holds(Str text, char byte);

/* Removes white space at both ends. */
Str text_trim(Str text);
/* True for text that is empty or only white space. */
bool text_is_blank(Str text);

/* Returns the first `characters` characters and `…`, or the whole text if it isn't longer. */
Str text_clip(Arena *arena, Str text, size_t characters);

/* A buffer in an arena. Its text keeps its address until the next byte is added. */
typedef struct {
    Arena *arena;
    Str text;
    size_t room;
} Buffer;

Buffer buffer_in(Arena *arena);
void put(Buffer *buffer, Str text);
void put_text(Buffer *buffer, const char *zero_ended);
void put_byte(Buffer *buffer, char byte);
void put_count(Buffer *buffer, size_t count);

/* Puts a comma first unless the buffer is empty. */
void put_listed(Buffer *buffer, Str text);

/* JSON can spell a lone half of a surrogate pair, and UTF-8 has no bytes for it. Here it is the three bytes that UTF-8
 * would have (WTF-8), until its other half comes or it leaves for the host, which takes UTF-8 only. */

/* Puts U+FFFD in place of each lone half: three bytes too. */
void text_clean(Str text);

/* Joins text that comes in pieces, which may end in the middle of a pair: gives the half that was held back and this
 * piece, without a first half at its end, which is then held back in `half`. */
Str text_with_half(Arena *arena, Buffer *half, Str piece);

#endif
