#include "json.h"

#include <stdlib.h>
#include <string.h>

#include "yyjson/yyjson.h"

/* Returns false if lists and objects are nested deeper than JSON_DEPTH_MAX, or if a string holds a control character,
 * which yyjson takes with the flag that is set in `read`. Of other text that isn't JSON nothing is said here. */
static bool may_be_read(Str text) {
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '"': in_string = !in_string; break;
        case '\\': i++; break;
        case '{':
        case '[':
            if (!in_string && ++depth > JSON_DEPTH_MAX) return false;
            break;
        case '}':
        case ']':
            if (!in_string && depth > 0) depth--;
            break;
        default:
            if (in_string && text.ptr[i] < 0x20) return false;
        }
    }
    return true;
}

static int hex(uint8_t byte) {
    if (byte >= '0' && byte <= '9') return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Returns the half of a surrogate pair that is spelled out here, as in `\ud83d`, or 0. */
static uint32_t half_at(Str text, size_t at) {
    enum { SPELLED = 6 };
    if (text.len - at < SPELLED || text.ptr[at] != '\\' || text.ptr[at + 1] != 'u') return 0;
    uint32_t unit = 0;
    for (size_t i = at + 2; i < at + SPELLED; i++) {
        int digit = hex(text.ptr[i]);
        if (digit < 0) return 0;
        unit = unit << 4 | (uint32_t)digit;
    }
    return unit >= 0xD800 && unit <= 0xDFFF ? unit : 0;
}

static bool is_high(uint32_t half) {
    return half != 0 && half < 0xDC00;
}

/* Writes lone halves, which yyjson refuses where they are spelled out, as the three bytes that `text_clean` knows.
 * Returns the text itself where it has none, and else `*changed`, which has to be freed. */
static Str with_halves(Str text, uint8_t **changed) {
    *changed = NULL;
    size_t len = 0;
    for (size_t i = 0; i < text.len;) {
        uint8_t *backslash = memchr(text.ptr + i, '\\', text.len - i);
        size_t plain = backslash ? (size_t)(backslash - text.ptr) : text.len;
        if (*changed) memcpy(*changed + len, text.ptr + i, plain - i);
        len += plain - i;
        i = plain;
        if (i == text.len) break;
        uint32_t half = half_at(text, i);
        /* A pair is twice as long; any other escape has at least two characters. */
        size_t spelled = text.len - i < 2 ? 1 : 2;
        if (half != 0) {
            uint32_t other = text.len - i > 6 ? half_at(text, i + 6) : 0;
            spelled = is_high(half) && other != 0 && !is_high(other) ? 12 : 6;
        }
        if (spelled == 6 && !*changed) {
            *changed = malloc(text.len);
            if (!*changed) __builtin_trap();
            memcpy(*changed, text.ptr, len);
        }
        if (spelled == 6) {
            uint8_t bytes[] = {(uint8_t)(0xE0 | half >> 12), (uint8_t)(0x80 | (half >> 6 & 0x3F)),
                               (uint8_t)(0x80 | (half & 0x3F))};
            memcpy(*changed + len, bytes, sizeof bytes);
            len += sizeof bytes;
        } else {
            if (*changed) memcpy(*changed + len, text.ptr + i, spelled);
            len += spelled;
        }
        i += spelled;
    }
    return *changed ? (Str){*changed, len} : text;
}

/* Returns the text's one value, or NULL if the text isn't JSON. `*doc` owns it and has to be freed either way. */
static yyjson_val *read(Str text, yyjson_read_flag flags, yyjson_doc **doc) {
    *doc = NULL;
    if (text.len == 0 || !may_be_read(text)) return NULL;
    yyjson_read_err error;
    uint8_t *changed;
    text = with_halves(text, &changed);
    /* Without the flag for reading in place, yyjson copies the text and leaves it as it is. The host gives valid UTF-8,
     * so what isn't valid here are the halves. */
    flags |= YYJSON_READ_ALLOW_INVALID_UNICODE;
    *doc = yyjson_read_opts((char *)text.ptr, text.len, flags, NULL, &error);
    free(changed);
    if (!*doc && error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) __builtin_trap();
    return yyjson_doc_get_root(*doc);
}

static Str copy(Arena *arena, const char *from, size_t len) {
    Str to = {arena_take(arena, len, 1), len};
    if (len != 0) memcpy(to.ptr, from, len);
    return to;
}

static Str string_of(Arena *arena, yyjson_val *string) {
    return copy(arena, yyjson_get_str(string), yyjson_get_len(string));
}

/* Writes a value as JSON. Numbers are raw text, so they come out as they were written. */
static Str text_of_value(Arena *arena, yyjson_val *value) {
    size_t len;
    char *written = yyjson_val_write(value, YYJSON_WRITE_ALLOW_INVALID_UNICODE, &len);
    /* A value that was read can always be written, unless there is no memory. */
    if (!written) __builtin_trap();
    Str text = copy(arena, written, len);
    free(written);
    return text;
}

static bool is_space(uint8_t byte) {
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

bool json_value(Str text, Str *value) {
    yyjson_doc *doc;
    bool valid = read(text, YYJSON_READ_NUMBER_AS_RAW, &doc) != NULL;
    yyjson_doc_free(doc);
    if (!valid) return false;
    while (is_space(text.ptr[0])) text = (Str){text.ptr + 1, text.len - 1};
    while (is_space(text.ptr[text.len - 1])) text.len--;
    *value = text;
    return true;
}

bool json_object(Arena *arena, Str text, Object *object) {
    *object = (Object){0};
    yyjson_doc *doc;
    yyjson_val *root = read(text, YYJSON_READ_NUMBER_AS_RAW, &doc);
    bool is_object = yyjson_is_obj(root);
    if (is_object) {
        object->fields = arena_take(arena, yyjson_obj_size(root), sizeof(Field));
        size_t index, count;
        yyjson_val *key, *value;
        yyjson_obj_foreach(root, index, count, key, value) {
            object->fields[object->count++] = (Field){string_of(arena, key), text_of_value(arena, value)};
        }
    }
    yyjson_doc_free(doc);
    return is_object;
}

bool json_list(Arena *arena, Str text, List *list) {
    *list = (List){0};
    yyjson_doc *doc;
    yyjson_val *root = read(text, YYJSON_READ_NUMBER_AS_RAW, &doc);
    bool is_list = yyjson_is_arr(root);
    if (is_list) {
        list->values = arena_take(arena, yyjson_arr_size(root), sizeof(Str));
        size_t index, count;
        yyjson_val *value;
        yyjson_arr_foreach(root, index, count, value) {
            list->values[list->count++] = text_of_value(arena, value);
        }
    }
    yyjson_doc_free(doc);
    return is_list;
}

bool json_string(Arena *arena, Str text, Str *string) {
    yyjson_doc *doc;
    yyjson_val *root = read(text, YYJSON_READ_NUMBER_AS_RAW, &doc);
    bool is_string = yyjson_is_str(root);
    if (is_string) *string = string_of(arena, root);
    yyjson_doc_free(doc);
    return is_string;
}

bool json_copy(Arena *arena, Str text, Str *value) {
    yyjson_doc *doc;
    yyjson_val *root = read(text, YYJSON_READ_NUMBER_AS_RAW, &doc);
    if (root) *value = text_of_value(arena, root);
    yyjson_doc_free(doc);
    return root != NULL;
}

bool json_count(Str text, uint32_t *count) {
    yyjson_doc *doc;
    yyjson_val *root = read(text, YYJSON_READ_NOFLAG, &doc);
    double number = yyjson_is_num(root) ? yyjson_get_num(root) : -1;
    yyjson_doc_free(doc);
    if (!(number >= 0 && number < UINT32_MAX + 0.5)) return false;
    *count = (uint32_t)(number + 0.5);
    return true;
}

bool object_take(Object *object, const char *key, Str *value) {
    bool found = false;
    size_t kept = 0;
    for (size_t i = 0; i < object->count; i++) {
        if (text_is(object->fields[i].key, key)) {
            *value = object->fields[i].value;
            found = true;
        } else {
            object->fields[kept++] = object->fields[i];
        }
    }
    object->count = kept;
    return found && !text_is(*value, "null");
}

bool object_take_count(Object *object, const char *key, uint32_t *count) {
    for (size_t i = 0; i < object->count; i++) {
        if (!text_is(object->fields[i].key, key) || !json_count(object->fields[i].value, count)) continue;
        Str taken;
        return object_take(object, key, &taken);
    }
    return false;
}

void put_json_string(Buffer *out, Str text) {
    put_byte(out, '"');
    put_json_escaped(out, text);
    put_byte(out, '"');
}

void put_json_escaped(Buffer *out, Str text) {
    static const char HEX[] = "0123456789abcdef";
    size_t start = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.ptr[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
        put(out, (Str){text.ptr + start, i - start});
        start = i + 1;
        put_byte(out, '\\');
        switch (byte) {
        case '"':
        case '\\': put_byte(out, (char)byte); break;
        case '\b': put_byte(out, 'b'); break;
        case '\f': put_byte(out, 'f'); break;
        case '\n': put_byte(out, 'n'); break;
        case '\r': put_byte(out, 'r'); break;
        case '\t': put_byte(out, 't'); break;
        default:
            put_text(out, "u00");
            put_byte(out, HEX[byte >> 4]);
            put_byte(out, HEX[byte & 0xF]);
        }
    }
    if (start < text.len) put(out, (Str){text.ptr + start, text.len - start});
}
