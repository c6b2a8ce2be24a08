/* The vendor has a message for each result of a tool, and keeps tool calls, the plan for them and citations beside a
 * message's content; the contract has parts for all of them. */
#include "message.h"

#include "block.h"
#include "result.h"

/* The parts of one message that go into one message of the vendor, and what is left of their `extra`. */
typedef struct {
    Arena *arena;
    const Message *message;
    size_t from;
    size_t to;
    /* Empty texts are left out. */
    bool without_empty;
    Path at;
} Run;

static const char *role_of(const Message *message) {
    switch (message->role.tag) {
    case ARETE_PROVIDER_LLM_ROLE_SYSTEM: return "system";
    case ARETE_PROVIDER_LLM_ROLE_USER: return "user";
    case ARETE_PROVIDER_LLM_ROLE_ASSISTANT: return "assistant";
    default: return NULL;
    }
}

/* Sends a role that isn't known here as it is: the vendor may know it, and its error is clear if it doesn't. */
static void put_role(Writer *writer, const Message *message) {
    const char *role = role_of(message);
    object_string(writer, "role", role ? text_of(role) : message->role.val.other);
}

static const Part *part_of(const Run *run, size_t index) {
    return &run->message->content.ptr[index];
}

static Path path_of(const Path *content, size_t index) {
    return (Path){content, NULL, index};
}

/* Recognises the part that answer.c makes of the vendor's `tool_plan`. */
static bool is_plan(Arena *arena, const Part *part) {
    if (part->tag != ARETE_PROVIDER_LLM_PART_THINKING || !part->val.thinking.extra.is_some) return false;
    Object extra;
    Str plan;
    return json_object(arena, part->val.thinking.extra.val, &extra) && object_take(&extra, "tool_plan", &plan)
           && text_is(plan, "true");
}

static bool is_empty(const Message *message, size_t index) {
    const Part *part = &message->content.ptr[index];
    return part->tag == ARETE_PROVIDER_LLM_PART_TEXT && text_is_blank(part->val.text.text);
}

static size_t count_told(const Message *message, size_t from, size_t to) {
    size_t count = 0;
    for (size_t i = from; i < to; i++) count += !is_empty(message, i);
    return count;
}

static bool is_content(const Run *run, size_t index) {
    const Part *part = part_of(run, index);
    if (run->without_empty && is_empty(run->message, index)) return false;
    return part->tag != ARETE_PROVIDER_LLM_PART_TOOL_USE && !is_plan(run->arena, part);
}

/* Returns an `extra` without citations, which belong to the vendor's message. */
static bool read_block_extra(const Run *run, OptionJson from, const Path *at, Object *extra, Str *citations,
                             Error *error) {
    *citations = (Str){0};
    if (!extra_read(run->arena, from, at, extra, error)) return false;
    if (run->message->role.tag != ARETE_PROVIDER_LLM_ROLE_ASSISTANT) return true;
    Str list;
    if (!object_take(extra, "citations", &list)) return true;
    if (list.ptr[0] != '[') {
        Path extra_path = {at, "extra", 0};
        return refuse(error, &(Path){&extra_path, "citations", 0}, "should be a list");
    }
    *citations = text_trim((Str){list.ptr + 1, list.len - 2});
    return true;
}

static bool put_block(const Run *run, Buffer *out, size_t index, const Path *at, Error *error) {
    const Part *part = part_of(run, index);
    Object extra;
    Str citations;
    switch (part->tag) {
    case ARETE_PROVIDER_LLM_PART_TEXT:
        return read_block_extra(run, part->val.text.extra, at, &extra, &citations, error)
               && put_words(out, "text", part->val.text.text, &extra, at, error);
    case ARETE_PROVIDER_LLM_PART_THINKING:
        /* A signature comes from another vendor; this one has none. */
        return read_block_extra(run, part->val.thinking.extra, at, &extra, &citations, error)
               && put_words(out, "thinking", part->val.thinking.text, &extra, at, error);
    case ARETE_PROVIDER_LLM_PART_IMAGE: return put_image(out, &part->val.image, at, error);
    case ARETE_PROVIDER_LLM_PART_OTHER: return put_other(out, &part->val.other, at, error);
    default: return refuse_as(error, UNSUPPORTED, at, "is of a kind that this provider can't send");
    }
}

/* Returns the only text of a run, if it is plain: the vendor takes a string in place of a list of one text. */
static bool plain_text(const Run *run, size_t blocks, Str *text) {
    if (blocks != 1) return false;
    size_t index = run->from;
    while (!is_content(run, index)) index++;
    const Part *part = part_of(run, index);
    if (part->tag != ARETE_PROVIDER_LLM_PART_TEXT) return false;
    *text = part->val.text.text;
    if (!part->val.text.extra.is_some) return true;
    Object extra;
    if (!json_object(run->arena, part->val.text.extra.val, &extra)) return false;
    Str citations;
    if (run->message->role.tag == ARETE_PROVIDER_LLM_ROLE_ASSISTANT) (void)object_take(&extra, "citations", &citations);
    return extra.count == 0;
}

static bool put_content(const Run *run, Writer *writer, const Path *content, Error *error) {
    size_t blocks = 0;
    for (size_t i = run->from; i < run->to; i++) blocks += is_content(run, i);
    if (blocks == 0) return true;
    object_key(writer, "content");
    Str text;
    if (plain_text(run, blocks, &text)) {
        put_json_string(writer->out, text);
        return true;
    }
    put_byte(writer->out, '[');
    bool any = false;
    for (size_t i = run->from; i < run->to; i++) {
        if (!is_content(run, i)) continue;
        if (any) put_byte(writer->out, ',');
        any = true;
        Path at = path_of(content, i);
        if (!put_block(run, writer->out, i, &at, error)) return false;
    }
    put_byte(writer->out, ']');
    return true;
}

