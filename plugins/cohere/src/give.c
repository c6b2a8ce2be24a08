#include "give.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

void *give_list(size_t count, size_t size) {
    if (count == 0) return NULL;
    void *list = calloc(count, size);
    if (!list) __builtin_trap();
    return list;
}

Str give(Str text) {
    if (text.len == 0) return (Str){0};
    uint8_t *copy = malloc(text.len);
    if (!copy) __builtin_trap();
    Str given = {memcpy(copy, text.ptr, text.len), text.len};
    text_clean(given);
    return given;
}

Str give_text(const char *zero_ended) {
    return give((Str){(uint8_t *)zero_ended, strlen(zero_ended)});
}

provider_option_string_t give_some(Str text) {
    return (provider_option_string_t){.is_some = true, .val = give(text)};
}

OptionJson give_json(Str json) {
    return (OptionJson){.is_some = true, .val = give(json)};
}
