/* A provider: it turns a question into one HTTP request to the vendor, and the vendor's answer into Arete's.
 *
 * The first build writes the contract to build/bindings/provider.h, with every type and function explained. Keys, retries,
 * limits and caching are the host's work. An instance answers one call at a time, and only one where the operator doesn't
 * say otherwise, so there is nothing to remember. The generated code frees what is handed to the host. */
#include "contract.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

/* What an exported function needs on its way. Each begins by releasing what the one before it left. */
static Arena memory;

/* A copy to hand to the host, which frees it: literals and what we still need must be copied. */
static Str copy(Str text) {
    if (text.len == 0) return (Str){0};
    Str copied = {malloc(text.len), text.len};
    if (!copied.ptr) abort();
    memcpy(copied.ptr, text.ptr, text.len);
    text_clean(copied);
    return copied;
}

static Buffer buffer(void) { return buffer_in(&memory); }

/* Every failure is told like this: `return fail(…)`. */
static bool fail(Error *error, uint8_t kind, Str message) {
    *error = (Error){.kind = {.tag = kind}, .message = copy(message)};
    if (kind == OTHER_FAILURE) error->kind.val.other = copy(LITERAL("http"));
    return false;
}

static bool bad(Error *error, const char *why) {
    Buffer says = buffer();
    put_text(&says, "The vendor's answer isn't what its API promises: ");
    put_text(&says, why);
    put_text(&says, ".");
    return fail(error, BAD_RESPONSE, says.text);
}

static bool at_fault(Error *error, uint8_t kind, Str field, const char *says) {
    Buffer message = buffer();
    put_text(&message, "`");
    put(&message, field);
    put_text(&message, "` ");
    put_text(&message, says);
    fail(error, kind, message.text);
    error->field = (provider_option_string_t){true, copy(field)};
    return false;
}

/* What kept the question from being sent, or its answer from being read. */
static bool not_sent(Error *error, const arete_provider_http_http_error_t *failure) {
    static const uint8_t KINDS[] = {
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_DENIED] = DENIED,
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_INVALID] = INVALID_REQUEST,
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_CONNECTION] = CONNECTION,
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_TIMEOUT] = TIMED_OUT,
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_INTERRUPTED] = INTERRUPTED,
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_TOO_LARGE] = BAD_RESPONSE,
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_NOT_TEXT] = BAD_RESPONSE,
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_OTHER] = OTHER_FAILURE,
    };
    return fail(error, KINDS[failure->tag], failure->val.other);
}

static bool setting(const char *key, Str *value, Error *error) {
    Str name = text_of(key);
    if (arete_provider_config_get(&name, value)) return true;
    return at_fault(error, UNCONFIGURED, name, "isn't set.");
}

static Str header(arete_provider_http_borrow_reply_t reply, const char *name) {
    Str key = text_of(name), value;
    return arete_provider_http_method_reply_find_header(reply, &key, &value) ? value : (Str){0};
}

/* What a field of the vendor's answer says, or nothing. */
static Str said(Object *answer, const char *field) {
    Str value, text;
    return object_take(answer, field, &value) && json_string(&memory, value, &text) ? text : (Str){0};
}

static FinishReason finish_reason(Str finish) {
    if (text_is(finish, "stop")) return (FinishReason){.tag = ARETE_PROVIDER_LLM_FINISH_REASON_END_TURN};
    if (text_is(finish, "length")) return (FinishReason){.tag = ARETE_PROVIDER_LLM_FINISH_REASON_MAX_TOKENS};
    if (finish.len == 0) finish = LITERAL("unknown");
    return (FinishReason){.tag = ARETE_PROVIDER_LLM_FINISH_REASON_OTHER, .val.other = copy(finish)};
}

