#include "answer.h"

#include <stdlib.h>

#include "give.h"
#include "usage.h"
#include "write.h"

bool take_words(Arena *arena, Object *object, const char *key, const Path *at, Str *string, Error *error) {
    Str value;
    *string = (Str){0};
    if (!object_take(object, key, &value) || json_string(arena, value, string)) return true;
    return broken(error, &(Path){at, key, 0}, "should be a string");
}

bool take_string(Arena *arena, Object *object, const char *key, const Path *at, Str *string, Error *error) {
    Str value;
    if (object_take(object, key, &value) && json_string(arena, value, string)) return true;
    return broken(error, &(Path){at, key, 0}, "should be a string");
}

bool take_object(Arena *arena, Object *object, const char *key, const Path *at, Object *inner, Error *error) {
    Str value;
    if (object_take(object, key, &value) && json_object(arena, value, inner)) return true;
    return broken(error, &(Path){at, key, 0}, "should be an object");
}

bool take_list(Arena *arena, Object *object, const char *key, const Path *at, List *list, Error *error) {
    Str value;
    *list = (List){0};
    if (!object_take(object, key, &value) || json_list(arena, value, list)) return true;
    return broken(error, &(Path){at, key, 0}, "should be a list");
}

bool finish_reason_read(Str word, Str says, FinishReason *reason, Error *error) {
    static const struct {
        const char *word;
        uint8_t reason;
    } REASONS[] = {
        {"COMPLETE", ARETE_PROVIDER_LLM_FINISH_REASON_END_TURN},
        {"STOP_SEQUENCE", ARETE_PROVIDER_LLM_FINISH_REASON_STOP_SEQUENCE},
        {"MAX_TOKENS", ARETE_PROVIDER_LLM_FINISH_REASON_MAX_TOKENS},
        {"TOOL_CALL", ARETE_PROVIDER_LLM_FINISH_REASON_TOOL_USE},
    };
    for (size_t i = 0; i < sizeof REASONS / sizeof *REASONS; i++) {
        if (!text_is(word, REASONS[i].word)) continue;
        *reason = (FinishReason){.tag = REASONS[i].reason};
        return true;
    }
    bool timeout = text_is(word, "TIMEOUT");
    if (timeout || text_is(word, "ERROR")) {
        if (says.len == 0) {
            says = timeout ? LITERAL("The vendor took too long to generate the answer.")
                           : LITERAL("The vendor failed while it generated the answer.");
        }
        (void)fail(error, timeout ? TIMED_OUT : VENDOR_FAILED, says);
        error->code = give_some(word);
        return false;
    }
    *reason = (FinishReason){.tag = ARETE_PROVIDER_LLM_FINISH_REASON_OTHER, .val.other = give(word)};
    return true;
}

OptionJson rest_extra(Arena *arena, const Object *rest, Str citations) {
    Buffer out = buffer_in(arena);
    if (!put_rest(&out, rest, "citations", citations)) return (OptionJson){0};
    return give_json(out.text);
}

OptionJson plan_extra(Arena *arena, Str citations) {
    Field mark = {LITERAL("tool_plan"), LITERAL("true")};
    return rest_extra(arena, &(Object){&mark, 1}, citations);
}

/* The kinds of content that citations can belong to. */
typedef enum { BLOCK_UNKNOWN, BLOCK_TEXT, BLOCK_THINKING } BlockKind;

/* The vendor's message that is being read. */
typedef struct {
    Arena arena;
    List content;
    List calls;
    Str plan;
    /* Insides of lists: the citations of each block of `content`, those of the plan, and those of neither. */
    Buffer *cited;
    Buffer cited_plan;
    Buffer cited_rest;
    Object rest;
} Taken;

static BlockKind kind_of(Arena *arena, Str block) {
    Object fields;
    Str value;
    Str word;
    if (!json_object(arena, block, &fields) || !object_take(&fields, "type", &value)) return BLOCK_UNKNOWN;
    if (!json_string(arena, value, &word)) return BLOCK_UNKNOWN;
    return text_is(word, "text") ? BLOCK_TEXT : text_is(word, "thinking") ? BLOCK_THINKING : BLOCK_UNKNOWN;
}

