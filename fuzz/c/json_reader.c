/* The target `json_reader`: cohere's reader of JSON, compiled for this machine with checks of every access. The first
 * byte says what is read; a text of two lines is also read as the headers `retry-after` and `date`.
 *
 * Promises: no access out of bounds, whatever the text; a value that was read is JSON, and is read again as the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "retry_after.h"

static void check(bool kept, const char *promise) {
    if (kept) return;
    fprintf(stderr, "not kept: %s\n", promise);
    abort();
}

static bool same(Str a, Str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static bool is_space(uint8_t byte) {
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static void read_value(Str text) {
    Str value, again;
    if (!json_value(text, &value)) return;
    check(value.len != 0 && value.ptr >= text.ptr && value.ptr + value.len <= text.ptr + text.len, "a value is within its text");
    check(!is_space(value.ptr[0]) && !is_space(value.ptr[value.len - 1]), "a value has no white space around it");
    check(json_value(value, &again) && same(value, again), "a value is read again as the same");
}

/* Values that were read, as a list, are read again as the same. */
static void read_again(Arena *arena, const Str *values, size_t count) {
    Buffer list = buffer_in(arena);
    put_byte(&list, '[');
    for (size_t i = 0; i < count; i++) {
        if (i != 0) put_byte(&list, ',');
        put(&list, values[i]);
    }
    put_byte(&list, ']');
    List again;
    check(json_list(arena, list.text, &again), "values that were read are JSON");
    check(again.count == count, "none of them is lost");
    for (size_t i = 0; i < count; i++) check(same(values[i], again.values[i]), "they are read again as the same");
}

static void read_object(Arena *arena, Str text) {
    Object object;
    if (!json_object(arena, text, &object)) return;
    Str *values = arena_take(arena, object.count, sizeof(Str));
    size_t count = object.count;
    for (size_t i = 0; i < count; i++) values[i] = object.fields[i].value;
    read_again(arena, values, count);
    Str taken;
    bool found = object_take(&object, "a", &taken);
    check(!found || (object.count < count && taken.len != 0), "a field that is taken is gone");
    check(!object_take(&object, "a", &taken), "and isn't taken twice");
}

static void read_list(Arena *arena, Str text) {
    List list;
    if (json_list(arena, text, &list)) read_again(arena, list.values, list.count);
}

static void read_string(Arena *arena, Str text) {
    Str string;
    uint32_t count;
    if (json_string(arena, text, &string)) {
        check(string.len <= text.len, "a string isn't longer than it was written");
        text_clip(arena, string, 3);
        text_trim(string);
    }
    if (json_count(text, &count)) check(!json_string(arena, text, &string), "a number is no string");
}

static void read_headers(Str text) {
    const uint8_t *end = text.len == 0 ? NULL : memchr(text.ptr, '\n', text.len);
    if (!end) return;
    size_t first = (size_t)(end - text.ptr);
    uint32_t ms;
    retry_after_ms((Str){text.ptr, first}, (Str){text.ptr + first + 1, text.len - first - 1}, &ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    /* A place of exactly its size, so that one byte too far is found. */
    Str text = {malloc(size - 1), size - 1};
    if (!text.ptr) return 0;
    memcpy(text.ptr, data + 1, size - 1);
    Arena arena = {0};
    switch (data[0] % 5) {
    case 0: read_value(text); break;
    case 1: read_object(&arena, text); break;
    case 2: read_list(&arena, text); break;
    case 3: read_string(&arena, text); break;
    default: read_headers(text); break;
    }
    arena_end(&arena);
    free(text.ptr);
    return 0;
}