/* A count that makes no sense is left out: the answer is worth more. */
static Usage usage(Object *answer) {
    Usage usage = {0};
    Str value;
    Object counts;
    if (!object_take(answer, "usage", &value) || !json_object(&memory, value, &counts)) return usage;
    usage.input_tokens.is_some = object_take_count(&counts, "in", &usage.input_tokens.val);
    usage.output_tokens.is_some = object_take_count(&counts, "out", &usage.output_tokens.val);
    return usage;
}

static bool put_message(Buffer *out, size_t index, const Message *message, Error *error) {
    static const char *const ROLES[] = {"\"system\"", "\"user\"", "\"assistant\""};
    static const char UNKNOWN[] = "has something that this vendor can't do.";
    Buffer place = buffer(), content = buffer();
    put_text(&place, "messages[");
    put_count(&place, index);
    put_text(&place, "]");
    if (message->role.tag > ARETE_PROVIDER_LLM_ROLE_ASSISTANT) return at_fault(error, UNSUPPORTED, place.text, UNKNOWN);
    for (size_t i = 0; i < message->content.len; i++) {
        const Part *part = &message->content.ptr[i];
        if (part->tag != ARETE_PROVIDER_LLM_PART_TEXT) return at_fault(error, UNSUPPORTED, place.text, UNKNOWN);
        put(&content, part->val.text.text);
    }
    /* Vendors refuse answers of theirs without words. */
    if (message->role.tag == ARETE_PROVIDER_LLM_ROLE_ASSISTANT && text_is_blank(content.text)) return true;
    Buffer object = buffer();
    put_text(&object, "{\"role\":");
    put_text(&object, ROLES[message->role.tag]);
    put_text(&object, ",\"content\":");
    put_json_string(&object, content.text);
    put_text(&object, "}");
    put_listed(out, object.text);
    return true;
}

/* Fields that only the vendor knows: callers give them under `extra`. Their numbers keep the digits that they have. */
static bool put_extra(Buffer *out, const Request *request, Error *error) {
    Object extra = {0};
    if (request->extra.is_some && !json_object(&memory, request->extra.val, &extra)) {
        return at_fault(error, INVALID_REQUEST, LITERAL("extra"), "should be a JSON object.");
    }
    for (size_t i = 0; i < extra.count; i++) {
        Str key = extra.fields[i].key;
        if (text_is(key, "model") || text_is(key, "messages") || text_is(key, "stream") || text_is(key, "max_tokens")) {
            Buffer field = buffer();
            put_text(&field, "extra.");
            put(&field, key);
            return at_fault(error, INVALID_REQUEST, field.text, "has a field of its own.");
        }
        put_text(out, ",");
        put_json_string(out, key);
        put_text(out, ":");
        put(out, extra.fields[i].value);
    }
    return true;
}

/* The question in the vendor's words. What the vendor has no words for is refused: an answer that passed over half of the
 * question would be worse than none. */
static bool put_body(Buffer *out, const Request *request, bool stream, Error *error) {
    const struct {
        bool given;
        Str field;
    } unsupported[] = {
        {request->temperature.is_some, LITERAL("temperature")},
        {request->top_p.is_some, LITERAL("topP")},
        {request->top_k.is_some, LITERAL("topK")},
        {request->stop_sequences.len != 0, LITERAL("stopSequences")},
        {request->tools.len != 0, LITERAL("tools")},
    };
    for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++) {
        if (!unsupported[i].given) continue;
        return at_fault(error, UNSUPPORTED, unsupported[i].field, "isn't something that this vendor can do.");
    }
    Buffer messages = buffer();
    for (size_t i = 0; i < request->messages.len; i++) {
        if (!put_message(&messages, i, &request->messages.ptr[i], error)) return false;
    }
    put_text(out, "{\"model\":");
    put_json_string(out, request->model);
    put_text(out, ",\"messages\":[");
    put(out, messages.text);
    put_text(out, stream ? "],\"stream\":true" : "],\"stream\":false");
    if (request->max_tokens.is_some) {
        put_text(out, ",\"max_tokens\":");
        put_count(out, request->max_tokens.val);
    }
    if (!put_extra(out, request, error)) return false;
    put_text(out, "}");
    text_clean(out->text);
    return true;
}