/* Returns the block that a citation belongs to: the one it names, or the first text. */
static Buffer *place(Taken *taken, const BlockKind *kinds, Str citation) {
    Object object;
    Str value;
    Str word;
    if (!json_object(&taken->arena, citation, &object)) return &taken->cited_rest;
    if (object_take(&object, "type", &value) && json_string(&taken->arena, value, &word) && text_is(word, "PLAN")) {
        return taken->plan.len != 0 ? &taken->cited_plan : &taken->cited_rest;
    }
    uint32_t named;
    if (object_take(&object, "content_index", &value) && json_count(value, &named)) {
        bool there = named < taken->content.count && kinds[named] != BLOCK_UNKNOWN;
        return there ? &taken->cited[named] : &taken->cited_rest;
    }
    for (size_t i = 0; i < taken->content.count; i++) {
        if (kinds[i] == BLOCK_TEXT) return &taken->cited[i];
    }
    return &taken->cited_rest;
}

static bool take_message(Taken *taken, Object *message, const Path *at, Error *error) {
    Str role;
    (void)object_take(message, "role", &role);
    List citations;
    if (!take_list(&taken->arena, message, "content", at, &taken->content, error)
        || !take_list(&taken->arena, message, "tool_calls", at, &taken->calls, error)
        || !take_words(&taken->arena, message, "tool_plan", at, &taken->plan, error)
        || !take_list(&taken->arena, message, "citations", at, &citations, error)) {
        return false;
    }
    taken->cited = arena_take(&taken->arena, taken->content.count, sizeof(Buffer));
    BlockKind *kinds = arena_take(&taken->arena, taken->content.count, sizeof(BlockKind));
    for (size_t i = 0; i < taken->content.count; i++) {
        taken->cited[i] = buffer_in(&taken->arena);
        kinds[i] = kind_of(&taken->arena, taken->content.values[i]);
    }
    taken->cited_plan = buffer_in(&taken->arena);
    taken->cited_rest = buffer_in(&taken->arena);
    for (size_t i = 0; i < citations.count; i++) {
        put_listed(place(taken, kinds, citations.values[i]), citations.values[i]);
    }
    return true;
}

static bool read_block(Arena *arena, Str block, Str citations, const Path *at, Part *part, Error *error) {
    Object fields;
    Str kind;
    Str words;
    if (!json_object(arena, block, &fields)) return broken(error, at, "should be an object");
    if (!take_string(arena, &fields, "type", at, &kind, error)) return false;
    if (text_is(kind, "text")) {
        if (!take_string(arena, &fields, "text", at, &words, error)) return false;
        Text text = {.text = give(words), .extra = rest_extra(arena, &fields, citations)};
        *part = (Part){.tag = ARETE_PROVIDER_LLM_PART_TEXT, .val.text = text};
    } else if (text_is(kind, "thinking")) {
        if (!take_string(arena, &fields, "thinking", at, &words, error)) return false;
        Thinking thinking = {.text = give(words), .extra = rest_extra(arena, &fields, citations)};
        *part = (Part){.tag = ARETE_PROVIDER_LLM_PART_THINKING, .val.thinking = thinking};
    } else {
        OtherPart other = {.kind = give(kind), .json = give(block)};
        *part = (Part){.tag = ARETE_PROVIDER_LLM_PART_OTHER, .val.other = other};
    }
    return true;
}

Str take_arguments(Arena *arena, Object *function) {
    Str value;
    Str text;
    if (!object_take(function, "arguments", &value)) return (Str){0};
    return json_string(arena, value, &text) ? text : value;
}

/* Makes the part for a call whose arguments the end of the answer cut off, with their text so far. */
static Part incomplete_call(Arena *arena, Str id, Str name, Str arguments, const Object *rest) {
    Buffer json = buffer_in(arena);
    Buffer extra = buffer_in(arena);
    Writer writer = object_open(&json);
    object_string(&writer, "id", id);
    object_string(&writer, "name", name);
    object_string(&writer, "input", arguments);
    if (put_rest(&extra, rest, "", (Str){0})) {
        object_key(&writer, "extra");
        put(&json, extra.text);
    }
    object_close(&writer);
    OtherPart other = {.kind = give_text("incomplete_tool_use"), .json = give(json.text)};
    return (Part){.tag = ARETE_PROVIDER_LLM_PART_OTHER, .val.other = other};
}

