/* Damaged answers: whatever comes, nothing outside of them is read, nothing is freed twice and nothing leaks. The
 * compiler's checks fail these tests. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "errors.h"
#include "stream.h"
#include "whole.h"

/* The number of answers. */
enum { ROUNDS = 20000 };

static const char ANSWER[] =
    "{\"id\":\"i\",\"finish_reason\":\"TOOL_CALL\",\"message\":{\"role\":\"assistant\",\"tool_plan\":\"I \\u00fc\","
    "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\"},{\"type\":\"text\",\"text\":\"a\\ud83d\\ude00\"},{"
    "\"type\":\"x\\udc00\"}],"
    "\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":[1]}"
    "\"}}],"
    "\"citations\":[{\"start\":0,\"content_index\":1,\"sources\":[{}]}]},\"usage\":{\"tokens\":{\"input_tokens\":3,"
    "\"output_tokens\":2.0},\"cached_tokens\":1},\"logprobs\":null}";

static const char *const EVENTS[] = {
    "{\"type\":\"message-start\",\"id\":\"i\",\"delta\":{\"message\":{\"role\":\"assistant\",\"x\":1}}}",
    "{\"type\":\"tool-plan-delta\",\"delta\":{\"message\":{\"tool_plan\":\"p\"}}}",
    "{\"type\":\"content-start\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"type\":\"text\",\"text\":\"a\"}}}}",
    "{\"type\":\"content-delta\",\"index\":0,\"logprobs\":{},\"delta\":{\"message\":{\"content\":{\"text\":\"b\\n\"}}}"
    "}",
    "{\"type\":\"citation-start\",\"index\":0,\"delta\":{\"message\":{\"citations\":{\"start\":0,\"content_index\":0}}}"
    "}",
    "{\"type\":\"content-end\",\"index\":0}",
    "{\"type\":\"tool-call-start\",\"index\":0,\"delta\":{\"message\":{\"tool_calls\":{\"id\":\"c\",\"function\":{"
    "\"name\":\"f\"}}}}}",
    "{\"type\":\"tool-call-delta\",\"index\":0,\"delta\":{\"message\":{\"tool_calls\":{\"function\":{\"arguments\":\"{}"
    "\"}}}}}",
    "{\"type\":\"tool-call-end\",\"index\":0}",
    "{\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"OTHER\",\"usage\":{\"tokens\":{\"input_tokens\":3},\"x\":"
    "{}}}}",
};

/* The same numbers every time, so that a failure can be repeated. */
static uint32_t random_below(uint32_t bound) {
    static uint64_t state = 0x9E3779B97F4A7C15;
    state = state * 6364136223846793005 + 1442695040888963407;
    return (uint32_t)(state >> 33) % bound;
}

/* A copy without one byte to spare, so that reading past its end is seen. */
static Str mutated(const char *text) {
    static const char PIECES[] = "{}[]\":,\\u d08fnt1.-e\x80\xed\xa0\xff";
    size_t len = strlen(text);
    uint8_t *copy = malloc(len + 8);
    memcpy(copy, text, len);
    for (uint32_t changes = random_below(4); changes > 0 && len > 0; changes--) {
        size_t at = random_below((uint32_t)len);
        switch (random_below(4)) {
        case 0: copy[at] = (uint8_t)PIECES[random_below(sizeof PIECES - 1)]; break;
        case 1:
            memmove(copy + at, copy + at + 1, len - at - 1);
            len--;
            break;
        case 2:
            memmove(copy + at + 1, copy + at, len - at);
            len++;
            break;
        default:
            if (random_below(3) == 0) len = at;
        }
    }
    uint8_t *exact = malloc(len == 0 ? 1 : len);
    memcpy(exact, copy, len);
    free(copy);
    return (Str){exact, len};
}

static void mutate_answer(void) {
    Str body = mutated(ANSWER);
    Completion completion;
    Error error;
    if (answer_read(body, LITERAL("m"), &completion, &error)) exports_arete_provider_chat_completion_free(&completion);
    else exports_arete_provider_chat_provider_error_free(&error);

    DeltaList deltas;
    if (whole_read(body, LITERAL("m"), body, &deltas, &error)) {
        for (size_t i = 0; i < deltas.len; i++) exports_arete_provider_chat_delta_free(&deltas.ptr[i]);
        free(deltas.ptr);
    } else {
        exports_arete_provider_chat_provider_error_free(&error);
    }

    RefusalHeaders headers = {body, body, body, body};
    (void)refusal((uint16_t)(300 + random_below(300)), &headers, body, &error);
    exports_arete_provider_chat_provider_error_free(&error);
    free(body.ptr);
}

static void mutate_stream(void) {
    Stream stream = {.model = LITERAL("m")};
    for (size_t i = 0; i < sizeof EVENTS / sizeof *EVENTS;) {
        Str data = mutated(EVENTS[i]);
        Told told;
        Error error;
        bool taken = stream_take(&stream, LITERAL("content-delta"), data, &told, &error);
        free(data.ptr);
        if (taken) {
            for (size_t told_index = 0; told_index < told.count; told_index++) {
                exports_arete_provider_chat_delta_free(&told.deltas[told_index]);
            }
        } else {
            exports_arete_provider_chat_provider_error_free(&error);
            if (random_below(2) == 0) break;
        }
        if (random_below(8) != 0) i++;
    }
    stream_end(&stream);
}

void test_mutations(void) {
    for (int round = 0; round < ROUNDS; round++) {
        mutate_answer();
        mutate_stream();
    }
}
