/* A provider: it turns a question into one HTTP request to the vendor, and the vendor's answer into Arete's.
 *
 * The first build writes the contract to build/bindings/provider.h, with every type and function explained. Keys, retries,
 * limits and caching are the host's work. Each call runs in an instance of its own whose memory goes with it, so there is
 * nothing to remember, and little to free: the generated code frees what is handed to the host. */
#include "provider.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* Short names for the contract's. */
typedef arete_provider_llm_request_t Request;
typedef arete_provider_llm_provider_error_t Error;
typedef arete_provider_llm_delta_t Delta;
typedef arete_provider_llm_usage_t Usage;
typedef arete_provider_llm_finish_reason_t FinishReason;
#define KIND(name) ARETE_PROVIDER_LLM_ERROR_KIND_##name
#define EVENT(name) ARETE_PROVIDER_LLM_EVENT_##name

/* A copy to hand to the host, which frees it: literals and what we still need must be copied. */
static Str copy(Str text) {
    Buffer out = {0};
    put(&out, text);
    return out.text;
}

/* Every failure is told like this: `return fail(…)`. */
static bool fail(Error *error, uint8_t kind, Str message) {
    *error = (Error){.kind = {.tag = kind}, .message = copy(message)};
    if (kind == KIND(OTHER)) error->kind.val.other = copy(STR("http"));
    return false;
}

static bool bad(Error *error, const char *why) {
    char says[200];
    int length = snprintf(says, sizeof says, "The vendor's answer isn't what its API promises: %s.", why);
    return fail(error, KIND(BAD_RESPONSE), (Str){(uint8_t *)says, (size_t)length});
}

static bool at_fault(Error *error, uint8_t kind, Str field, Str says) {
    Buffer message = {0};
    put(&message, STR("`"));
    put(&message, field);
    put(&message, STR("` "));
    put(&message, says);
    fail(error, kind, message.text);
    error->field = (provider_option_string_t){true, copy(field)};
    return false;
}

/* What kept the question from being sent, or its answer from being read. */
static bool not_sent(Error *error, const arete_provider_http_http_error_t *failure) {
    static const uint8_t KINDS[] = {
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_DENIED] = KIND(DENIED),
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_INVALID] = KIND(INVALID_REQUEST),
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_CONNECTION] = KIND(CONNECTION),
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_TIMEOUT] = KIND(TIMEOUT),
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_INTERRUPTED] = KIND(INTERRUPTED),
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_TOO_LARGE] = KIND(BAD_RESPONSE),
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_NOT_TEXT] = KIND(BAD_RESPONSE),
        [ARETE_PROVIDER_HTTP_HTTP_ERROR_OTHER] = KIND(OTHER),
    };
    return fail(error, KINDS[failure->tag], failure->val.other);
}

static bool setting(const char *key, Str *value, Error *error) {
    Str name = {(uint8_t *)key, strlen(key)};
    if (arete_provider_config_get(&name, value)) return true;
    return at_fault(error, KIND(UNCONFIGURED), name, STR("isn't set."));
}

/* What a field of the vendor's answer says, or nothing. */
static Str said(Str answer, const char *field) {
    Str value, text;
    return json_field(answer, field, &value) && json_string(value, &text) ? text : (Str){0};
}

static FinishReason finish_reason(Str answer) {
    Str finish = said(answer, "finish");
    if (equals(finish, "stop")) return (FinishReason){.tag = ARETE_PROVIDER_LLM_FINISH_REASON_END_TURN};
    if (equals(finish, "length")) return (FinishReason){.tag = ARETE_PROVIDER_LLM_FINISH_REASON_MAX_TOKENS};
    if (finish.len == 0) finish = copy(STR("unknown"));
    return (FinishReason){.tag = ARETE_PROVIDER_LLM_FINISH_REASON_OTHER, .val.other = finish};
}

static Usage usage(Str answer) {
    Usage usage = {0};
    Str counts, value;
    if (!json_field(answer, "usage", &counts)) return usage;
    usage.input_tokens.is_some = json_field(counts, "in", &value) && json_count(value, &usage.input_tokens.val);
    usage.output_tokens.is_some = json_field(counts, "out", &value) && json_count(value, &usage.output_tokens.val);
    return usage;
}

static bool put_message(Buffer *out, size_t index, const arete_provider_llm_message_t *message, Error *error) {
    static const char *const ROLES[] = {"\"system\"", "\"user\"", "\"assistant\""};
    char field[60];
    int length = snprintf(field, sizeof field, "messages[%zu]", index);
    Str place = {(uint8_t *)field, (size_t)length};
    Str unknown = STR("has something that this vendor can't do.");
    if (message->role.tag > ARETE_PROVIDER_LLM_ROLE_ASSISTANT) return at_fault(error, KIND(UNSUPPORTED), place, unknown);
    Buffer content = {0};
    for (size_t i = 0; i < message->content.len; i++) {
        const arete_provider_llm_part_t *part = &message->content.ptr[i];
        if (part->tag != ARETE_PROVIDER_LLM_PART_TEXT) return at_fault(error, KIND(UNSUPPORTED), place, unknown);
        put(&content, part->val.text.text);
    }
    const char *role = ROLES[message->role.tag];
    put(out, index == 0 ? STR("{\"role\":") : STR(",{\"role\":"));
    put(out, (Str){(uint8_t *)role, strlen(role)});
    put(out, STR(",\"content\":"));
    put_json_string(out, content.text);
    put(out, STR("}"));
    return true;
}

