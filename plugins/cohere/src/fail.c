#include "fail.h"

#include "give.h"

static void put_path(Buffer *out, const Path *path) {
    if (path->outer) put_path(out, path->outer);
    if (path->key) {
        if (path->outer) put_byte(out, '.');
        put_text(out, path->key);
    } else {
        put_byte(out, '[');
        put_count(out, path->index);
        put_byte(out, ']');
    }
}

static void put_sentence(Buffer *out, const Path *at, const char *says) {
    put_byte(out, '`');
    put_path(out, at);
    put_text(out, "` ");
    put_text(out, says);
    put_byte(out, '.');
}

bool fail(Error *error, uint8_t kind, Str message) {
    *error = (Error){.kind.tag = kind, .message = give(message)};
    return false;
}

bool refuse_as(Error *error, uint8_t kind, const Path *at, const char *says) {
    Arena arena = {0};
    Buffer sentence = buffer_in(&arena);
    put_sentence(&sentence, at, says);
    (void)fail(error, kind, sentence.text);
    Buffer field = buffer_in(&arena);
    put_path(&field, at);
    error->field = give_some(field.text);
    arena_end(&arena);
    return false;
}

bool refuse(Error *error, const Path *at, const char *says) {
    return refuse_as(error, INVALID_REQUEST, at, says);
}

#define BROKEN "The vendor's answer isn't what its API promises: "

bool broken(Error *error, const Path *at, const char *says) {
    Arena arena = {0};
    Buffer sentence = buffer_in(&arena);
    put_text(&sentence, BROKEN);
    put_sentence(&sentence, at, says);
    (void)fail(error, BAD_RESPONSE, sentence.text);
    arena_end(&arena);
    return false;
}

bool broken_order(Error *error, const char *says) {
    Arena arena = {0};
    Buffer sentence = buffer_in(&arena);
    put_text(&sentence, BROKEN);
    put_text(&sentence, says);
    put_byte(&sentence, '.');
    (void)fail(error, BAD_RESPONSE, sentence.text);
    arena_end(&arena);
    return false;
}