/* An answer with a status that isn't a success. Its body may be anything: what stands before the vendor may answer with a
 * page of its own. */
static bool refused(arete_provider_http_borrow_reply_t reply, uint16_t status, Error *error) {
    uint8_t kind = status < 400 ? BAD_RESPONSE : status < 500 ? INVALID_REQUEST : VENDOR_FAILED;
    switch (status) {
        case 401: case 403: kind = CREDENTIALS; break;
        case 402: kind = BILLING; break;
        case 404: kind = NOT_FOUND; break;
        case 408: case 504: kind = TIMED_OUT; break;
        case 413: kind = TOO_LARGE; break;
        case 429: kind = RATE_LIMITED; break;
        case 503: case 529: kind = OVERLOADED; break;
    }
    Buffer message = buffer();
    Str text;
    Object answer = {0};
    arete_provider_http_http_error_t unread;
    if (arete_provider_http_method_reply_read_text(reply, &text, &unread)) (void)json_object(&memory, text, &answer);
    put(&message, said(&answer, "error"));
    if (message.text.len == 0) {
        put_text(&message, "The vendor answered HTTP ");
        put_count(&message, status);
        put_text(&message, " without a reason.");
    }
    fail(error, kind, message.text);
    error->status.is_some = true;
    error->status.val = status;
    uint32_t seconds;
    error->retry_after_ms.is_some = json_count(header(reply, "retry-after"), &seconds);
    if (error->retry_after_ms.is_some) {
        error->retry_after_ms.val = seconds < UINT32_MAX / 1000 ? seconds * 1000 : UINT32_MAX;
    }
    /* The vendor's advice, which the host follows. */
    Str advice = header(reply, "x-should-retry");
    if (advice.len != 0) {
        Buffer extra = buffer();
        put_text(&extra, "{\"x-should-retry\":");
        put_json_string(&extra, text_clip(&memory, advice, 99));
        put_text(&extra, "}");
        error->extra = (OptionJson){true, copy(extra.text)};
    }
    return false;
}

/* Asks the vendor. What comes back has been accepted; a refusal is an error. */
static bool ask(const Request *request, bool stream, arete_provider_http_own_reply_t *reply, Error *error) {
    Str base_url;
    Buffer body = buffer(), url = buffer();
    if (!setting("base-url", &base_url, error) || !put_body(&body, request, stream, error)) return false;
    while (base_url.len != 0 && base_url.ptr[base_url.len - 1] == '/') base_url.len--;
    put(&url, base_url);
    put_text(&url, "/v1/chat");
    arete_provider_http_header_t headers[] = {
        {LITERAL("content-type"), LITERAL("application/json")},
        {LITERAL("accept"), stream ? LITERAL("text/event-stream") : LITERAL("application/json")},
    };
    arete_provider_http_http_request_t question = {
        .method = LITERAL("POST"),
        .url = url.text,
        .headers = {headers, 2},
        .body = {.is_some = true, .val = {.tag = ARETE_PROVIDER_HTTP_BODY_TEXT, .val.text = body.text}},
    };
    arete_provider_http_http_error_t unsent;
    if (!arete_provider_http_send(&question, reply, &unsent)) return not_sent(error, &unsent);
    uint16_t status = arete_provider_http_method_reply_status(arete_provider_http_borrow_reply(*reply));
    if (status >= 200 && status < 300) return true;
    refused(arete_provider_http_borrow_reply(*reply), status, error);
    arete_provider_http_reply_drop_own(*reply);
    return false;
}

