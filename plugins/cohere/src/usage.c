#include "usage.h"

#include "give.h"
#include "write.h"

bool usage_take(Arena *arena, Object *object, Usage *usage) {
    *usage = (Usage){0};
    Object kept = {arena_take(arena, object->count, sizeof(Field)), object->count};
    for (size_t i = 0; i < object->count; i++) kept.fields[i] = object->fields[i];
    Str value;
    Object counts;
    if (!object_take(&kept, "usage", &value) || !json_object(arena, value, &counts)) return false;
    *object = kept;

    usage->cache_read_tokens.is_some = object_take_count(&counts, "cached_tokens", &usage->cache_read_tokens.val);
    Object tokens;
    for (size_t i = 0; i < counts.count; i++) {
        Field *field = &counts.fields[i];
        if (!text_is(field->key, "tokens") || !json_object(arena, field->value, &tokens)) continue;
        usage->input_tokens.is_some = object_take_count(&tokens, "input_tokens", &usage->input_tokens.val);
        usage->output_tokens.is_some = object_take_count(&tokens, "output_tokens", &usage->output_tokens.val);
        Buffer left = buffer_in(arena);
        field->value = put_rest(&left, &tokens, "", (Str){0}) ? left.text : LITERAL("null");
    }
    Buffer rest = buffer_in(arena);
    if (put_rest(&rest, &counts, "", (Str){0})) usage->extra = give_json(rest.text);
    return true;
}
