#include "json.h"

#include <stdlib.h>
#include <string.h>

#include "yyjson/yyjson.h"

/* Returns true if lists and objects are nested deeper than JSON_DEPTH_MAX. Text that isn't JSON may give either result:
 * yyjson refuses it afterwards. */
static bool too_deep(Str text) {
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '"': in_string = !in_string; break;
        case '\\': i++; break;
        case '{':
        case '[':
            if (!in_string && ++depth > JSON_DEPTH_MAX) return true;
            break;
        case '}':
        case ']':
            if (!in_string && depth > 0) depth--;
            break;
        default: break;
        }
    }
    return false;
}

/* Returns the text's one value, or NULL if the text isn't JSON. `*doc` owns it and has to be freed either way. */
static yyjson_val *read(Str text, yyjson_doc **doc) {
    *doc = NULL;
    if (text.len == 0 || too_deep(text)) return NULL;
    yyjson_read_err error;
    /* Without the flag for reading in place, yyjson copies the text and leaves it as it is. */
    *doc = yyjson_read_opts((char *)text.ptr, text.len, YYJSON_READ_NUMBER_AS_RAW, NULL, &error);
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
    char *written = yyjson_val_write(value, YYJSON_WRITE_NOFLAG, &len);
    /* A value that was read can always be written, unless there is no memory. */
    if (!written) __builtin_trap();
    Str text = copy(arena, written, len);
    free(written);
    return text;
}

static bool is_space(uint8_t byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }

bool json_value(Str text, Str *value) {
    yyjson_doc *doc;
    bool valid = read(text, &doc) != NULL;
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
    yyjson_val *root = read(text, &doc);
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
    yyjson_val *root = read(text, &doc);
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
    yyjson_val *root = read(text, &doc);
    bool is_string = yyjson_is_str(root);
    if (is_string) *string = string_of(arena, root);
    yyjson_doc_free(doc);
    return is_string;
}

bool json_count(Str text, uint32_t *count) {
    Str value;
    if (!json_value(text, &value)) return false;
    uint64_t number = 0;
    size_t at = 0;
    for (; at < value.len && value.ptr[at] >= '0' && value.ptr[at] <= '9'; at++) {
        number = number * 10 + (uint64_t)(value.ptr[at] - '0');
        if (number > UINT32_MAX) return false;
    }
    if (at == 0) return false;
    if (at < value.len && value.ptr[at] == '.') {
        at++;
        while (at < value.len && value.ptr[at] == '0') at++;
    }
    if (at != value.len) return false;
    *count = (uint32_t)number;
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
