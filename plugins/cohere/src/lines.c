#include "lines.h"

#include <string.h>

static void clear(Buffer *buffer, Arena *arena) {
    if (!buffer->arena) *buffer = buffer_in(arena);
    buffer->text.len = 0;
}

void lines_add(Lines *lines, Str line) {
    static const uint8_t BYTE_ORDER_MARK[] = {0xEF, 0xBB, 0xBF};
    if (!lines->begun && line.len >= 3 && memcmp(line.ptr, BYTE_ORDER_MARK, 3) == 0) {
        line = (Str){line.ptr + 3, line.len - 3};
    }
    clear(&lines->line, &lines->arena);
    put(&lines->line, line);
    put_byte(&lines->line, '\r');
    lines->at = 0;
}

void lines_close(Lines *lines) {
    lines_add(lines, (Str){0});
}

static bool is_no_stream(Str line) {
    return line.len != 0 && text_holds(LITERAL("{[<\""), (char)line.ptr[0]);
}

/* Gives the value if the line is this field: `data: value`. */
static bool is_field(Str line, const char *name, Str *value) {
    size_t len = strlen(name);
    if (line.len < len || memcmp(line.ptr, name, len) != 0) return false;
    *value = (Str){line.ptr + len, line.len - len};
    if (value->len == 0) return true;
    if (value->ptr[0] != ':') return false;
    size_t skipped = value->len > 1 && value->ptr[1] == ' ' ? 2 : 1;
    *value = (Str){value->ptr + skipped, value->len - skipped};
    return true;
}

static void take_field(Lines *lines, Str line) {
    Str value;
    if (is_field(line, "data", &value)) {
        if (lines->has_data) put_byte(&lines->data, '\n');
        lines->has_data = true;
        put(&lines->data, value);
    } else if (is_field(line, "event", &value)) {
        lines->name.text.len = 0;
        put(&lines->name, value);
    }
}

LinesResult lines_next(Lines *lines, Str *name, Str *data) {
    if (lines->given || !lines->begun) {
        clear(&lines->name, &lines->arena);
        clear(&lines->data, &lines->arena);
    }
    lines->given = false;
    Str all = lines->line.text;
    while (lines->at < all.len) {
        size_t from = lines->at;
        while (all.ptr[lines->at] != '\r') lines->at++;
        Str line = {all.ptr + from, lines->at++ - from};
        if (line.len == 0 && lines->has_data) {
            *name = lines->name.text;
            *data = lines->data.text;
            lines->has_data = false;
            lines->framed = true;
            lines->given = true;
            return LINES_EVENT;
        }
        if (!lines->begun && is_no_stream(text_trim(line))) return LINES_NO_STREAM;
        lines->begun |= text_trim(line).len != 0;
        if (line.len == 0) clear(&lines->name, &lines->arena);
        else take_field(lines, line);
    }
    return LINES_NEED_MORE;
}

void lines_end(Lines *lines) {
    arena_end(&lines->arena);
}
