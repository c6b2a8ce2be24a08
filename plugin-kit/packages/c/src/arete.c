/* The exchange with a vendor, as all providers in C have it: see arete.h. The generated code frees what is handed to the host. */
#include "arete.h"

#include <stdlib.h>
#include <string.h>

/* What an exported function needs on its way. Each begins by releasing what the one before it left. */
static Arena memory;

Buffer buffer(void) { return buffer_in(&memory); }

Str copy(Str text) {
    if (text.len == 0) return (Str){0};
    Str copied = {malloc(text.len), text.len};
    if (!copied.ptr) abort();
    memcpy(copied.ptr, text.ptr, text.len);
    text_clean(copied);
    return copied;
}

bool fail(Error *error, uint8_t kind, Str message) {
    *error = (Error){.kind = {.tag = kind}, .message = copy(message)};
    if (kind == OTHER_FAILURE) error->kind.val.other = copy(LITERAL("http"));
    return false;
}

bool bad(Error *error, const char *why) {
    Buffer says = buffer();
    put_text(&says, "The vendor's answer isn't what its API promises: ");
    put_text(&says, why);
    put_text(&says, ".");
    return fail(error, BAD_RESPONSE, says.text);
}

bool at_fault(Error *error, uint8_t kind, Str field, const char *says) {
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

bool setting(const char *key, Str *value, Error *error) {
    Str name = text_of(key);
    if (arete_provider_config_get(&name, value)) return true;
    return at_fault(error, UNCONFIGURED, name, "isn't set.");
}

static Str header(arete_provider_http_borrow_reply_t reply, const char *name) {
    Str key = text_of(name), value;
    return arete_provider_http_method_reply_find_header(reply, &key, &value) ? value : (Str){0};
}

Str said(Object *answer, const char *field) {
    Str value, text;
    return object_take(answer, field, &value) && json_string(&memory, value, &text) ? text : (Str){0};
}

FinishReason finish_reason(const FinishWord *words, Str word) {
    for (; words->word; words++) {
        if (text_is(word, words->word)) return (FinishReason){.tag = words->reason};
    }
    if (word.len == 0) word = LITERAL("unknown");
    return (FinishReason){.tag = ARETE_PROVIDER_LLM_FINISH_REASON_OTHER, .val.other = copy(word)};
}

Usage usage_of(Object *object, const char *input, const char *output) {
    Usage usage = {0};
    Str value;
    Object counts;
    if (!object_take(object, "usage", &value) || !json_object(&memory, value, &counts)) return usage;
    usage.input_tokens.is_some = object_take_count(&counts, input, &usage.input_tokens.val);
    usage.output_tokens.is_some = object_take_count(&counts, output, &usage.output_tokens.val);
    return usage;
}

void answer_text(Completion *completion, Str text) {
    completion->parts.ptr = calloc(1, sizeof(Part));
    if (!completion->parts.ptr) abort();
    completion->parts.len = 1;
    completion->parts.ptr[0].tag = ARETE_PROVIDER_LLM_PART_TEXT;
    completion->parts.ptr[0].val.text.text = copy(text);
}

bool info_of(const char *vendor, const char *version, Info *info, Error *error) {
    Str model, base_url;
    if (!setting("model", &model, error) || !setting("base-url", &base_url, error)) return false;
    *info = (Info){
        .vendor = copy(text_of(vendor)),
        .version = copy(text_of(version)),
        .default_model = {true, copy(model)},
        .models = {calloc(1, sizeof(Str)), 1},
        .features = {calloc(1, sizeof(arete_provider_llm_feature_t)), 1},
    };
    info->models.ptr[0] = copy(model);
    info->features.ptr[0].tag = ARETE_PROVIDER_LLM_FEATURE_STREAMING;
    return true;
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

bool put_texts(Buffer *out, const Request *request, Error *error) {
    Buffer messages = buffer();
    for (size_t i = 0; i < request->messages.len; i++) {
        if (!put_message(&messages, i, &request->messages.ptr[i], error)) return false;
    }
    put_text(out, "[");
    put(out, messages.text);
    put_text(out, "]");
    return true;
}

bool only(const Request *request, bool max_tokens, Error *error) {
    const struct {
        bool given;
        Str field;
    } unsupported[] = {
        {request->max_tokens.is_some && !max_tokens, LITERAL("maxTokens")},
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
    return true;
}

static bool has(const Object *object, Str key) {
    for (size_t i = 0; i < object->count; i++) {
        Str known = object->fields[i].key;
        if (known.len == key.len && memcmp(known.ptr, key.ptr, key.len) == 0) return true;
    }
    return false;
}

/* The question with the fields that only the vendor knows: callers give them under `extra`. Their numbers keep the digits that they
 * have. */
static bool put_body(Buffer *out, Str fields, const Request *request, Error *error) {
    Object own = {0}, extra = {0};
    Buffer plain = buffer();
    put_text(&plain, "{");
    put(&plain, fields);
    put(out, plain.text);
    put_text(&plain, "}");
    if (!json_object(&memory, plain.text, &own)) return fail(error, OTHER_FAILURE, LITERAL("The plugin's question isn't JSON."));
    if (request->extra.is_some && !json_object(&memory, request->extra.val, &extra)) {
        return at_fault(error, INVALID_REQUEST, LITERAL("extra"), "should be a JSON object.");
    }
    for (size_t i = 0; i < extra.count; i++) {
        Str key = extra.fields[i].key;
        if (has(&own, key)) {
            Buffer field = buffer();
            put_text(&field, "extra.");
            put(&field, key);
            return at_fault(error, INVALID_REQUEST, field.text, "has a field of its own.");
        }
        put_text(out, own.count + i == 0 ? "" : ",");
        put_json_string(out, key);
        put_text(out, ":");
        put(out, extra.fields[i].value);
    }
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
    if (answer.count != 0) put(&message, vendor_reason(&answer));
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
    Question asked = {.fields = buffer()};
    if (!setting("base-url", &base_url, error) || !vendor_ask(request, stream, &asked, error)) return false;
    if (!put_body(&body, asked.fields.text, request, error)) return false;
    while (base_url.len != 0 && base_url.ptr[base_url.len - 1] == '/') base_url.len--;
    put(&url, base_url);
    put_text(&url, asked.path);
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

bool exports_arete_provider_chat_describe(Info *info, Error *error) {
    arena_end(&memory);
    return vendor_info(info, error);
}

bool exports_arete_provider_chat_complete(Request *request, Completion *completion, Error *error) {
    arete_provider_http_own_reply_t reply;
    arena_end(&memory);
    if (!ask(request, false, &reply, error)) return false;
    Str body;
    Object answer;
    arete_provider_http_http_error_t unread;
    bool read = arete_provider_http_method_reply_read_text(arete_provider_http_borrow_reply(reply), &body, &unread);
    arete_provider_http_reply_drop_own(reply);
    if (!read) return not_sent(error, &unread);
    if (!json_object(&memory, body, &answer)) return bad(error, "it isn't a JSON object");
    *completion = (Completion){0};
    return vendor_answer(&answer, completion, error);
}

/* Half of a character of a block, which the vendor cut in two: its other half may come with the next event. */
typedef struct Half Half;
struct Half {
    uint32_t index;
    Buffer text;
    Half *next;
};

/* A streamed answer on its way. */
struct exports_arete_provider_chat_deltas_t {
    arete_provider_http_own_reply_t reply;
    /* What outlives one event. */
    Arena kept;
    Buffer model;
    Half *halves;
    /* What is told by the call under way. */
    DeltaList told;
    Usage usage;
    FinishReason finish;
    bool counted, reasoned, done, streamed, begun, ended;
};

/* Returns when the vendor has accepted the question; the answer then comes by `next`. */
bool exports_arete_provider_chat_open_stream(Request *request, exports_arete_provider_chat_own_deltas_t *deltas,
                                             Error *error) {
    arete_provider_http_own_reply_t reply;
    arena_end(&memory);
    if (!ask(request, true, &reply, error)) return false;
    Stream *stream = calloc(1, sizeof *stream);
    if (!stream) abort();
    stream->reply = reply;
    stream->model = buffer_in(&stream->kept);
    put(&stream->model, request->model);
    *deltas = exports_arete_provider_chat_deltas_new(stream);
    return true;
}

static Event *add(Stream *stream, uint8_t tag) {
    DeltaList *told = &stream->told;
    told->ptr = realloc(told->ptr, (told->len + 1) * sizeof *told->ptr);
    if (!told->ptr) abort();
    Delta *delta = &told->ptr[told->len++];
    *delta = (Delta){0};
    delta->event.tag = tag;
    return &delta->event;
}

void stream_start(Stream *stream, Str id, Str model) {
    if (stream->begun) return;
    stream->begun = true;
    Event *event = add(stream, ARETE_PROVIDER_LLM_EVENT_START);
    event->val.start.id = copy(id);
    event->val.start.model = copy(model);
}

Event *stream_tell(Stream *stream, uint8_t tag) {
    stream_start(stream, (Str){0}, stream->model.text);
    return add(stream, tag);
}

static void tell_text(Stream *stream, uint32_t index, Str text) {
    if (text.len == 0) return;
    Event *event = stream_tell(stream, ARETE_PROVIDER_LLM_EVENT_TEXT);
    event->val.text.index = index;
    event->val.text.text = copy(text);
}

void stream_text(Stream *stream, uint32_t index, Str piece) {
    Half *half = stream->halves;
    while (half && half->index != index) half = half->next;
    if (!half) {
        half = arena_take(&stream->kept, 1, sizeof *half);
        *half = (Half){index, buffer_in(&stream->kept), stream->halves};
        stream->halves = half;
    }
    if (piece.len != 0) tell_text(stream, index, text_with_half(&memory, &half->text, piece));
}

void stream_usage(Stream *stream, Usage usage) {
    stream->counted = true;
    stream->usage = usage;
}

void stream_finish(Stream *stream, FinishReason reason) {
    if (stream->reasoned) arete_provider_llm_finish_reason_free(&stream->finish);
    stream->reasoned = true;
    stream->finish = reason;
}

void stream_done(Stream *stream) { stream->done = true; }

/* The answer is complete: the vendor has said so, or has given a reason and ended its body properly. */
static void tell_end(Stream *stream) {
    stream->ended = true;
    for (Half *half = stream->halves; half; half = half->next) tell_text(stream, half->index, half->text.text);
    if (stream->counted) stream_tell(stream, ARETE_PROVIDER_LLM_EVENT_USAGE)->val.usage = stream->usage;
    if (!stream->reasoned) stream->finish = finish_reason(&(FinishWord){0}, (Str){0});
    stream->reasoned = false;
    stream_tell(stream, ARETE_PROVIDER_LLM_EVENT_FINISH)->val.finish.reason = stream->finish;
}

static bool take_event(Stream *stream, Str data, Error *error) {
    Object event;
    if (!json_object(&memory, data, &event)) {
        /* Some vendors end with a word, such as [DONE]. */
        if (!stream->reasoned) return bad(error, "an event of it isn't a JSON object");
        tell_end(stream);
        return true;
    }
    if (!vendor_event(&event, stream, error)) return false;
    stream_start(stream, (Str){0}, stream->model.text);
    if (stream->done) tell_end(stream);
    return true;
}

/* What stands before the vendor answers with a whole body, under any content type, where a stream was asked for. */
static bool no_stream(Stream *stream, Str line, Error *error) {
    arete_provider_http_http_error_t unread;
    Str rest;
    Buffer body = buffer();
    Object object;
    if (!arete_provider_http_method_reply_read_text(arete_provider_http_borrow_reply(stream->reply), &rest, &unread)) {
        return not_sent(error, &unread);
    }
    put(&body, line);
    put(&body, rest);
    Str reason = json_object(&memory, body.text, &object) ? vendor_reason(&object) : (Str){0};
    /* Of a kind that isn't tried again: the vendor names none. */
    return reason.len != 0 ? fail(error, BAD_RESPONSE, reason) : bad(error, "a stream was asked for, and none came");
}

/* Events have one line of data each, so lines are read. */
static bool take_line(Stream *stream, Str line, Error *error) {
    static const char BYTE_ORDER_MARK[] = "\xEF\xBB\xBF";
    Str text = text_trim(line);
    if (!stream->streamed && text_starts(text, BYTE_ORDER_MARK)) text = text_trim((Str){text.ptr + 3, text.len - 3});
    if (text.len == 0) return true;
    if (!stream->streamed && text_holds(LITERAL("{[<\""), (char)text.ptr[0])) return no_stream(stream, line, error);
    stream->streamed = true;
    if (!text_starts(text, "data:")) return true;
    return take_event(stream, (Str){text.ptr + 5, text.len - 5}, error);
}

/* What is new. Nothing means the end, and is said only after the vendor has said so. */
bool exports_arete_provider_chat_method_deltas_next(exports_arete_provider_chat_borrow_deltas_t stream,
                                                    DeltaList *deltas, Error *error) {
    while (stream->told.len == 0 && !stream->ended) {
        provider_option_string_t line;
        arete_provider_http_http_error_t unread;
        arena_end(&memory);
        arete_provider_http_borrow_reply_t reply = arete_provider_http_borrow_reply(stream->reply);
        if (!arete_provider_http_method_reply_next_line(reply, &line, &unread)) return not_sent(error, &unread);
        if (line.is_some) {
            bool taken = take_line(stream, line.val, error);
            /* Of these there may be many in one call. */
            provider_option_string_free(&line);
            if (!taken) return false;
        } else if (stream->reasoned) {
            tell_end(stream);
        } else {
            return fail(error, INTERRUPTED, LITERAL("The vendor's answer broke off."));
        }
    }
    *deltas = stream->told;
    stream->told = (DeltaList){0};
    return true;
}

/* The caller has left, or has all: the connection is closed. */
void exports_arete_provider_chat_deltas_destructor(Stream *stream) {
    if (stream->reasoned) arete_provider_llm_finish_reason_free(&stream->finish);
    arete_provider_http_reply_drop_own(stream->reply);
    exports_arete_provider_chat_list_delta_free(&stream->told);
    arena_end(&stream->kept);
    free(stream);
}
