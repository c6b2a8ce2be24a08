/* A provider: it turns a question into one HTTP request to the vendor, and the vendor's answer into Arete's.
 *
 * The first build writes the contract to build/bindings/provider.h, with every type and function explained. Keys, retries,
 * limits and caching are the host's work; the exchange itself is the work of arete.c beside this file. */
#include "arete.h"

static const FinishWord WORDS[] = {
    {"stop", ARETE_PROVIDER_LLM_FINISH_REASON_END_TURN},
    {"length", ARETE_PROVIDER_LLM_FINISH_REASON_MAX_TOKENS},
    {0},
};

/* Asked once, when the plugin is loaded. Settings that are wrong are best told here. */
bool vendor_info(Info *info, Error *error) { return info_of("plugin-name", "0.1.0", info, error); }

/* The question in the vendor's words. What the vendor has no words for is refused. */
bool vendor_ask(const Request *request, bool stream, Question *question, Error *error) {
    Buffer *fields = &question->fields;
    question->path = "/v1/chat";
    if (!only(request, true, error)) return false;
    put_text(fields, "\"model\":");
    put_json_string(fields, request->model);
    put_text(fields, ",\"messages\":");
    if (!put_texts(fields, request, error)) return false;
    put_text(fields, stream ? ",\"stream\":true" : ",\"stream\":false");
    if (request->max_tokens.is_some) {
        put_text(fields, ",\"max_tokens\":");
        put_count(fields, request->max_tokens.val);
    }
    return true;
}

/* A whole answer. */
bool vendor_answer(Object *answer, Completion *completion, Error *error) {
    Str value, text;
    Buffer room = buffer();
    if (!object_take(answer, "text", &value) || !json_string(room.arena, value, &text)) {
        return bad(error, "there is no text in it");
    }
    completion->id = copy(said(answer, "id"));
    completion->model = copy(said(answer, "model"));
    completion->finish_reason = finish_reason(WORDS, said(answer, "finish"));
    completion->usage = usage_of(answer, "in", "out");
    answer_text(completion, text);
    return true;
}

/* One event of a streamed answer. */
bool vendor_event(Object *event, Stream *stream, Error *error) {
    Str value;
    if (object_take(event, "error", &value)) {
        Str reason;
        bool explained = json_string(buffer().arena, value, &reason);
        return fail(error, VENDOR_FAILED, explained ? reason : LITERAL("The vendor reported an error."));
    }
    stream_text(stream, 0, said(event, "text"));
    Str finish = said(event, "finish");
    if (finish.len != 0) stream_finish(stream, finish_reason(WORDS, finish));
    Usage usage = usage_of(event, "in", "out");
    if (usage.input_tokens.is_some || usage.output_tokens.is_some) stream_usage(stream, usage);
    if (object_take(event, "done", &value) && text_is(value, "true")) stream_done(stream);
    return true;
}

/* The vendor's words in a refusal. */
Str vendor_reason(Object *body) { return said(body, "error"); }