/* Asked once, when the plugin is loaded. Settings that are wrong are best told here. */
bool exports_arete_provider_chat_describe(exports_arete_provider_chat_info_t *info, Error *error) {
    Str model, base_url;
    arena_end(&memory);
    if (!setting("model", &model, error) || !setting("base-url", &base_url, error)) return false;
    *info = (exports_arete_provider_chat_info_t){
        .vendor = copy(LITERAL("plugin-name")),
        .version = copy(LITERAL("0.1.0")),
        .default_model = {true, copy(model)},
        .models = {calloc(1, sizeof(Str)), 1},
        .features = {calloc(1, sizeof(arete_provider_llm_feature_t)), 1},
    };
    info->models.ptr[0] = model;
    info->features.ptr[0].tag = ARETE_PROVIDER_LLM_FEATURE_STREAMING;
    return true;
}

bool exports_arete_provider_chat_complete(Request *request, Completion *completion, Error *error) {
    arete_provider_http_own_reply_t reply;
    arena_end(&memory);
    if (!ask(request, false, &reply, error)) return false;
    Str body, value, text;
    Object answer;
    arete_provider_http_http_error_t unread;
    bool read = arete_provider_http_method_reply_read_text(arete_provider_http_borrow_reply(reply), &body, &unread);
    arete_provider_http_reply_drop_own(reply);
    if (!read) return not_sent(error, &unread);
    if (!json_object(&memory, body, &answer)) return bad(error, "it isn't a JSON object");
    if (!object_take(&answer, "text", &value) || !json_string(&memory, value, &text)) {
        return bad(error, "there is no text in it");
    }
    *completion = (Completion){
        .id = copy(said(&answer, "id")),
        .model = copy(said(&answer, "model")),
        .parts = {calloc(1, sizeof(Part)), 1},
        .finish_reason = finish_reason(said(&answer, "finish")),
        .usage = usage(&answer),
    };
    completion->parts.ptr[0].tag = ARETE_PROVIDER_LLM_PART_TEXT;
    completion->parts.ptr[0].val.text.text = copy(text);
    return true;
}

/* A streamed answer on its way. */
struct exports_arete_provider_chat_deltas_t {
    arete_provider_http_own_reply_t reply;
    /* What outlives one event. */
    Arena kept;
    Buffer model, finish;
    /* Half of a character, which the vendor cut in two: its other half may come with the next event. */
    Buffer half;
    bool streamed, begun, done;
};

/* Returns when the vendor has accepted the question; the answer then comes by `next`. */
bool exports_arete_provider_chat_open_stream(Request *request, exports_arete_provider_chat_own_deltas_t *deltas,
                                             Error *error) {
    arete_provider_http_own_reply_t reply;
    arena_end(&memory);
    if (!ask(request, true, &reply, error)) return false;
    exports_arete_provider_chat_deltas_t *answer = calloc(1, sizeof *answer);
    answer->reply = reply;
    answer->model = answer->finish = answer->half = buffer_in(&answer->kept);
    put(&answer->model, request->model);
    *deltas = exports_arete_provider_chat_deltas_new(answer);
    return true;
}

/* The most that one event tells: half a character, the start, a text, counts and the end. */
enum { DELTAS_MAX = 5 };

static Event *tell(DeltaList *deltas, uint8_t tag) {
    Event *event = &deltas->ptr[deltas->len++].event;
    event->tag = tag;
    return event;
}

static void tell_text(DeltaList *deltas, Str text) {
    if (text.len != 0) tell(deltas, ARETE_PROVIDER_LLM_EVENT_TEXT)->val.text.text = copy(text);
}

/* The answer is complete: the vendor has said so, or has given a reason and ended its body properly. */
static void tell_end(exports_arete_provider_chat_deltas_t *answer, Object *event, DeltaList *deltas) {
    answer->done = true;
    tell_text(deltas, answer->half.text);
    tell(deltas, ARETE_PROVIDER_LLM_EVENT_USAGE)->val.usage = usage(event);
    tell(deltas, ARETE_PROVIDER_LLM_EVENT_FINISH)->val.finish.reason = finish_reason(answer->finish.text);
}