/* Fields that only the vendor knows: callers give them under `extra`. */
static bool put_extra(Buffer *out, const Request *request, Error *error) {
    if (!request->extra.is_some) return true;
    Str rest = request->extra.val, key, value, name;
    while (json_next(&rest, &key, &value)) {
        json_string(key, &name);
        if (equals(name, "model") || equals(name, "messages") || equals(name, "stream") || equals(name, "max_tokens")) {
            Buffer field = {0};
            put(&field, STR("extra."));
            put(&field, name);
            return at_fault(error, KIND(INVALID_REQUEST), field.text, STR("has a field of its own."));
        }
        put(out, STR(","));
        put(out, key);
        put(out, STR(":"));
        put(out, value);
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
        {request->temperature.is_some, STR("temperature")},
        {request->top_p.is_some, STR("topP")},
        {request->top_k.is_some, STR("topK")},
        {request->stop_sequences.len != 0, STR("stopSequences")},
        {request->tools.len != 0, STR("tools")},
    };
    for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++) {
        if (unsupported[i].given) {
            return at_fault(error, KIND(UNSUPPORTED), unsupported[i].field, STR("isn't something that this vendor can do."));
        }
    }
    put(out, STR("{\"model\":"));
    put_json_string(out, request->model);
    put(out, STR(",\"messages\":["));
    for (size_t i = 0; i < request->messages.len; i++) {
        if (!put_message(out, i, &request->messages.ptr[i], error)) return false;
    }
    put(out, stream ? STR("],\"stream\":true") : STR("],\"stream\":false"));
    if (request->max_tokens.is_some) {
        char field[40];
        int length = snprintf(field, sizeof field, ",\"max_tokens\":%u", (unsigned)request->max_tokens.val);
        put(out, (Str){(uint8_t *)field, (size_t)length});
    }
    if (!put_extra(out, request, error)) return false;
    put(out, STR("}"));
    return true;
}

/* An answer with a status that isn't a success. Its body may be anything: what stands before the vendor may answer with a
 * page of its own. */
static bool refused(arete_provider_http_borrow_reply_t reply, uint16_t status, Error *error) {
    uint8_t kind = status < 400 ? KIND(BAD_RESPONSE) : status < 500 ? KIND(INVALID_REQUEST) : KIND(VENDOR_FAILED);
    switch (status) {
        case 401: case 403: kind = KIND(CREDENTIALS); break;
        case 402: kind = KIND(BILLING); break;
        case 404: kind = KIND(NOT_FOUND); break;
        case 408: case 504: kind = KIND(TIMEOUT); break;
        case 413: kind = KIND(TOO_LARGE); break;
        case 429: kind = KIND(RATE_LIMITED); break;
        case 503: case 529: kind = KIND(OVERLOADED); break;
    }
    Str retry_after = STR("retry-after"), value, text;
    uint32_t seconds;
    bool wait = arete_provider_http_method_reply_find_header(reply, &retry_after, &value) && json_count(value, &seconds);

    char unexplained[60];
    int length = snprintf(unexplained, sizeof unexplained, "The vendor answered HTTP %u without a reason.", status);
    Str message = {(uint8_t *)unexplained, (size_t)length};
    arete_provider_http_http_error_t unread;
    if (arete_provider_http_method_reply_read_text(reply, &text, &unread) && json_valid(text)) {
        Str reason = said(text, "error");
        if (reason.len != 0) message = reason;
    }
    fail(error, kind, message);
    error->status.is_some = true;
    error->status.val = status;
    error->retry_after_ms.is_some = wait;
    if (wait) error->retry_after_ms.val = seconds < UINT32_MAX / 1000 ? seconds * 1000 : UINT32_MAX;
    return false;
}

