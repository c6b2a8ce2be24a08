/* Only what the caller set is sent: models differ in what they accept, and only the caller knows the intent. */
#include "request.h"

#include "message.h"

static bool put_messages(Writer *body, const Request *request, Error *error) {
    Path messages = {NULL, "messages", 0};
    object_key(body, "messages");
    put_byte(body->out, '[');
    for (size_t i = 0; i < request->messages.len; i++) {
        if (!put_message(body->out, &request->messages.ptr[i], &(Path){&messages, NULL, i}, error)) return false;
    }
    put_byte(body->out, ']');
    return true;
}

/* The contract's bounds; the vendor's may be narrower, and its error says so. */
static bool put_sampling(Writer *body, const char *key, provider_option_f64_t number, double max, const char *field,
                         const char *says, Error *error) {
    if (!number.is_some) return true;
    /* Written so that NaN fails too. */
    if (!(number.val >= 0 && number.val <= max)) return refuse(error, &(Path){NULL, field, 0}, says);
    object_key(body, key);
    put_json_number(body->out, number.val);
    return true;
}

static void put_limit(Writer *body, const char *key, provider_option_u32_t limit) {
    if (!limit.is_some) return;
    object_key(body, key);
    put_count(body->out, limit.val);
}

static void put_stops(Writer *body, const Request *request) {
    if (request->stop_sequences.len == 0) return;
    object_key(body, "stop_sequences");
    put_byte(body->out, '[');
    for (size_t i = 0; i < request->stop_sequences.len; i++) {
        if (i != 0) put_byte(body->out, ',');
        put_json_string(body->out, request->stop_sequences.ptr[i]);
    }
    put_byte(body->out, ']');
}

static bool put_tool(Buffer *out, const Tool *tool, const Path *at, Error *error) {
    Object extra;
    Str schema;
    if (!extra_read(out->arena, tool->extra, at, &extra, error)) return false;
    if (!json_value(tool->input_schema, &schema) || schema.ptr[0] != '{') {
        return refuse(error, &(Path){at, "inputSchema", 0}, "should be a JSON object");
    }
    Writer writer = object_open(out);
    object_string(&writer, "type", LITERAL("function"));
    object_key(&writer, "function");
    Writer function = object_open(out);
    object_string(&function, "name", tool->name);
    if (tool->description.is_some) object_string(&function, "description", tool->description.val);
    object_key(&function, "parameters");
    put(out, schema);
    object_close(&function);
    if (!object_extra(&writer, &extra, at, error)) return false;
    object_close(&writer);
    return true;
}

static bool put_tools(Writer *body, const Request *request, Error *error) {
    if (request->tools.len == 0) return true;
    Path tools = {NULL, "tools", 0};
    object_key(body, "tools");
    put_byte(body->out, '[');
    for (size_t i = 0; i < request->tools.len; i++) {
        if (i != 0) put_byte(body->out, ',');
        if (!put_tool(body->out, &request->tools.ptr[i], &(Path){&tools, NULL, i}, error)) return false;
    }
    put_byte(body->out, ']');
    return true;
}

/* The vendor has no word for `auto`: it is the default. */
static bool put_tool_choice(Writer *body, const Request *request, Error *error) {
    if (!request->tool_choice.is_some) return true;
    Path at = {NULL, "toolChoice", 0};
    Str choice;
    switch (request->tool_choice.val.tag) {
    case ARETE_PROVIDER_LLM_TOOL_CHOICE_AUTO: return true;
    case ARETE_PROVIDER_LLM_TOOL_CHOICE_ANY: object_string(body, "tool_choice", LITERAL("REQUIRED")); return true;
    case ARETE_PROVIDER_LLM_TOOL_CHOICE_NONE: object_string(body, "tool_choice", LITERAL("NONE")); return true;
    case ARETE_PROVIDER_LLM_TOOL_CHOICE_TOOL:
        return refuse_as(error, UNSUPPORTED, &at,
                         "names a tool, which the vendor can't be told; give that tool alone and choose `any`");
    default:
        if (!json_value(request->tool_choice.val.val.other, &choice)) return refuse(error, &at, "should be JSON");
        object_key(body, "tool_choice");
        put(body->out, choice);
        return true;
    }
}

/* The caller's name of a field that the mapping sets. */
static const char *field_of(const char *key) {
    static const char *const NAMES[][2] = {
        {"max_tokens", "maxTokens"},   {"p", "topP"}, {"k", "topK"}, {"stop_sequences", "stopSequences"},
        {"tool_choice", "toolChoice"},
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (text_is(text_of(key), NAMES[i][0])) return NAMES[i][1];
    }
    return key;
}

/* Either value could be the intended one, so the caller has to choose. */
static bool put_extra(Writer *body, const Request *request, Error *error) {
    Object extra = {0};
    if (request->extra.is_some && !json_object(body->out->arena, request->extra.val, &extra)) {
        return refuse(error, &(Path){NULL, "extra", 0}, "should be a JSON object");
    }
    for (size_t i = 0; i < extra.count; i++) {
        const char *taken = text_is(extra.fields[i].key, "stream") ? "stream" : NULL;
        for (size_t own = 0; own < body->count && !taken; own++) {
            if (text_is(extra.fields[i].key, body->keys[own])) taken = body->keys[own];
        }
        if (!taken) {
            object_field(body, &extra.fields[i]);
            continue;
        }
        Buffer says = buffer_in(body->out->arena);
        put_text(&says, "would set what the request sets already; the field for it is `");
        put_text(&says, field_of(taken));
        put_text(&says, "`");
        put_byte(&says, '\0');
        Path path = {NULL, "extra", 0};
        return refuse(error, &(Path){&path, taken, 0}, (const char *)says.text.ptr);
    }
    return true;
}

bool request_body(Arena *arena, const Request *request, bool stream, Str *body, Error *error) {
    Buffer out = buffer_in(arena);
    Writer writer = object_open(&out);
    object_string(&writer, "model", request->model);
    if (stream) {
        object_key(&writer, "stream");
        put_text(&out, "true");
    }
    if (!put_messages(&writer, request, error)) return false;
    put_limit(&writer, "max_tokens", request->max_tokens);
    if (!put_sampling(&writer, "temperature", request->temperature, 2, "temperature", "should be from 0 to 2", error)
        || !put_sampling(&writer, "p", request->top_p, 1, "topP", "should be from 0 to 1", error)) {
        return false;
    }
    put_limit(&writer, "k", request->top_k);
    put_stops(&writer, request);
    if (!put_tools(&writer, request, error) || !put_tool_choice(&writer, request, error)
        || !put_extra(&writer, request, error)) {
        return false;
    }
    object_close(&writer);
    text_clean(out.text);
    *body = out.text;
    return true;
}