static bool take_event(exports_arete_provider_chat_deltas_t *answer, Str data, DeltaList *deltas, Error *error) {
    Object event;
    Str value, text;
    if (!json_object(&memory, data, &event)) return bad(error, "an event of it isn't a JSON object");
    if (object_take(&event, "error", &value)) {
        bool explained = json_string(&memory, value, &text);
        return fail(error, VENDOR_FAILED, explained ? text : LITERAL("The vendor reported an error."));
    }
    if (!answer->begun) {
        answer->begun = true;
        tell(deltas, ARETE_PROVIDER_LLM_EVENT_START)->val.start.model = copy(answer->model.text);
    }
    if (object_take(&event, "text", &value) && json_string(&memory, value, &text)) {
        tell_text(deltas, text_with_half(&memory, &answer->half, text));
    }
    Str finish = said(&event, "finish");
    if (finish.len != 0) {
        answer->finish.text.len = 0;
        put(&answer->finish, finish);
    }
    if (object_take(&event, "done", &value) && text_is(value, "true")) tell_end(answer, &event, deltas);
    return true;
}

/* What stands before the vendor answers with a whole body, under any content type, where a stream was asked for. */
static bool no_stream(exports_arete_provider_chat_deltas_t *answer, Str line, Error *error) {
    arete_provider_http_http_error_t unread;
    Str rest;
    Buffer body = buffer();
    Object object;
    if (!arete_provider_http_method_reply_read_text(arete_provider_http_borrow_reply(answer->reply), &rest, &unread)) {
        return not_sent(error, &unread);
    }
    put(&body, line);
    put(&body, rest);
    (void)json_object(&memory, body.text, &object);
    Str failure = said(&object, "error");
    return failure.len != 0 ? fail(error, BAD_RESPONSE, failure) : bad(error, "a stream was asked for, and none came");
}

/* This vendor's events have one line of data each, so lines are read. For events of several lines the host has
 * `next-event`. */
static bool take_line(exports_arete_provider_chat_deltas_t *answer, Str line, DeltaList *deltas, Error *error) {
    static const char BYTE_ORDER_MARK[] = "\xEF\xBB\xBF";
    Str text = text_trim(line);
    if (!answer->streamed && text_starts(text, BYTE_ORDER_MARK)) text = text_trim((Str){text.ptr + 3, text.len - 3});
    if (text.len == 0) return true;
    if (!answer->streamed && text_holds(LITERAL("{[<\""), (char)text.ptr[0])) return no_stream(answer, line, error);
    answer->streamed = true;
    if (!text_starts(text, "data:")) return true;
    return take_event(answer, (Str){text.ptr + 5, text.len - 5}, deltas, error);
}

/* What is new. Nothing means the end, and is said only after the vendor has said so. */
bool exports_arete_provider_chat_method_deltas_next(exports_arete_provider_chat_borrow_deltas_t answer,
                                                    DeltaList *deltas, Error *error) {
    *deltas = (DeltaList){calloc(DELTAS_MAX, sizeof(Delta)), 0};
    while (deltas->len == 0 && !answer->done) {
        provider_option_string_t line;
        arete_provider_http_http_error_t unread;
        arena_end(&memory);
        arete_provider_http_borrow_reply_t reply = arete_provider_http_borrow_reply(answer->reply);
        if (!arete_provider_http_method_reply_next_line(reply, &line, &unread)) return not_sent(error, &unread);
        if (line.is_some) {
            if (!take_line(answer, line.val, deltas, error)) return false;
            /* Of these there may be many in one call. */
            provider_option_string_free(&line);
        } else if (answer->finish.text.len != 0) {
            tell_end(answer, &(Object){0}, deltas);
        } else {
            return fail(error, INTERRUPTED, LITERAL("The vendor's answer broke off."));
        }
    }
    return true;
}

/* The caller has left, or has all: the connection is closed. */
void exports_arete_provider_chat_deltas_destructor(exports_arete_provider_chat_deltas_t *answer) {
    arete_provider_http_reply_drop_own(answer->reply);
    arena_end(&answer->kept);
    free(answer);
}
