/* The provider for Cohere's Chat API, version 2.
 *
 * All I/O is in this file. request.c and message.c write the body that is sent; answer.c, lines.c, stream.c, whole.c
 * and errors.c read what comes back, without I/O, so that tests can give them the vendor's bytes. */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "contract.h"
#include "errors.h"
#include "give.h"
#include "lines.h"
#include "request.h"
#include "settings.h"
#include "stream.h"
#include "whole.h"

#define VERSION "0.1.0"

/* A streamed answer that is being read. */
struct exports_arete_provider_chat_deltas_t {
    arete_provider_http_own_reply_t reply;
    Str request_id;
    /* The beginning of the body, up to the end of its first event. */
    Lines lines;
    bool at_end;
    Stream stream;
};

static Str setting(const char *key) {
    Str name = text_of(key);
    Str value;
    return arete_provider_config_get(&name, &value) ? value : (Str){0};
}

static bool read_settings(Arena *arena, Settings *settings, Error *error) {
    Str given[] = {setting("base-url"), setting("model"), setting("models")};
    Str kept[3];
    for (size_t i = 0; i < 3; i++) {
        Buffer copy = buffer_in(arena);
        put(&copy, given[i]);
        kept[i] = copy.text;
        provider_string_free(&given[i]);
    }
    return settings_read(arena, kept[0], kept[1], kept[2], settings, error);
}

static Str header(arete_provider_http_borrow_reply_t reply, const char *name) {
    Str key = text_of(name);
    Str value;
    return arete_provider_http_method_reply_find_header(reply, &key, &value) ? value : (Str){0};
}

/* Adds the vendor's request ID to a failure after the head of its answer, for the vendor's support. */
static bool with_request_id(Error *error, Str request_id) {
    if (!error->request_id.is_some && request_id.len != 0) error->request_id = give_some(request_id);
    return false;
}

static bool refused(arete_provider_http_own_reply_t own, uint16_t status, Error *error) {
    arete_provider_http_borrow_reply_t reply = arete_provider_http_borrow_reply(own);
    RefusalHeaders headers = {header(reply, "retry-after"), header(reply, "date"), header(reply, "x-debug-trace-id"),
                              header(reply, "x-should-retry")};
    Str body;
    arete_provider_http_http_error_t unread;
    /* If the body can't be read, the refusal is reported without it. */
    if (!arete_provider_http_method_reply_read_text(reply, &body, &unread)) {
        arete_provider_http_http_error_free(&unread);
        body = (Str){0};
    }
    (void)refusal(status, &headers, body, error);
    provider_string_free(&body);
    provider_string_free(&headers.retry_after);
    provider_string_free(&headers.date);
    provider_string_free(&headers.trace);
    provider_string_free(&headers.should_retry);
    return false;
}

/* Sends the request. The reply's status is a success; a refusal is an error. */
static bool ask(Arena *arena, const Request *request, bool stream, arete_provider_http_own_reply_t *reply,
                Error *error) {
    Settings settings;
    Str body;
    if (!read_settings(arena, &settings, error) || !request_body(arena, request, stream, &body, error)) return false;
    arete_provider_http_header_t headers[] = {
        {LITERAL("content-type"), LITERAL("application/json")},
        {LITERAL("accept"), stream ? LITERAL("text/event-stream") : LITERAL("application/json")},
    };
    arete_provider_http_http_request_t question = {
        .method = LITERAL("POST"),
        .url = settings.url,
        .headers = {headers, sizeof headers / sizeof *headers},
        .body = {.is_some = true, .val = {.tag = ARETE_PROVIDER_HTTP_BODY_TEXT, .val.text = body}},
    };
    arete_provider_http_http_error_t unsent;
    if (!arete_provider_http_send(&question, reply, &unsent)) return not_sent(&unsent, error);
    uint16_t status = arete_provider_http_method_reply_status(arete_provider_http_borrow_reply(*reply));
    if (status >= 200 && status < 300) return true;
    (void)refused(*reply, status, error);
    arete_provider_http_reply_drop_own(*reply);
    return false;
}

bool exports_arete_provider_chat_describe(exports_arete_provider_chat_info_t *info, Error *error) {
    static const uint8_t FEATURES[] = {
        ARETE_PROVIDER_LLM_FEATURE_STREAMING,
        ARETE_PROVIDER_LLM_FEATURE_IMAGES,
        ARETE_PROVIDER_LLM_FEATURE_TOOLS,
        ARETE_PROVIDER_LLM_FEATURE_THINKING,
    };
    Arena arena = {0};
    Settings settings;
    bool done = read_settings(&arena, &settings, error);
    if (done) {
        *info = (exports_arete_provider_chat_info_t){
            .vendor = give_text("cohere"),
            .version = give_text(VERSION),
            .default_model = give_some(settings.model),
        };
        size_t count = 0;
        Str name;
        for (Str names = settings.models; next_name(&names, &name);) count++;
        info->models.ptr = give_list(count, sizeof(Str));
        for (Str names = settings.models; next_name(&names, &name);) info->models.ptr[info->models.len++] = give(name);
        info->features.len = sizeof FEATURES;
        info->features.ptr = give_list(sizeof FEATURES, sizeof *info->features.ptr);
        for (size_t i = 0; i < sizeof FEATURES; i++) info->features.ptr[i].tag = FEATURES[i];
    }
    arena_end(&arena);
    return done;
}