/* No arguments are an empty object, unless the answer was cut off before they came. */
static bool read_call(Arena *arena, Str value, const FinishReason *reason, bool last, const Path *at, Part *part,
                      Error *error) {
    Object call;
    Object function;
    Str id;
    Str kind;
    Str name;
    Str arguments;
    Str input = LITERAL("{}");
    Path inside = {at, "function", 0};
    if (!json_object(arena, value, &call)) return broken(error, at, "should be an object");
    if (!take_string(arena, &call, "id", at, &id, error) || !take_words(arena, &call, "type", at, &kind, error)
        || !take_object(arena, &call, "function", at, &function, error)
        || !take_string(arena, &function, "name", &inside, &name, error)) {
        return false;
    }
    arguments = take_arguments(arena, &function);
    bool none = text_trim(arguments).len == 0;
    bool cut = none ? last && reason->tag == ARETE_PROVIDER_LLM_FINISH_REASON_MAX_TOKENS
                    : !json_value(arguments, &input) || input.ptr[0] != '{';
    bool ended = reason->tag == ARETE_PROVIDER_LLM_FINISH_REASON_END_TURN
                 || reason->tag == ARETE_PROVIDER_LLM_FINISH_REASON_TOOL_USE;
    if (cut && ended) return broken(error, &(Path){&inside, "arguments", 0}, "should be the text of a JSON object");
    if (cut) {
        *part = incomplete_call(arena, id, name, arguments, &call);
        return true;
    }
    ToolUse use = {
        .id = give(id), .name = give(name), .input = give(input), .extra = rest_extra(arena, &call, (Str){0})};
    *part = (Part){.tag = ARETE_PROVIDER_LLM_PART_TOOL_USE, .val.tool_use = use};
    return true;
}

/* Makes the parts, in the order of a stream. `parts.len` grows with each finished part, so that a failure in between
 * leaves none half made. */
static bool read_parts(Taken *taken, const Path *message, Completion *completion, Error *error) {
    size_t room = taken->content.count + taken->calls.count + 1;
    Part *parts = give_list(room, sizeof(Part));
    completion->parts.ptr = parts;
    if (taken->plan.len != 0) {
        Thinking plan = {.text = give(taken->plan), .extra = plan_extra(&taken->arena, taken->cited_plan.text)};
        parts[completion->parts.len++] = (Part){.tag = ARETE_PROVIDER_LLM_PART_THINKING, .val.thinking = plan};
    }
    Path content = {message, "content", 0};
    for (size_t i = 0; i < taken->content.count; i++) {
        Path at = {&content, NULL, i};
        Part *part = &parts[completion->parts.len];
        if (!read_block(&taken->arena, taken->content.values[i], taken->cited[i].text, &at, part, error)) return false;
        completion->parts.len++;
    }
    Path calls = {message, "tool_calls", 0};
    for (size_t i = 0; i < taken->calls.count; i++) {
        Path at = {&calls, NULL, i};
        Part *part = &parts[completion->parts.len];
        bool last = i + 1 == taken->calls.count;
        if (!read_call(&taken->arena, taken->calls.values[i], &completion->finish_reason, last, &at, part, error)) {
            return false;
        }
        completion->parts.len++;
    }
    return true;
}

static bool read_all(Taken *taken, Str body, Str model, Completion *completion, Error *error) {
    Arena *arena = &taken->arena;
    Object answer;
    Object message;
    Str id;
    Str word;
    if (!json_object(arena, body, &answer)) return broken_order(error, "it should be a JSON object");
    if (!take_words(arena, &answer, "id", NULL, &id, error)
        || !take_object(arena, &answer, "message", NULL, &message, error)
        || !take_string(arena, &answer, "finish_reason", NULL, &word, error)) {
        return false;
    }
    if (!finish_reason_read(word, (Str){0}, &completion->finish_reason, error)) return false;
    completion->id = give(id);
    completion->model = give(model);
    (void)usage_take(arena, &answer, &completion->usage);
    Path at = {NULL, "message", 0};
    if (!take_message(taken, &message, &at, error)) return false;
    if (completion->finish_reason.tag == ARETE_PROVIDER_LLM_FINISH_REASON_TOOL_USE && taken->calls.count == 0) {
        return broken_order(error, CALL_MISSING);
    }
    if (!read_parts(taken, &at, completion, error)) return false;

    /* The unknown fields of the message and of the answer around it, as one object. */
    Object rest = {arena_take(arena, answer.count + message.count, sizeof(Field)), 0};
    for (size_t i = 0; i < answer.count; i++) rest.fields[rest.count++] = answer.fields[i];
    for (size_t i = 0; i < message.count; i++) rest.fields[rest.count++] = message.fields[i];
    completion->extra = rest_extra(arena, &rest, taken->cited_rest.text);
    return true;
}

bool answer_read(Str body, Str model, Completion *completion, Error *error) {
    Taken taken = {0};
    *completion = (Completion){0};
    bool done = read_all(&taken, body, model, completion, error);
    arena_end(&taken.arena);
    if (completion->parts.len == 0) {
        /* The bindings don't free an empty list. */
        free(completion->parts.ptr);
        completion->parts.ptr = NULL;
    }
    if (!done) exports_arete_provider_chat_completion_free(completion);
    return done;
}
