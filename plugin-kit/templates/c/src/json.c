#include "json.h"

#include <stdlib.h>
#include <string.h>

/* How deep lists and objects may be nested. */
enum { DEPTH_MAX = 128 };

typedef const uint8_t *At;

static At skip_space(At at, At end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
    return at;
}

static bool is_digit(At at, At end) { return at < end && *at >= '0' && *at <= '9'; }

static int hex(uint8_t byte) {
    if (byte >= '0' && byte <= '9') return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Each of these gives the place behind what it skips, or NULL if that isn't there. */

static At skip_string(At at, At end) {
    if (at == end || *at++ != '"') return NULL;
    while (at < end && *at != '"') {
        if (*at < 0x20) return NULL;
        if (*at++ != '\\') continue;
        if (at == end || *at == 0 || !strchr("\"\\/bfnrtu", *at)) return NULL;
        if (*at++ != 'u') continue;
        for (int i = 0; i < 4; i++, at++) {
            if (at == end || hex(*at) < 0) return NULL;
        }
    }
    return at < end ? at + 1 : NULL;
}

static At skip_digits(At at, At end) {
    if (!is_digit(at, end)) return NULL;
    while (is_digit(at, end)) at++;
    return at;
}

static At skip_number(At at, At end) {
    if (at < end && *at == '-') at++;
    at = at < end && *at == '0' ? at + 1 : skip_digits(at, end);
    if (at && at < end && *at == '.') at = skip_digits(at + 1, end);
    if (at && at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-')) at++;
        at = skip_digits(at, end);
    }
    return at;
}

static At skip_word(At at, At end, const char *word) {
    size_t length = strlen(word);
    return (size_t)(end - at) >= length && memcmp(at, word, length) == 0 ? at + length : NULL;
}

static At skip_value(At at, At end, int depth);

static At skip_items(At at, At end, uint8_t close, int depth) {
    at = skip_space(at + 1, end);
    if (at < end && *at == close) return at + 1;
    while (at && at < end) {
        if (close == '}') {
            at = skip_string(at, end);
            if (at) at = skip_space(at, end);
            if (!at || at == end || *at++ != ':') return NULL;
        }
        at = skip_value(at, end, depth + 1);
        if (!at || at == end) return NULL;
        if (*at == close) return at + 1;
        if (*at++ != ',') return NULL;
        at = skip_space(at, end);
    }
    return NULL;
}

/* With the white space around it. */
static At skip_value(At at, At end, int depth) {
    at = skip_space(at, end);
    if (at == end || depth > DEPTH_MAX) return NULL;
    switch (*at) {
        case '{': at = skip_items(at, end, '}', depth); break;
        case '[': at = skip_items(at, end, ']', depth); break;
        case '"': at = skip_string(at, end); break;
        case 't': at = skip_word(at, end, "true"); break;
        case 'f': at = skip_word(at, end, "false"); break;
        case 'n': at = skip_word(at, end, "null"); break;
        default: at = skip_number(at, end);
    }
    return at ? skip_space(at, end) : NULL;
}

bool json_valid(Str text) {
    At end = text.ptr + text.len;
    return skip_value(text.ptr, end, 0) == end;
}

bool json_next(Str *rest, Str *key, Str *value) {
    At end = rest->ptr + rest->len;
    At at = skip_space(rest->ptr, end);
    if (at == end || (*at != '{' && *at != ',')) return false;
    At name = skip_space(at + 1, end);
    At colon = skip_string(name, end);
    if (!colon) return false;
    *key = (Str){(uint8_t *)name, (size_t)(colon - name)};
    At from = skip_space(skip_space(colon, end) + 1, end);
    At to = skip_value(from, end, 0);
    if (!to) return false;
    *value = (Str){(uint8_t *)from, (size_t)(to - from)};
    *rest = (Str){(uint8_t *)to, (size_t)(end - to)};
    return true;
}

bool json_field(Str object, const char *name, Str *value) {
    Str key, text;
    while (json_next(&object, &key, value)) {
        if (json_string(key, &text) && equals(text, name)) return true;
    }
    return false;
}

static uint32_t hex4(At at) {
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++) unit = unit << 4 | (uint32_t)hex(at[i]);
    return unit;
}

static void put_byte(Buffer *out, uint32_t byte) { put(out, (Str){(uint8_t[]){(uint8_t)byte}, 1}); }

static void put_utf8(Buffer *out, uint32_t c) {
    if (c < 0x80) {
        put_byte(out, c);
        return;
    }
    if (c < 0x800) put_byte(out, 0xc0 | c >> 6);
    if (c >= 0x800 && c < 0x10000) put_byte(out, 0xe0 | c >> 12);
    if (c >= 0x10000) {
        put_byte(out, 0xf0 | c >> 18);
        put_byte(out, 0x80 | (c >> 12 & 0x3f));
    }
    if (c >= 0x800) put_byte(out, 0x80 | (c >> 6 & 0x3f));
    put_byte(out, 0x80 | (c & 0x3f));
}

bool json_string(Str value, Str *text) {
    if (value.len < 2 || *value.ptr != '"') return false;
    Buffer out = {0};
    for (At at = value.ptr + 1; *at != '"'; at++) {
        if (*at != '\\') {
            put_byte(&out, *at);
            continue;
        }
        at++;
        static const char NAMES[] = "bfnrt", MEANT[] = "\b\f\n\r\t";
        const char *name = strchr(NAMES, *at);
        if (name) put_byte(&out, (uint8_t)MEANT[name - NAMES]);
        else if (*at != 'u') put_byte(&out, *at);
        else {
            uint32_t c = hex4(at + 1);
            at += 4;
            /* Characters beyond the first 65,536 come as two halves; one half alone is no character. */
            if (c >= 0xd800 && c < 0xe000) {
                uint32_t low = c < 0xdc00 && at[1] == '\\' && at[2] == 'u' ? hex4(at + 3) : 0;
                bool pair = low >= 0xdc00 && low < 0xe000;
                c = pair ? 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
                if (pair) at += 6;
            }
            put_utf8(&out, c);
        }
    }
    *text = out.text;
    return true;
}

bool json_count(Str value, uint32_t *count) {
    uint64_t sum = 0;
    At end = value.ptr + value.len, at = value.ptr;
    for (; is_digit(at, end) && sum <= UINT32_MAX; at++) sum = sum * 10 + (*at - '0');
    *count = (uint32_t)sum;
    return at != value.ptr && skip_space(at, end) == end && sum <= UINT32_MAX;
}

void put(Buffer *out, Str text) {
    if (out->room - out->text.len < text.len) {
        out->room = (out->room + text.len) * 2;
        out->text.ptr = realloc(out->text.ptr, out->room);
        if (!out->text.ptr) abort();
    }
    if (text.len != 0) memcpy(out->text.ptr + out->text.len, text.ptr, text.len);
    out->text.len += text.len;
}

void put_json_string(Buffer *out, Str text) {
    static const char HEX[] = "0123456789abcdef";
    put(out, STR("\""));
    for (At at = text.ptr; at < text.ptr + text.len; at++) {
        if (*at == '"' || *at == '\\') put(out, STR("\\"));
        if (*at >= 0x20) {
            put_byte(out, *at);
            continue;
        }
        put(out, STR("\\u00"));
        put_byte(out, (uint8_t)HEX[*at >> 4]);
        put_byte(out, (uint8_t)HEX[*at & 15]);
    }
    put(out, STR("\""));
}

bool equals(Str text, const char *other) {
    return text.len == strlen(other) && memcmp(text.ptr, other, text.len) == 0;
}
