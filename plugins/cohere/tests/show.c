#include "test.h"

#include "write.h"

static void put_extra(Buffer *out, OptionJson extra) {
    if (!extra.is_some) return;
    put_byte(out, ' ');
    put(out, extra.val);
}

static void put_string(Buffer *out, const char *name, Str text) {
    put_text(out, name);
    put_json_string(out, text);
}

static void put_some(Buffer *out, const char *name, provider_option_string_t text) {
    if (text.is_some) put_string(out, name, text.val);
}

static void put_number(Buffer *out, const char *name, provider_option_u32_t number) {
    if (!number.is_some) return;
    put_text(out, name);
    put_count(out, number.val);
}

static void put_part(Buffer *out, const Part *part) {
    switch (part->tag) {
    case ARETE_PROVIDER_LLM_PART_TEXT:
        put_string(out, "text ", part->val.text.text);
        put_extra(out, part->val.text.extra);
        break;
    case ARETE_PROVIDER_LLM_PART_THINKING:
        put_string(out, "thinking ", part->val.thinking.text);
        put_extra(out, part->val.thinking.extra);
        break;
    case ARETE_PROVIDER_LLM_PART_TOOL_USE:
        put_string(out, "tool ", part->val.tool_use.id);
        put_string(out, " ", part->val.tool_use.name);
        put_string(out, " ", part->val.tool_use.input);
        put_extra(out, part->val.tool_use.extra);
        break;
    default: put_string(out, "other ", part->val.other.kind); put_string(out, " ", part->val.other.json);
    }
}

static void put_reason(Buffer *out, const FinishReason *reason) {
    static const char *const NAMES[] = {"end-turn", "max-tokens", "stop-sequence", "tool-use"};
    if (reason->tag < 4) put_text(out, NAMES[reason->tag]);
    else put_string(out, "other ", reason->val.other);
}

static void put_usage(Buffer *out, const Usage *usage) {
    put_number(out, "in ", usage->input_tokens);
    put_number(out, " out ", usage->output_tokens);
    put_number(out, " cached ", usage->cache_read_tokens);
    put_extra(out, usage->extra);
}

Str show_completion(Arena *arena, Completion *completion) {
    Buffer out = buffer_in(arena);
    put_string(&out, "", completion->id);
    put_string(&out, " ", completion->model);
    put_text(&out, "\n");
    for (size_t i = 0; i < completion->parts.len; i++) {
        put_part(&out, &completion->parts.ptr[i]);
        put_text(&out, "\n");
    }
    put_reason(&out, &completion->finish_reason);
    put_extra(&out, completion->extra);
    put_text(&out, "\n");
    put_usage(&out, &completion->usage);
    exports_arete_provider_chat_completion_free(completion);
    return out.text;
}

static void put_event(Buffer *out, const Event *event) {
    switch (event->tag) {
    case ARETE_PROVIDER_LLM_EVENT_START:
        put_string(out, "start ", event->val.start.id);
        put_string(out, " ", event->val.start.model);
        put_extra(out, event->val.start.extra);
        break;
    case ARETE_PROVIDER_LLM_EVENT_TEXT:
        put_count(out, event->val.text.index);
        put_string(out, " text ", event->val.text.text);
        break;
    case ARETE_PROVIDER_LLM_EVENT_THINKING:
        put_count(out, event->val.thinking.index);
        put_string(out, " thinking ", event->val.thinking.text);
        break;
    case ARETE_PROVIDER_LLM_EVENT_TOOL_USE:
        put_count(out, event->val.tool_use.index);
        put_text(out, " tool");
        put_some(out, " ", event->val.tool_use.id);
        put_some(out, " ", event->val.tool_use.name);
        put_string(out, " ", event->val.tool_use.input);
        break;
    case ARETE_PROVIDER_LLM_EVENT_PART:
        put_count(out, event->val.part.index);
        put_text(out, " whole ");
        put_part(out, &event->val.part.part);
        break;
    case ARETE_PROVIDER_LLM_EVENT_USAGE: put_usage(out, &event->val.usage); break;
    case ARETE_PROVIDER_LLM_EVENT_FINISH:
        put_reason(out, &event->val.finish.reason);
        put_extra(out, event->val.finish.extra);
        break;
    default: put_string(out, "other ", event->val.other.kind); put_string(out, " ", event->val.other.json);
    }
}

Str show_deltas(Arena *arena, Delta *deltas, size_t count) {
    Buffer out = buffer_in(arena);
    for (size_t i = 0; i < count; i++) {
        put_event(&out, &deltas[i].event);
        put_text(&out, "\n");
        exports_arete_provider_chat_delta_free(&deltas[i]);
    }
    return out.text;
}

Str show_error(Arena *arena, Error *error) {
    static const char *const NAMES[] = {
        "invalid-request", "unsupported", "credentials",   "billing", "not-found",  "too-large",
        "rate-limited",    "overloaded",  "vendor-failed", "timeout", "connection", "interrupted",
        "bad-response",    "denied",      "unconfigured",  "other",
    };
    Buffer out = buffer_in(arena);
    put_text(&out, NAMES[error->kind.tag]);
    if (error->kind.tag == OTHER_FAILURE) put_string(&out, " ", error->kind.val.other);
    put_text(&out, ": ");
    put(&out, error->message);
    if (error->status.is_some) {
        put_text(&out, " status ");
        put_count(&out, error->status.val);
    }
    put_some(&out, " code ", error->code);
    put_some(&out, " field ", error->field);
    put_some(&out, " id ", error->request_id);
    put_number(&out, " after ", error->retry_after_ms);
    put_extra(&out, error->extra);
    exports_arete_provider_chat_provider_error_free(error);
    return out.text;
}