/* Asks the vendor. What comes back has been accepted; a refusal is an error. */
static bool ask(const Request *request, bool stream, arete_provider_http_own_reply_t *reply, Error *error) {
    Str base_url;
    Buffer body = {0}, url = {0};
    if (!setting("base-url", &base_url, error) || !put_body(&body, request, stream, error)) return false;
    while (base_url.len != 0 && base_url.ptr[base_url.len - 1] == '/') base_url.len--;
    put(&url, base_url);
    put(&url, STR("/v1/chat"));
    arete_provider_http_header_t headers[] = {
        {STR("content-type"), STR("application/json")},
        {STR("accept"), stream ? STR("text/event-stream") : STR("application/json")},
    };
    arete_provider_http_http_request_t question = {
        .method = STR("POST"),
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
    if (!setting("model", &model, error) || !setting("base-url", &base_url, error)) return false;
    *info = (exports_arete_provider_chat_info_t){
        .vendor = copy(STR("plugin-name")),
        .version = copy(STR("0.1.0")),
        .default_model = {true, copy(model)},
        .models = {calloc(1, sizeof(Str)), 1},
        .features = {calloc(1, sizeof(arete_provider_llm_feature_t)), 1},
    };
    info->models.ptr[0] = model;
    info->features.ptr[0].tag = ARETE_PROVIDER_LLM_FEATURE_STREAMING;
    return true;
}

bool exports_arete_provider_chat_complete(Request *request, exports_arete_provider_chat_completion_t *completion,
                                          Error *error) {
    arete_provider_http_own_reply_t reply;
    if (!ask(request, false, &reply, error)) return false;
    Str answer, value, text;
    arete_provider_http_http_error_t unread;
    bool read = arete_provider_http_method_reply_read_text(arete_provider_http_borrow_reply(reply), &answer, &unread);
    arete_provider_http_reply_drop_own(reply);
    if (!read) return not_sent(error, &unread);
    if (!json_valid(answer)) return bad(error, "it isn't JSON");
    if (!json_field(answer, "text", &value) || !json_string(value, &text)) return bad(error, "there is no text in it");
    *completion = (exports_arete_provider_chat_completion_t){
        .id = said(answer, "id"),
        .model = said(answer, "model"),
        .parts = {calloc(1, sizeof(arete_provider_llm_part_t)), 1},
        .finish_reason = finish_reason(answer),
        .usage = usage(answer),
    };
    completion->parts.ptr[0].tag = ARETE_PROVIDER_LLM_PART_TEXT;
    completion->parts.ptr[0].val.text.text = text;
    return true;
}

/* A streamed answer on its way. */
struct exports_arete_provider_chat_deltas_t {
    arete_provider_http_own_reply_t reply;
    Str model;
    bool begun, done;
};

/* Returns when the vendor has accepted the question; the answer then comes by `next`. */
bool exports_arete_provider_chat_open_stream(Request *request, exports_arete_provider_chat_own_deltas_t *deltas,
                                             Error *error) {
    arete_provider_http_own_reply_t reply;
    if (!ask(request, true, &reply, error)) return false;
    exports_arete_provider_chat_deltas_t *answer = calloc(1, sizeof *answer);
    answer->reply = reply;
    answer->model = request->model;
    *deltas = exports_arete_provider_chat_deltas_new(answer);
    return true;
}

/* What an event of the vendor's tells. At most four things. */
static bool take(exports_arete_provider_chat_deltas_t *answer, Str data, Delta *told, size_t *count, Error *error) {
    Str value, text;
    if (!json_valid(data)) return bad(error, "it isn't JSON");
    if (json_field(data, "error", &value)) return fail(error, KIND(VENDOR_FAILED), said(data, "error"));
    if (!answer->begun) {
        answer->begun = true;
        told[*count].event.tag = EVENT(START);
        told[(*count)++].event.val.start.model = copy(answer->model);
    }
    if (json_field(data, "text", &value) && json_string(value, &text)) {
        told[*count].event.tag = EVENT(TEXT);
        told[(*count)++].event.val.text.text = text;
    }
    if (json_field(data, "done", &value) && equals(value, "true")) {
        answer->done = true;
        told[*count].event.tag = EVENT(USAGE);
        told[(*count)++].event.val.usage = usage(data);
        told[*count].event.tag = EVENT(FINISH);
        told[(*count)++].event.val.finish.reason = finish_reason(data);
    }
    return true;
}

/* What is new. Nothing means the end, and is said only after the vendor has said so. */
bool exports_arete_provider_chat_method_deltas_next(exports_arete_provider_chat_borrow_deltas_t answer,
                                                    exports_arete_provider_chat_list_delta_t *deltas, Error *error) {
    *deltas = (exports_arete_provider_chat_list_delta_t){calloc(4, sizeof(Delta)), 0};
    while (deltas->len == 0 && !answer->done) {
        arete_provider_http_option_sse_event_t event;
        arete_provider_http_http_error_t unread;
        arete_provider_http_borrow_reply_t reply = arete_provider_http_borrow_reply(answer->reply);
        if (!arete_provider_http_method_reply_next_event(reply, &event, &unread)) return not_sent(error, &unread);
        if (!event.is_some) return fail(error, KIND(INTERRUPTED), STR("The vendor's answer broke off."));
        if (!take(answer, event.val.data, deltas->ptr, &deltas->len, error)) return false;
        /* Of these there may be many in one call. */
        arete_provider_http_option_sse_event_free(&event);
    }
    return true;
}

/* The caller has left, or has all: the connection is closed. */
void exports_arete_provider_chat_deltas_destructor(exports_arete_provider_chat_deltas_t *answer) {
    arete_provider_http_reply_drop_own(answer->reply);
}
