#include "errors.h"

#include "answer.h"
#include "give.h"
#include "retry_after.h"
#include "write.h"

/* The most characters of the vendor's message that are passed on: enough for every message that explains something. */
enum { MESSAGE_CHARACTERS_MAX = 1000, WORD_CHARACTERS_MAX = 100 };

/* 498 means a word in the request or the answer that the vendor doesn't allow, not a wrong key; 499 means that the
 * request was cancelled. */
static void set_kind(uint16_t status, Error *error) {
    static const struct {
        uint16_t status;
        uint8_t kind;
    } KINDS[] = {
        {401, CREDENTIALS}, {402, BILLING},   {403, CREDENTIALS},  {404, NOT_FOUND},
        {408, TIMED_OUT},   {413, TOO_LARGE}, {429, RATE_LIMITED}, {501, UNSUPPORTED},
        {503, OVERLOADED},  {504, TIMED_OUT}, {529, OVERLOADED},
    };
    if (status == 499) {
        error->kind = (arete_provider_llm_error_kind_t){.tag = OTHER_FAILURE, .val.other = give_text("cancelled")};
        return;
    }
    error->kind.tag = status < 400 ? BAD_RESPONSE : status < 500 ? INVALID_REQUEST : VENDOR_FAILED;
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        if (KINDS[i].status == status) error->kind.tag = KINDS[i].kind;
    }
}

static Str unexplained(Arena *arena, uint16_t status) {
    Buffer says = buffer_in(arena);
    put_text(&says, "The vendor answered HTTP ");
    put_count(&says, status);
    if (status < 400) put_text(&says, ", a redirect, which isn't followed");
    else put_text(&says, " without a reason");
    put_text(&says, status < 400 || status == 404 || status == 405 ? "; is `base-url` right?" : ".");
    return says.text;
}

/* Takes a string that isn't blank. A field of another type stays and is passed on with the rest. */
static bool take_said(Arena *arena, Object *body, const char *key, Str *said) {
    Object copy = {arena_take(arena, body->count, sizeof(Field)), body->count};
    for (size_t i = 0; i < body->count; i++) copy.fields[i] = body->fields[i];
    Str value;
    if (!object_take(&copy, key, &value) || !json_string(arena, value, said)) return false;
    *body = copy;
    return text_trim(*said).len != 0;
}

/* Writes the remaining fields as `extra`, with the header `x-should-retry`, which the host acts on. */
static OptionJson refusal_extra(Arena *arena, const Object *said, Str should_retry) {
    Object all = {arena_take(arena, said->count + 1, sizeof(Field)), said->count};
    for (size_t i = 0; i < said->count; i++) all.fields[i] = said->fields[i];
    if (should_retry.len != 0) {
        Buffer word = buffer_in(arena);
        if (should_retry.len > WORD_CHARACTERS_MAX) should_retry.len = WORD_CHARACTERS_MAX;
        put_json_string(&word, should_retry);
        all.fields[all.count++] = (Field){LITERAL("x-should-retry"), word.text};
    }
    return rest_extra(arena, &all, (Str){0});
}

/* The vendor says `{"message": "…"}`; gateways say `{"error": "…"}` or `{"error": {"message": "…"}}`. */
static bool take_message(Arena *arena, Object *body, Str *message) {
    if (take_said(arena, body, "message", message) || take_said(arena, body, "error", message)) return true;
    for (size_t i = 0; i < body->count; i++) {
        Object inner;
        if (!text_is(body->fields[i].key, "error") || !json_object(arena, body->fields[i].value, &inner)) continue;
        return take_said(arena, &inner, "message", message);
    }
    return false;
}

bool refusal(uint16_t status, const RefusalHeaders *headers, Str body, Error *error) {
    Arena arena = {0};
    Object said;
    Str message;
    Str id;
    (void)json_object(&arena, body, &said);
    bool explained = take_message(&arena, &said, &message);
    bool named = take_said(&arena, &said, "id", &id);
    if (!named && headers->trace.len != 0) {
        id = headers->trace;
        named = true;
    }
    *error = (Error){.status = {.is_some = true, .val = status}};
    set_kind(status, error);
    message = explained ? text_clip(&arena, message, MESSAGE_CHARACTERS_MAX) : unexplained(&arena, status);
    error->message = give(message);
    if (named) error->request_id = give_some(text_clip(&arena, id, WORD_CHARACTERS_MAX));
    error->retry_after_ms.is_some = retry_after_ms(headers->retry_after, headers->date, &error->retry_after_ms.val);
    error->extra = refusal_extra(&arena, &said, headers->should_retry);
    arena_end(&arena);
    return false;
}

bool not_a_stream(Str content_type, Str body, Error *error) {
    Arena arena = {0};
    Object said;
    Str message;
    (void)json_object(&arena, body, &said);
    if (take_message(&arena, &said, &message)) {
        /* A kind that isn't tried again, because the vendor doesn't name one. */
        (void)fail(error, BAD_RESPONSE, text_clip(&arena, message, MESSAGE_CHARACTERS_MAX));
        arena_end(&arena);
        return false;
    }
    Buffer says = buffer_in(&arena);
    bool named = content_type.len != 0;
    put_text(&says, "The vendor's answer isn't what its API promises: a stream was asked for, and ");
    put_text(&says, named ? "`" : "something else");
    put(&says, text_clip(&arena, content_type, WORD_CHARACTERS_MAX));
    put_text(&says, named ? "` came." : " came.");
    (void)fail(error, BAD_RESPONSE, says.text);
    arena_end(&arena);
    return false;
}

bool not_sent(arete_provider_http_http_error_t *from, Error *error) {
    static const uint8_t KINDS[] = {
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_DENIED] = DENIED,
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_INVALID] = INVALID_REQUEST,
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_CONNECTION] = CONNECTION,
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_TIMEOUT] = TIMED_OUT,
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_INTERRUPTED] = INTERRUPTED,
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_TOO_LARGE] = BAD_RESPONSE,
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_NOT_TEXT] = BAD_RESPONSE,
    };
    /* Every case holds one string, so reading one member reads them all. */
    (void)fail(error, OTHER_FAILURE, from->val.other);
    if (from->tag < sizeof KINDS) error->kind.tag = KINDS[from->tag];
    else error->kind.val.other = give_text("http");
    arete_provider_http_http_error_free(from);
    return false;
}