static void put_plan(const Run *run, Writer *writer) {
    Buffer plan = buffer_in(run->arena);
    bool any = false;
    for (size_t i = run->from; i < run->to; i++) {
        const Part *part = part_of(run, i);
        if (!is_plan(run->arena, part)) continue;
        put(&plan, part->val.thinking.text);
        any = true;
    }
    if (any) object_string(writer, "tool_plan", plan.text);
}

static bool put_call(const Run *run, Buffer *out, const ToolUse *call, const Path *at, Error *error) {
    Object extra;
    Str input;
    if (!extra_read(run->arena, call->extra, at, &extra, error)) return false;
    if (!json_value(call->input, &input) || input.ptr[0] != '{') {
        return refuse(error, &(Path){at, "input", 0}, "should be a JSON object");
    }
    Writer writer = object_open(out);
    object_string(&writer, "id", call->id);
    object_string(&writer, "type", LITERAL("function"));
    object_key(&writer, "function");
    Writer function = object_open(out);
    object_string(&function, "name", call->name);
    object_string(&function, "arguments", input);
    object_close(&function);
    if (!object_extra(&writer, &extra, at, error)) return false;
    object_close(&writer);
    return true;
}

static bool put_calls(const Run *run, Writer *writer, const Path *content, Error *error) {
    bool any = false;
    for (size_t i = run->from; i < run->to; i++) {
        const Part *part = part_of(run, i);
        if (part->tag != ARETE_PROVIDER_LLM_PART_TOOL_USE) continue;
        if (any) {
            put_byte(writer->out, ',');
        } else {
            object_key(writer, "tool_calls");
            put_byte(writer->out, '[');
        }
        any = true;
        Path at = path_of(content, i);
        if (!put_call(run, writer->out, &part->val.tool_use, &at, error)) return false;
    }
    if (any) put_byte(writer->out, ']');
    return true;
}

static bool put_citations(const Run *run, Writer *writer, const Path *content, Error *error) {
    Buffer all = buffer_in(run->arena);
    for (size_t i = run->from; i < run->to; i++) {
        const Part *part = part_of(run, i);
        OptionJson from;
        if (run->without_empty && is_empty(run->message, i)) continue;
        if (part->tag == ARETE_PROVIDER_LLM_PART_TEXT) from = part->val.text.extra;
        else if (part->tag == ARETE_PROVIDER_LLM_PART_THINKING) from = part->val.thinking.extra;
        else continue;
        Path at = path_of(content, i);
        Object extra;
        Str citations;
        if (!read_block_extra(run, from, &at, &extra, &citations, error)) return false;
        if (citations.len != 0) put_listed(&all, citations);
    }
    if (all.text.len == 0) return true;
    object_key(writer, "citations");
    put_byte(writer->out, '[');
    put(writer->out, all.text);
    put_byte(writer->out, ']');
    return true;
}

static bool put_run(const Run *run, Buffer *out, const Object *extra, Error *error) {
    Path content = {&run->at, "content", 0};
    Writer writer = object_open(out);
    put_role(&writer, run->message);
    put_plan(run, &writer);
    if (!put_content(run, &writer, &content, error) || !put_calls(run, &writer, &content, error)
        || !put_citations(run, &writer, &content, error) || !object_extra(&writer, extra, &run->at, error)) {
        return false;
    }
    object_close(&writer);
    return true;
}

static bool is_result(const Message *message, size_t index) {
    return message->content.ptr[index].tag == ARETE_PROVIDER_LLM_PART_TOOL_RESULT;
}

static size_t run_end(const Message *message, size_t from) {
    size_t to = from;
    while (to < message->content.len && !is_result(message, to)) to++;
    return to;
}

bool put_message(Buffer *out, const Message *message, const Path *at, Error *error) {
    Object extra;
    if (!extra_read(out->arena, message->extra, at, &extra, error)) return false;

    Path content = {at, "content", 0};
    size_t count = message->content.len;
    if (count == 0) return refuse(error, &content, "should not be empty");
    size_t told = count_told(message, 0, count);
    /* If there is only empty text it is sent as it is, and the vendor says what is wrong. */
    if (told == 0 && message->role.tag == ARETE_PROVIDER_LLM_ROLE_ASSISTANT) return true;
    for (size_t from = 0; from < count;) {
        size_t to = is_result(message, from) ? from + 1 : run_end(message, from);
        size_t told_here = count_told(message, from, to);
        if (told_here == 0 && told != 0) {
            from = to;
            continue;
        }
        if (extra.count != 0 && told_here != told) {
            return refuse(error, &(Path){at, "extra", 0},
                          "can't be sent: the vendor keeps tool results apart, so this message becomes several");
        }
        if (out->text.ptr[out->text.len - 1] != '[') put_byte(out, ',');
        if (is_result(message, from)) {
            Path part = path_of(&content, from);
            const ToolResult *result = &message->content.ptr[from].val.tool_result;
            if (!put_result(out, result, &extra, at, &part, error)) return false;
        } else {
            Run run = {out->arena, message, from, to, told != 0, *at};
            if (!put_run(&run, out, &extra, error)) return false;
        }
        from = to;
    }
    return true;
}
