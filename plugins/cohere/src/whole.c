#include "whole.h"

#include "answer.h"
#include "errors.h"
#include "give.h"

static bool is_answer(Str body) {
    Arena arena = {0};
    Object object;
    Str value;
    bool found = json_object(&arena, body, &object) && object_take(&object, "finish_reason", &value);
    arena_end(&arena);
    return found;
}

static Event *next(DeltaList *deltas, uint8_t tag) {
    Event *event = &deltas->ptr[deltas->len++].event;
    event->tag = tag;
    return event;
}

/* Makes the deltas of a part as in a stream: its text first, then the whole part if it has more than text. */
static void tell_part(DeltaList *deltas, uint32_t index, Part *part) {
    Event *event;
    bool more = true;
    switch (part->tag) {
    case ARETE_PROVIDER_LLM_PART_TEXT:
        event = next(deltas, ARETE_PROVIDER_LLM_EVENT_TEXT);
        event->val.text.index = index;
        event->val.text.text = give(part->val.text.text);
        more = part->val.text.extra.is_some;
        break;
    case ARETE_PROVIDER_LLM_PART_THINKING:
        event = next(deltas, ARETE_PROVIDER_LLM_EVENT_THINKING);
        event->val.thinking.index = index;
        event->val.thinking.text = give(part->val.thinking.text);
        more = part->val.thinking.extra.is_some;
        break;
    case ARETE_PROVIDER_LLM_PART_TOOL_USE:
        event = next(deltas, ARETE_PROVIDER_LLM_EVENT_TOOL_USE);
        event->val.tool_use.index = index;
        event->val.tool_use.id = give_some(part->val.tool_use.id);
        event->val.tool_use.name = give_some(part->val.tool_use.name);
        event->val.tool_use.input = give(part->val.tool_use.input);
        more = part->val.tool_use.extra.is_some;
        break;
    default: break;
    }
    if (!more) return;
    event = next(deltas, ARETE_PROVIDER_LLM_EVENT_PART);
    event->val.part.index = index;
    event->val.part.part = *part;
    /* The delta owns the part now. */
    *part = (Part){0};
}

static DeltaList deltas_of(Completion *completion) {
    enum { START_USAGE_FINISH = 3, PER_PART_MAX = 2 };
    size_t parts = completion->parts.len;
    DeltaList deltas = {give_list(START_USAGE_FINISH + PER_PART_MAX * parts, sizeof(Delta)), 0};
    Event *start = next(&deltas, ARETE_PROVIDER_LLM_EVENT_START);
    start->val.start.id = give(completion->id);
    start->val.start.model = give(completion->model);
    for (size_t i = 0; i < parts; i++) tell_part(&deltas, (uint32_t)i, &completion->parts.ptr[i]);
    next(&deltas, ARETE_PROVIDER_LLM_EVENT_USAGE)->val.usage = completion->usage;
    completion->usage = (Usage){0};
    Event *finish = next(&deltas, ARETE_PROVIDER_LLM_EVENT_FINISH);
    finish->val.finish.reason = completion->finish_reason;
    finish->val.finish.extra = completion->extra;
    completion->finish_reason = (FinishReason){0};
    completion->extra = (OptionJson){0};
    exports_arete_provider_chat_completion_free(completion);
    return deltas;
}

bool whole_read(Str body, Str model, Str content_type, DeltaList *deltas, Error *error) {
    if (!is_answer(body)) return not_a_stream(content_type, body, error);
    Completion completion;
    if (!answer_read(body, model, &completion, error)) return false;
    *deltas = deltas_of(&completion);
    return true;
}
