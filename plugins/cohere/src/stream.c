/* One block is open at a time. Anything that could only be repaired by guessing is an error: half an answer that looks
 * whole is worse than none. */
#include "stream.h"

#include "answer.h"
#include "give.h"
#include "growing.h"
#include "usage.h"

static bool message_start(Step *step) {
    Stream *stream = step->stream;
    if (stream->started) return broken_order(step->error, "a second answer starts");
    Str id;
    if (!take_words(step->arena, &step->event, "id", NULL, &id, step->error)) return false;
    static const char *const OF_BLOCKS[] = {"role", "content", "tool_plan", "tool_calls", "citations"};
    for (size_t i = 0; i < sizeof OF_BLOCKS / sizeof *OF_BLOCKS; i++) {
        Str ignored;
        (void)object_take(&step->message, OF_BLOCKS[i], &ignored);
    }
    stream->started = true;
    stream->half = buffer_in(&stream->arena);
    stream->words = buffer_in(&stream->arena);
    stream->citations = buffer_in(&stream->arena);
    stream->cited_rest = buffer_in(&stream->arena);
    stream->logprobs = buffer_in(&stream->arena);
    Event *event = tell(step, ARETE_PROVIDER_LLM_EVENT_START);
    event->val.start.id = give(id);
    event->val.start.model = give(stream->model);
    event->val.start.extra = rest_extra(step->arena, &step->message, (Str){0});
    return true;
}

static bool message_end(Step *step) {
    Stream *stream = step->stream;
    Str word;
    Str says;
    Usage usage;
    FinishReason reason;
    if (!take_string(step->arena, &step->delta, "finish_reason", &EVENT_DELTA, &word, step->error)
        || !take_words(step->arena, &step->delta, "error", &EVENT_DELTA, &says, step->error)
        || !finish_reason_read(word, says, &reason, step->error)) {
        return false;
    }
    if (reason.tag == ARETE_PROVIDER_LLM_FINISH_REASON_TOOL_USE && !stream->called) {
        return broken_order(step->error, CALL_MISSING);
    }
    close_block(step);
    if (usage_take(step->arena, &step->delta, &usage)) tell(step, ARETE_PROVIDER_LLM_EVENT_USAGE)->val.usage = usage;
    /* The same field as in a whole answer. */
    Buffer logprobs = buffer_in(step->arena);
    Object rest = {arena_take(step->arena, step->delta.count + 1, sizeof(Field)), 0};
    for (size_t i = 0; i < step->delta.count; i++) rest.fields[rest.count++] = step->delta.fields[i];
    if (stream->logprobs.text.len != 0) {
        put_byte(&logprobs, '[');
        put(&logprobs, stream->logprobs.text);
        put_byte(&logprobs, ']');
        rest.fields[rest.count++] = (Field){LITERAL("logprobs"), logprobs.text};
    }
    Event *event = tell(step, ARETE_PROVIDER_LLM_EVENT_FINISH);
    event->val.finish.reason = reason;
    event->val.finish.extra = rest_extra(step->arena, &rest, stream->cited_rest.text);
    stream->finished = true;
    return true;
}

static bool take_known(Step *step, Str data, bool *known) {
    *known = true;
    if (text_is(step->kind, "message-start")) return message_start(step);
    if (!step->stream->started) {
        *known = false;
        return true;
    }
    if (text_is(step->kind, "content-start")) return content_start(step, data);
    if (text_is(step->kind, "content-delta")) return content_delta(step, data);
    if (text_is(step->kind, "content-end")) return content_end(step, data);
    if (text_is(step->kind, "tool-plan-delta")) return tool_plan_delta(step);
    if (text_is(step->kind, "tool-call-start")) return tool_call_start(step);
    if (text_is(step->kind, "tool-call-delta")) return tool_call_delta(step);
    if (text_is(step->kind, "tool-call-end")) return tool_call_end(step);
    if (text_is(step->kind, "citation-start")) return citation_start(step);
    if (text_is(step->kind, "citation-end")) return true;
    if (text_is(step->kind, "message-end")) return message_end(step);
    *known = false;
    return true;
}

/* Reads the fields of every event: its type (gateways that drop it keep it in the event's name), and those that the vendor
 * puts two levels deep. */
static bool read_event(Step *step, Str name, Str data) {
    Str value;
    if (!json_object(step->arena, data, &step->event)) {
        return broken_order(step->error, "an event of the stream should be a JSON object");
    }
    step->kind = name;
    if (object_take(&step->event, "type", &value)) (void)json_string(step->arena, value, &step->kind);
    if (object_take(&step->event, "delta", &value) && json_object(step->arena, value, &step->delta)
        && object_take(&step->delta, "message", &value)) {
        (void)json_object(step->arena, value, &step->message);
    }
    return true;
}

bool stream_take(Stream *stream, Str name, Str data, Told *told, Error *error) {
    told->count = 0;
    for (size_t i = 0; i < TOLD_MAX; i++) told->deltas[i] = (Delta){0};
    /* Another vendor's end mark, which some gateways send after this vendor's. It is ignored. */
    if (stream->finished || text_is(text_trim(data), "[DONE]")) return true;

    Arena arena = {0};
    Step step = {.stream = stream, .arena = &arena, .told = told, .error = error};
    bool known = true;
    bool taken = read_event(&step, name, data) && take_known(&step, data, &known);
    if (taken && !known) {
        if (stream->started) pass_on(&step, data);
        else taken = broken_order(error, "something comes before `message-start`");
    }
    arena_end(&arena);
    if (!taken) {
        for (size_t i = 0; i < told->count; i++) exports_arete_provider_chat_delta_free(&told->deltas[i]);
        told->count = 0;
    }
    return taken;
}

bool stream_cut(Error *error) {
    return fail(error, INTERRUPTED, LITERAL("The vendor closed the stream before the end of its answer."));
}

void stream_end(Stream *stream) {
    arena_end(&stream->arena);
}
