/* The citations of a text come after its words, so a text with citations is sent once more, whole, when the next block
 * begins or the answer ends. The plan for tool calls is sent as thoughts, and whole at its end, so that it can be sent
 * back as a plan. */
#include "growing.h"

#include "answer.h"
#include "give.h"

const Path EVENT_DELTA = {NULL, "delta", 0};
const Path EVENT_MESSAGE = {&EVENT_DELTA, "message", 0};

Event *tell(Step *step, uint8_t tag) {
    if (step->told->count == TOLD_MAX) __builtin_trap();
    Event *event = &step->told->deltas[step->told->count++].event;
    event->tag = tag;
    return event;
}

static void tell_part(Step *step, Part part) {
    Event *event = tell(step, ARETE_PROVIDER_LLM_EVENT_PART);
    event->val.part.index = step->stream->index;
    event->val.part.part = part;
}

static Str with_half(Step *step, Str words) {
    return text_with_half(step->arena, &step->stream->half, words);
}

static void tell_piece(Step *step, Str words) {
    Stream *stream = step->stream;
    Event *event;
    switch (stream->block) {
    case BLOCK_TEXT:
        put(&stream->words, words);
        event = tell(step, ARETE_PROVIDER_LLM_EVENT_TEXT);
        event->val.text.index = stream->index;
        event->val.text.text = give(words);
        break;
    case BLOCK_CALL:
        event = tell(step, ARETE_PROVIDER_LLM_EVENT_TOOL_USE);
        event->val.tool_use.index = stream->index;
        event->val.tool_use.input = give(words);
        break;
    default:
        put(&stream->words, words);
        event = tell(step, ARETE_PROVIDER_LLM_EVENT_THINKING);
        event->val.thinking.index = stream->index;
        event->val.thinking.text = give(words);
    }
}

static void tell_words(Step *step, Str words) {
    if (words.len == 0) return;
    words = with_half(step, words);
    if (words.len != 0) tell_piece(step, words);
}

/* Closes the block: a held back half has no other half. */
static void tell_half(Step *step) {
    Str half = step->stream->half.text;
    if (half.len != 0) tell_piece(step, half);
    step->stream->half.text.len = 0;
}

void close_block(Step *step) {
    Stream *stream = step->stream;
    tell_half(step);
    Str words = stream->words.text;
    Str citations = stream->citations.text;
    if (stream->block == BLOCK_PLAN) {
        Thinking plan = {.text = give(words), .extra = plan_extra(step->arena, citations)};
        tell_part(step, (Part){.tag = ARETE_PROVIDER_LLM_PART_THINKING, .val.thinking = plan});
    } else if (citations.len != 0 && stream->block == BLOCK_TEXT) {
        Text text = {.text = give(words), .extra = rest_extra(step->arena, &(Object){0}, citations)};
        tell_part(step, (Part){.tag = ARETE_PROVIDER_LLM_PART_TEXT, .val.text = text});
    } else if (citations.len != 0 && stream->block == BLOCK_THINKING) {
        Thinking thinking = {.text = give(words), .extra = rest_extra(step->arena, &(Object){0}, citations)};
        tell_part(step, (Part){.tag = ARETE_PROVIDER_LLM_PART_THINKING, .val.thinking = thinking});
    }
    stream->block = BLOCK_NONE;
}

static bool open_block(Step *step, BlockKind kind, uint32_t vendor_index) {
    Stream *stream = step->stream;
    if (stream->block != BLOCK_NONE && stream->block != BLOCK_PLAN && !stream->ended) {
        return broken_order(step->error, "a block begins before the one before it has ended");
    }
    close_block(step);
    stream->block = kind;
    stream->ended = false;
    stream->index = stream->next_index++;
    stream->vendor_index = vendor_index;
    stream->words.text.len = 0;
    stream->citations.text.len = 0;
    return true;
}

static bool take_index(Step *step, uint32_t *index) {
    Str value;
    if (object_take(&step->event, "index", &value) && json_count(value, index)) return true;
    return broken(step->error, &(Path){NULL, "index", 0}, "should be a whole number below 2^32");
}

/* Checks that the event belongs to the open block. */
static bool is_of_open(Step *step, bool call) {
    Stream *stream = step->stream;
    uint32_t index;
    if (!take_index(step, &index)) return false;
    bool open =
        !stream->ended && index == stream->vendor_index
        && (call ? stream->block == BLOCK_CALL
                 : stream->block == BLOCK_TEXT || stream->block == BLOCK_THINKING || stream->block == BLOCK_UNKNOWN);
    return open || broken_order(step->error, "more of a block comes that isn't open");
}

void pass_on(Step *step, Str data) {
    (void)json_copy(step->arena, data, &data);
    Event *event = tell(step, ARETE_PROVIDER_LLM_EVENT_OTHER);
    event->val.other.kind = give(step->kind);
    event->val.other.json = give(data);
}

