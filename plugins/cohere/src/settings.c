#include "settings.h"

#include "fail.h"

#define DEFAULT_BASE_URL "https://api.cohere.com"
#define DEFAULT_MODEL "command-a-03-2025"
#define DEFAULT_MODELS                                                                                                 \
    "command-a-03-2025,command-a-reasoning-08-2025,command-a-vision-07-2025,command-a-translate-08-2025,"              \
    "command-r7b-12-2024,command-r-plus-08-2024,command-r-08-2024"

/* A blank setting counts as absent, as an empty environment variable does. */
static Str or_default(Str given, Str otherwise) {
    given = text_trim(given);
    return given.len != 0 ? given : otherwise;
}

/* The base URL may have a path, as gateways do. */
static bool is_base_url(Str base) {
    size_t scheme = text_starts(base, "https://") ? 8 : text_starts(base, "http://") ? 7 : 0;
    if (scheme == 0 || base.len == scheme || base.ptr[scheme] == '/') return false;
    for (size_t i = scheme; i < base.len; i++) {
        uint8_t byte = base.ptr[i];
        if (byte <= ' ' || byte == 0x7F || byte == '?' || byte == '#' || byte == '@') return false;
    }
    return true;
}

bool settings_read(Arena *arena, Str base_url, Str model, Str models, Settings *settings, Error *error) {
    Str base = or_default(base_url, LITERAL(DEFAULT_BASE_URL));
    if (!is_base_url(base)) {
        return fail(
            error, UNCONFIGURED,
            LITERAL("The setting `base-url` should start with `https://` or `http://` and be a host and perhaps a "
                    "path, without user name, query and fragment."));
    }
    while (base.ptr[base.len - 1] == '/') base.len--;
    Buffer url = buffer_in(arena);
    put(&url, base);
    put_text(&url, "/v2/chat");
    *settings = (Settings){
        .url = url.text,
        .model = or_default(model, LITERAL(DEFAULT_MODEL)),
        .models = or_default(models, LITERAL(DEFAULT_MODELS)),
    };
    return true;
}

bool next_name(Str *names, Str *name) {
    while (names->len != 0) {
        size_t len = 0;
        while (len < names->len && names->ptr[len] != ',') len++;
        *name = text_trim((Str){names->ptr, len});
        if (len < names->len) len++;
        names->ptr += len;
        names->len -= len;
        if (name->len != 0) return true;
    }
    return false;
}