static bool complete(Arena *arena, const Request *request, Completion *completion, Error *error) {
    arete_provider_http_own_reply_t own;
    if (!ask(arena, request, false, &own, error)) return false;
    arete_provider_http_borrow_reply_t reply = arete_provider_http_borrow_reply(own);
    Str request_id = header(reply, "x-debug-trace-id");
    Str body;
    arete_provider_http_http_error_t unread;
    bool done = arete_provider_http_method_reply_read_text(reply, &body, &unread);
    if (done) {
        done = answer_read(body, request->model, completion, error);
        provider_string_free(&body);
    } else {
        (void)not_sent(&unread, error);
    }
    if (!done) (void)with_request_id(error, request_id);
    provider_string_free(&request_id);
    arete_provider_http_reply_drop_own(own);
    return done;
}

bool exports_arete_provider_chat_complete(Request *request, Completion *completion, Error *error) {
    Arena arena = {0};
    bool done = complete(&arena, request, completion, error);
    arena_end(&arena);
    exports_arete_provider_chat_request_free(request);
    return done;
}

bool exports_arete_provider_chat_open_stream(Request *request, exports_arete_provider_chat_own_deltas_t *deltas,
                                             Error *error) {
    Arena arena = {0};
    arete_provider_http_own_reply_t own;
    bool done = ask(&arena, request, true, &own, error);
    arena_end(&arena);
    if (done) {
        exports_arete_provider_chat_deltas_t *answer = give_list(1, sizeof *answer);
        answer->reply = own;
        answer->request_id = header(arete_provider_http_borrow_reply(own), "x-debug-trace-id");
        answer->stream.model = give(request->model);
        *deltas = exports_arete_provider_chat_deltas_new(answer);
    }
    exports_arete_provider_chat_request_free(request);
    return done;
}

/* Reads a line for the first event. */
static bool read_line(exports_arete_provider_chat_deltas_t *answer, Error *error) {
    provider_option_string_t line;
    arete_provider_http_http_error_t unread;
    arete_provider_http_borrow_reply_t reply = arete_provider_http_borrow_reply(answer->reply);
    if (!arete_provider_http_method_reply_next_line(reply, &line, &unread)) return not_sent(&unread, error);
    if (line.is_some) lines_add(&answer->lines, line.val);
    else lines_close(&answer->lines);
    answer->at_end = !line.is_some;
    provider_option_string_free(&line);
    return true;
}

/* Reads the rest of a body that is no stream. */
static bool read_whole(exports_arete_provider_chat_deltas_t *answer, DeltaList *deltas, Error *error) {
    arete_provider_http_borrow_reply_t reply = arete_provider_http_borrow_reply(answer->reply);
    arete_provider_http_http_error_t unread;
    Str rest;
    if (!arete_provider_http_method_reply_read_text(reply, &rest, &unread)) return not_sent(&unread, error);
    Str content_type = header(reply, "content-type");
    Buffer body = buffer_in(&answer->lines.arena);
    put(&body, answer->lines.line.text);
    put(&body, rest);
    bool done = whole_read(body.text, answer->stream.model, content_type, deltas, error);
    answer->stream.finished = true;
    provider_string_free(&rest);
    provider_string_free(&content_type);
    return done;
}

/* Reads an event that the host frames. */
static bool read_event(exports_arete_provider_chat_deltas_t *answer, Told *told, Error *error) {
    arete_provider_http_option_sse_event_t event;
    arete_provider_http_http_error_t unread;
    arete_provider_http_borrow_reply_t reply = arete_provider_http_borrow_reply(answer->reply);
    if (!arete_provider_http_method_reply_next_event(reply, &event, &unread)) return not_sent(&unread, error);
    if (!event.is_some) return stream_cut(error);
    bool taken = stream_take(&answer->stream, event.val.name, event.val.data, told, error);
    arete_provider_http_option_sse_event_free(&event);
    return taken;
}

/* Reads until there is a delta. */
static bool listen(exports_arete_provider_chat_deltas_t *answer, DeltaList *deltas, Error *error) {
    Told told = {.count = 0};
    *deltas = (DeltaList){0};
    while (told.count == 0 && !answer->stream.finished) {
        Str name;
        Str data;
        bool done = true;
        switch (lines_next(&answer->lines, &name, &data)) {
        case LINES_EVENT: done = stream_take(&answer->stream, name, data, &told, error); break;
        case LINES_NO_STREAM: return read_whole(answer, deltas, error);
        case LINES_NEED_MORE:
            if (answer->at_end) done = stream_cut(error);
            else if (answer->lines.framed) done = read_event(answer, &told, error);
            else done = read_line(answer, error);
        }
        if (!done) return false;
    }
    *deltas = (DeltaList){give_list(told.count, sizeof(Delta)), told.count};
    if (told.count != 0) memcpy(deltas->ptr, told.deltas, told.count * sizeof(Delta));
    return true;
}

bool exports_arete_provider_chat_method_deltas_next(exports_arete_provider_chat_borrow_deltas_t answer,
                                                    DeltaList *deltas, Error *error) {
    return listen(answer, deltas, error) || with_request_id(error, answer->request_id);
}

void exports_arete_provider_chat_deltas_destructor(exports_arete_provider_chat_deltas_t *answer) {
    arete_provider_http_reply_drop_own(answer->reply);
    provider_string_free(&answer->request_id);
    provider_string_free(&answer->stream.model);
    lines_end(&answer->lines);
    stream_end(&answer->stream);
    free(answer);
}