bool content_start(Step *step, Str data) {
    uint32_t index;
    Object content;
    Str kind;
    Str words;
    Path at = {&EVENT_MESSAGE, "content", 0};
    if (!take_index(step, &index)
        || !take_object(step->arena, &step->message, "content", &EVENT_MESSAGE, &content, step->error)
        || !take_string(step->arena, &content, "type", &at, &kind, step->error)) {
        return false;
    }
    BlockKind block = text_is(kind, "text") ? BLOCK_TEXT : text_is(kind, "thinking") ? BLOCK_THINKING : BLOCK_UNKNOWN;
    if (!open_block(step, block, index)) return false;
    if (block == BLOCK_UNKNOWN) {
        pass_on(step, data);
        return true;
    }
    const char *key = block == BLOCK_TEXT ? "text" : "thinking";
    if (!take_words(step->arena, &content, key, &at, &words, step->error)) return false;
    tell_words(step, words);
    return true;
}

bool content_delta(Step *step, Str data) {
    Stream *stream = step->stream;
    Object content;
    Str words;
    Str logprobs;
    Path at = {&EVENT_MESSAGE, "content", 0};
    if (!is_of_open(step, false)) return false;
    if (stream->block == BLOCK_UNKNOWN) {
        pass_on(step, data);
        return true;
    }
    const char *key = stream->block == BLOCK_TEXT ? "text" : "thinking";
    if (!take_object(step->arena, &step->message, "content", &EVENT_MESSAGE, &content, step->error)
        || !take_string(step->arena, &content, key, &at, &words, step->error)) {
        return false;
    }
    if (object_take(&step->event, "logprobs", &logprobs)) put_listed(&stream->logprobs, logprobs);
    tell_words(step, words);
    return true;
}

bool content_end(Step *step, Str data) {
    if (!is_of_open(step, false)) return false;
    if (step->stream->block == BLOCK_UNKNOWN) pass_on(step, data);
    else tell_half(step);
    step->stream->ended = true;
    return true;
}

bool tool_plan_delta(Step *step) {
    Str words;
    if (!take_string(step->arena, &step->message, "tool_plan", &EVENT_MESSAGE, &words, step->error)) return false;
    if (step->stream->block != BLOCK_PLAN && !open_block(step, BLOCK_PLAN, 0)) return false;
    tell_words(step, words);
    return true;
}

static bool take_function(Step *step, Object *call, Object *function, Path *at, Str *arguments) {
    static const Path CALLS = {&EVENT_MESSAGE, "tool_calls", 0};
    *at = (Path){&CALLS, "function", 0};
    if (!take_object(step->arena, &step->message, "tool_calls", &EVENT_MESSAGE, call, step->error)
        || !take_object(step->arena, call, "function", &CALLS, function, step->error)) {
        return false;
    }
    *arguments = take_arguments(step->arena, function);
    return true;
}

bool tool_call_start(Step *step) {
    uint32_t index;
    Object call;
    Object function;
    Path at;
    Str id;
    Str name;
    Str arguments;
    if (!take_index(step, &index) || !take_function(step, &call, &function, &at, &arguments)
        || !take_string(step->arena, &call, "id", at.outer, &id, step->error)
        || !take_string(step->arena, &function, "name", &at, &name, step->error)
        || !open_block(step, BLOCK_CALL, index)) {
        return false;
    }
    Event *event = tell(step, ARETE_PROVIDER_LLM_EVENT_TOOL_USE);
    event->val.tool_use.index = step->stream->index;
    event->val.tool_use.id = give_some(id);
    event->val.tool_use.name = give_some(name);
    event->val.tool_use.input = give(with_half(step, arguments));
    step->stream->called = true;
    return true;
}

bool tool_call_delta(Step *step) {
    Object call;
    Object function;
    Path at;
    Str arguments;
    if (!is_of_open(step, true) || !take_function(step, &call, &function, &at, &arguments)) return false;
    tell_words(step, arguments);
    return true;
}

bool tool_call_end(Step *step) {
    if (!is_of_open(step, true)) return false;
    tell_half(step);
    step->stream->ended = true;
    return true;
}

/* Adds a citation to the content that it names, or else to the open one. */
bool citation_start(Step *step) {
    Stream *stream = step->stream;
    Str citation;
    Object fields;
    Str value;
    Str word;
    uint32_t named;
    if (!object_take(&step->message, "citations", &citation) || !json_object(step->arena, citation, &fields)) {
        return broken(step->error, &(Path){&EVENT_MESSAGE, "citations", 0}, "should be an object");
    }
    bool of_plan =
        object_take(&fields, "type", &value) && json_string(step->arena, value, &word) && text_is(word, "PLAN");
    bool here = of_plan ? stream->block == BLOCK_PLAN : stream->block == BLOCK_TEXT || stream->block == BLOCK_THINKING;
    if (here && !of_plan && object_take(&fields, "content_index", &value) && json_count(value, &named)) {
        here = named == stream->vendor_index;
    }
    put_listed(here ? &stream->citations : &stream->cited_rest, citation);
    return true;
}
