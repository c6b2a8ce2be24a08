#include "write.h"

/* Whole numbers below 2^53 and powers of ten up to 10^22 are doubles without error, and a division is rounded once, as
 * reading a decimal is. So the first number of digits that gives the double back is the shortest way to write it. A
 * double that needs more than 15 digits after the point is the result of a computation and is rounded. */
void put_json_number(Buffer *out, double number) {
    double scale = 1;
    size_t digits = 0;
    double scaled = 0;
    for (;; digits++, scale *= 10) {
        double next = number * scale + 0.5;
        if (next >= 9007199254740992.0) {
            scale /= 10;
            digits--;
            break;
        }
        scaled = (double)(uint64_t)next;
        if (scaled / scale == number || digits == 15) break;
    }
    uint64_t units = (uint64_t)scale;
    uint64_t all = (uint64_t)scaled;
    for (; digits > 0 && all % 10 == 0; digits--) {
        all /= 10;
        units /= 10;
    }
    put_count(out, (size_t)(all / units));
    if (digits == 0) return;
    put_byte(out, '.');
    for (uint64_t rest = all % units; units > 1; rest %= units) {
        units /= 10;
        put_byte(out, (char)('0' + rest / units));
    }
}

Writer object_open(Buffer *out) {
    put_byte(out, '{');
    return (Writer){.out = out};
}

void object_key(Writer *writer, const char *key) {
    if (writer->count == WRITER_KEYS_MAX) __builtin_trap();
    writer->keys[writer->count++] = key;
    if (writer->any) put_byte(writer->out, ',');
    writer->any = true;
    put_json_string(writer->out, text_of(key));
    put_byte(writer->out, ':');
}

void object_string(Writer *writer, const char *key, Str text) {
    object_key(writer, key);
    put_json_string(writer->out, text);
}

bool object_has(const Writer *writer, Str key) {
    for (size_t i = 0; i < writer->count; i++) {
        if (text_is(key, writer->keys[i])) return true;
    }
    return false;
}

void object_field(Writer *writer, const Field *field) {
    if (writer->any) put_byte(writer->out, ',');
    writer->any = true;
    put_json_string(writer->out, field->key);
    put_byte(writer->out, ':');
    put(writer->out, field->value);
}

void object_close(Writer *writer) {
    put_byte(writer->out, '}');
}

bool extra_read(Arena *arena, OptionJson extra, const Path *at, Object *object, Error *error) {
    *object = (Object){0};
    if (!extra.is_some || json_object(arena, extra.val, object)) return true;
    return refuse(error, &(Path){at, "extra", 0}, "should be a JSON object");
}

bool object_extra(Writer *writer, const Object *extra, const Path *at, Error *error) {
    for (size_t i = 0; i < extra->count; i++) {
        const Field *field = &extra->fields[i];
        for (size_t own = 0; own < writer->count; own++) {
            if (!text_is(field->key, writer->keys[own])) continue;
            Path extra_path = {at, "extra", 0};
            Path key_path = {&extra_path, writer->keys[own], 0};
            return refuse(error, &key_path, "is set by a field of its own already");
        }
        object_field(writer, field);
    }
    return true;
}

bool put_rest(Buffer *out, const Object *object, const char *key, Str more) {
    Writer writer = {.out = out};
    for (size_t i = 0; i < object->count; i++) {
        const Field *field = &object->fields[i];
        if (text_is(field->value, "null")) continue;
        if (!writer.any) put_byte(out, '{');
        object_field(&writer, field);
    }
    if (more.len != 0) {
        if (!writer.any) put_byte(out, '{');
        object_key(&writer, key);
        put_byte(out, '[');
        put(out, more);
        put_byte(out, ']');
    }
    if (writer.any) object_close(&writer);
    return writer.any;
}
