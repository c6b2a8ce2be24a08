#include "text.h"

#include <stdint.h>
#include <string.h>

Str text_of(const char *zero_ended) {
    return (Str){(uint8_t *)zero_ended, strlen(zero_ended)};
}

bool text_is(Str text, const char *other) {
    size_t len = strlen(other);
    return text.len == len && (len == 0 || memcmp(text.ptr, other, len) == 0);
}

static uint8_t lower(uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

bool text_is_nocase(Str text, const char *other) {
    if (text.len != strlen(other)) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (lower(text.ptr[i]) != lower((uint8_t)other[i])) return false;
    }
    return true;
}

bool text_starts(Str text, const char *start) {
    size_t len = strlen(start);
    return text.len >= len && text_is_nocase((Str){text.ptr, len}, start);
}

bool text_holds(Str text, char byte) {
    return text.len != 0 && memchr(text.ptr, byte, text.len) != NULL;
}

static bool is_space(uint8_t byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

Str text_trim(Str text) {
    while (text.len != 0 && is_space(text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len != 0 && is_space(text.ptr[text.len - 1])) text.len--;
    return text;
}

bool text_is_blank(Str text) {
    return text_trim(text).len == 0;
}

Str text_clip(Arena *arena, Str text, size_t characters) {
    size_t at = 0;
    for (; at < text.len; at++) {
        /* Bytes 10xxxxxx continue a character; any other begins one. */
        if ((text.ptr[at] & 0xC0) == 0x80) continue;
        if (characters == 0) break;
        characters--;
    }
    if (at == text.len) return text;
    Buffer clipped = buffer_in(arena);
    put(&clipped, (Str){text.ptr, at});
    put_text(&clipped, "…");
    return clipped.text;
}

Buffer buffer_in(Arena *arena) {
    return (Buffer){.arena = arena};
}

static void reserve(Buffer *buffer, size_t more) {
    if (more <= buffer->room - buffer->text.len) return;
    if (more > SIZE_MAX / 4 || buffer->text.len > SIZE_MAX / 4) __builtin_trap();
    size_t need = buffer->text.len + more;
    size_t room = buffer->room + buffer->room / 2;
    if (room < need) room = need;
    if (room < 256) room = 256;
    buffer->text.ptr = arena_grow(buffer->arena, buffer->text.ptr, room);
    buffer->room = room;
}

void put(Buffer *buffer, Str text) {
    if (text.len == 0) return;
    reserve(buffer, text.len);
    memcpy(buffer->text.ptr + buffer->text.len, text.ptr, text.len);
    buffer->text.len += text.len;
}

void put_text(Buffer *buffer, const char *zero_ended) {
    put(buffer, text_of(zero_ended));
}

void put_byte(Buffer *buffer, char byte) {
    put(buffer, (Str){(uint8_t *)&byte, 1});
}

void put_count(Buffer *buffer, size_t count) {
    char digits[3 * sizeof count];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + count % 10);
        count /= 10;
    } while (count != 0);
    put(buffer, (Str){(uint8_t *)digits + at, sizeof digits - at});
}

void put_listed(Buffer *buffer, Str text) {
    if (buffer->text.len != 0) put_byte(buffer, ',');
    put(buffer, text);
}

/* Halves are ED A0 80 to ED BF BF, the second ones from ED B0 80 on. */
enum { HALF = 0xED, HALF_SIZE = 3 };

static bool is_half(const uint8_t *at, size_t left, uint8_t from, uint8_t to) {
    return left >= HALF_SIZE && at[0] == HALF && at[1] >= from && at[1] <= to;
}

void text_clean(Str text) {
    static const uint8_t REPLACEMENT[HALF_SIZE] = {0xEF, 0xBF, 0xBD};
    for (size_t i = 0; i < text.len; i++) {
        uint8_t *at = memchr(text.ptr + i, HALF, text.len - i);
        if (!at) return;
        i = (size_t)(at - text.ptr);
        if (is_half(at, text.len - i, 0xA0, 0xBF)) memcpy(at, REPLACEMENT, HALF_SIZE);
    }
}

static void put_pair(Buffer *buffer, const uint8_t *first, const uint8_t *second) {
    uint32_t high = (uint32_t)(first[1] & 0x0F) << 6 | (first[2] & 0x3F);
    uint32_t low = (uint32_t)(second[1] & 0x0F) << 6 | (second[2] & 0x3F);
    uint32_t point = 0x10000 + (high << 10) + low;
    uint8_t bytes[] = {(uint8_t)(0xF0 | point >> 18), (uint8_t)(0x80 | (point >> 12 & 0x3F)),
                       (uint8_t)(0x80 | (point >> 6 & 0x3F)), (uint8_t)(0x80 | (point & 0x3F))};
    put(buffer, (Str){bytes, sizeof bytes});
}

Str text_with_half(Arena *arena, Buffer *half, Str piece) {
    if (piece.len == 0) return piece;
    Buffer joined = buffer_in(arena);
    if (half->text.len != 0 && is_half(piece.ptr, piece.len, 0xB0, 0xBF)) {
        put_pair(&joined, half->text.ptr, piece.ptr);
        piece = (Str){piece.ptr + HALF_SIZE, piece.len - HALF_SIZE};
    } else {
        put(&joined, half->text);
    }
    put(&joined, piece);
    half->text.len = 0;
    Str *all = &joined.text;
    if (all->len >= HALF_SIZE && is_half(all->ptr + all->len - HALF_SIZE, HALF_SIZE, 0xA0, 0xAF)) {
        all->len -= HALF_SIZE;
        put(half, (Str){all->ptr + all->len, HALF_SIZE});
    }
    return *all;
}
