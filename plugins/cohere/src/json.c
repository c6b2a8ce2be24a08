#include "json.h"

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
} Scan;

static bool next_is(Scan *scan, char byte) {
    if (scan->at == scan->end || *scan->at != (uint8_t)byte) return false;
    scan->at++;
    return true;
}

static void skip_space(Scan *scan) {
    while (scan->at != scan->end && (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r')) {
        scan->at++;
    }
}

static bool scan_hex(Scan *scan, uint32_t *unit) {
    *unit = 0;
    for (int digit = 0; digit < 4; digit++) {
        if (scan->at == scan->end) return false;
        uint8_t byte = *scan->at++;
        uint32_t value;
        if (byte >= '0' && byte <= '9') value = (uint32_t)(byte - '0');
        else if (byte >= 'a' && byte <= 'f') value = (uint32_t)(byte - 'a' + 10);
        else if (byte >= 'A' && byte <= 'F') value = (uint32_t)(byte - 'A' + 10);
        else return false;
        *unit = *unit * 16 + value;
    }
    return true;
}

/* After `\u`. Two escapes are one character where the first is the upper half of a pair; half a pair is no text. */
static bool scan_unicode(Scan *scan, uint32_t *character) {
    if (!scan_hex(scan, character)) return false;
    if (*character < 0xD800 || *character > 0xDFFF) return true;
    uint32_t low;
    if (*character > 0xDBFF || !next_is(scan, '\\') || !next_is(scan, 'u') || !scan_hex(scan, &low)) return false;
    if (low < 0xDC00 || low > 0xDFFF) return false;
    *character = 0x10000 + ((*character - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

/* After `\`, if it isn't `\u`. */
static bool scan_escape(Scan *scan, uint32_t *character) {
    if (scan->at == scan->end) return false;
    switch (*scan->at++) {
    case '"': *character = '"'; return true;
    case '\\': *character = '\\'; return true;
    case '/': *character = '/'; return true;
    case 'b': *character = '\b'; return true;
    case 'f': *character = '\f'; return true;
    case 'n': *character = '\n'; return true;
    case 'r': *character = '\r'; return true;
    case 't': *character = '\t'; return true;
    default: return false;
    }
}

/* One UTF-8 character; `to` has room for four bytes. An escape is never shorter than what it stands for. */
static size_t encode(uint32_t character, uint8_t *to) {
    if (character < 0x80) {
        to[0] = (uint8_t)character;
        return 1;
    }
    size_t len = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    static const uint8_t FIRST[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = len - 1; i > 0; i--) {
        to[i] = (uint8_t)(0x80 | (character & 0x3F));
        character >>= 6;
    }
    to[0] = (uint8_t)(FIRST[len] | character);
    return len;
}

/* A string, quotes included. `to`, if given, takes what it says and has room for the string as it is written. */
static bool scan_string(Scan *scan, uint8_t *to, size_t *len) {
    size_t written = 0;
    if (!next_is(scan, '"')) return false;
    while (scan->at != scan->end) {
        uint8_t byte = *scan->at++;
        if (byte == '"') {
            if (len) *len = written;
            return true;
        }
        if (byte < 0x20) return false;
        if (byte != '\\') {
            if (to) to[written++] = byte;
            continue;
        }
        uint32_t character;
        if (!(next_is(scan, 'u') ? scan_unicode(scan, &character) : scan_escape(scan, &character))) return false;
        uint8_t bytes[4];
        size_t count = encode(character, bytes);
        for (size_t i = 0; to && i < count; i++) to[written++] = bytes[i];
    }
    return false;
}

static bool scan_digits(Scan *scan) {
    const uint8_t *start = scan->at;
    while (scan->at != scan->end && *scan->at >= '0' && *scan->at <= '9') scan->at++;
    return scan->at != start;
}

static bool scan_number(Scan *scan) {
    (void)next_is(scan, '-');
    if (!next_is(scan, '0') && !scan_digits(scan)) return false;
    if (next_is(scan, '.') && !scan_digits(scan)) return false;
    if (next_is(scan, 'e') || next_is(scan, 'E')) {
        if (!next_is(scan, '+')) (void)next_is(scan, '-');
        return scan_digits(scan);
    }
    return true;
}

static bool scan_word(Scan *scan, const char *word) {
    for (; *word; word++) {
        if (!next_is(scan, *word)) return false;
    }
    return true;
}

static bool scan_key(Scan *scan) {
    skip_space(scan);
    if (!scan_string(scan, NULL, NULL)) return false;
    skip_space(scan);
    return next_is(scan, ':');
}

/* One value and the white space before it. `open` holds the brackets that aren't closed yet. */
static bool scan_value(Scan *scan) {
    char open[JSON_DEPTH_MAX];
    size_t depth = 0;
    for (;;) {
        skip_space(scan);
        if (scan->at == scan->end) return false;
        bool begun = false;
        switch (*scan->at) {
        case '{':
        case '[':
            if (depth == JSON_DEPTH_MAX) return false;
            open[depth++] = (char)*scan->at++;
            skip_space(scan);
            if (next_is(scan, open[depth - 1] == '{' ? '}' : ']')) depth--;
            else begun = true;
            break;
        case '"':
            if (!scan_string(scan, NULL, NULL)) return false;
            break;
        case 't':
            if (!scan_word(scan, "true")) return false;
            break;
        case 'f':
            if (!scan_word(scan, "false")) return false;
            break;
        case 'n':
            if (!scan_word(scan, "null")) return false;
            break;
        default:
            if (!scan_number(scan)) return false;
        }
        /* A value is whole: close what ends here, until another one has to come. */
        while (!begun) {
            if (depth == 0) return true;
            skip_space(scan);
            if (next_is(scan, ',')) begun = true;
            else if (next_is(scan, open[depth - 1] == '{' ? '}' : ']')) depth--;
            else return false;
        }
        if (open[depth - 1] == '{' && !scan_key(scan)) return false;
    }
}

bool json_value(Str text, Str *value) {
    /* A null pointer and a length of zero are an empty text; neither may be added to. */
    if (text.len == 0) return false;
    Scan scan = {text.ptr, text.ptr + text.len};
    skip_space(&scan);
    const uint8_t *start = scan.at;
    if (!scan_value(&scan)) return false;
    const uint8_t *end = scan.at;
    skip_space(&scan);
    if (scan.at != scan.end) return false;
    *value = (Str){text.ptr + (start - text.ptr), (size_t)(end - start)};
    return true;
}

/* Opens a checked value: the scan stands behind the bracket, `inside` says whether there is anything in it. */
static bool enter(Str text, char bracket, Scan *scan, bool *inside) {
    Str value;
    if (!json_value(text, &value) || value.ptr[0] != (uint8_t)bracket) return false;
    *scan = (Scan){value.ptr + 1, value.ptr + value.len - 1};
    skip_space(scan);
    *inside = scan->at != scan->end;
    return true;
}

/* The next value of a bracket that has been checked, and whether another one follows. */
static bool next_value(Scan *scan, Str *value) {
    skip_space(scan);
    const uint8_t *start = scan->at;
    (void)scan_value(scan);
    *value = (Str){(uint8_t *)start, (size_t)(scan->at - start)};
    skip_space(scan);
    return next_is(scan, ',');
}

static Str decode(Arena *arena, Scan *scan) {
    const uint8_t *start = scan->at;
    Scan ahead = *scan;
    (void)scan_string(&ahead, NULL, NULL);
    Str string = {arena_take(arena, (size_t)(ahead.at - start), 1), 0};
    (void)scan_string(scan, string.ptr, &string.len);
    return string;
}

bool json_object(Arena *arena, Str text, Object *object) {
    *object = (Object){0};
    Scan scan;
    bool more;
    if (!enter(text, '{', &scan, &more)) return false;
    size_t room = 0;
    while (more) {
        if (object->count == room) {
            room = room == 0 ? 8 : room * 2;
            object->fields = arena_grow(arena, object->fields, room * sizeof(Field));
        }
        Field *field = &object->fields[object->count++];
        skip_space(&scan);
        field->key = decode(arena, &scan);
        skip_space(&scan);
        (void)next_is(&scan, ':');
        more = next_value(&scan, &field->value);
    }
    return true;
}

bool json_list(Arena *arena, Str text, List *list) {
    *list = (List){0};
    Scan scan;
    bool more;
    if (!enter(text, '[', &scan, &more)) return false;
    size_t room = 0;
    while (more) {
        if (list->count == room) {
            room = room == 0 ? 8 : room * 2;
            list->values = arena_grow(arena, list->values, room * sizeof(Str));
        }
        more = next_value(&scan, &list->values[list->count++]);
    }
    return true;
}

bool json_string(Arena *arena, Str text, Str *string) {
    Str value;
    if (!json_value(text, &value) || value.ptr[0] != '"') return false;
    Scan scan = {value.ptr, value.ptr + value.len};
    *string = decode(arena, &scan);
    return true;
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
