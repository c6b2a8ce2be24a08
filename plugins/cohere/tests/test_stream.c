#include "test.h"

#include "stream.h"

/* Events without names; each line is an event's data. */
static void check(const char *const *events, const char *expected) {
    Arena arena = {0};
    Stream stream = {.model = LITERAL("m")};
    Buffer out = buffer_in(&arena);
    for (; *events; events++) {
        Told told;
        Error error;
        if (!stream_take(&stream, (Str){0}, text_of(*events), &told, &error)) {
            put(&out, show_error(&arena, &error));
            break;
        }
        put(&out, show_deltas(&arena, told.deltas, told.count));
    }
    stream_end(&stream);
    SAME(out.text, expected);
    arena_end(&arena);
}

#define CHECK(expected, ...) check((const char *const[]){__VA_ARGS__, NULL}, expected)
#define START                                                                                                          \
    "{\"type\":\"message-start\",\"id\":\"i\",\"delta\":{\"message\":{\"role\":\"assistant\",\"content\":[]}}}"
#define STARTED "start \"i\" \"m\"\n"
#define CONTENT(type, index, kind, inner)                                                                              \
    "{\"type\":\"content-" type "\",\"index\":" index ",\"delta\":{\"message\":{\"content\":{" kind inner "}}}}"
#define TEXT_START(index) CONTENT("start", index, "\"type\":\"text\",", "\"text\":\"\"")
#define TEXT(index, words) CONTENT("delta", index, "", "\"text\":\"" words "\"")
#define THINKING(index, words) CONTENT("delta", index, "", "\"thinking\":\"" words "\"")
#define CONTENT_END(index) "{\"type\":\"content-end\",\"index\":" index "}"
#define PLAN(words) "{\"type\":\"tool-plan-delta\",\"delta\":{\"message\":{\"tool_plan\":\"" words "\"}}}"
#define CALL(type, index, id, inner)                                                                                   \
    "{\"type\":\"tool-call-" type "\",\"index\":" index ",\"delta\":{\"message\":{\"tool_calls\":{" id                 \
    "\"function\":{" inner "}}}}}"
#define CALL_START(index, id)                                                                                          \
    CALL("start", index, "\"id\":\"" id "\",\"type\":\"function\",", "\"name\":\"f\",\"arguments\":\"\"")
#define CALL_DELTA(index, words) CALL("delta", index, "", "\"arguments\":\"" words "\"")
#define CALL_END(index) "{\"type\":\"tool-call-end\",\"index\":" index "}"
#define CITATION(inner) "{\"type\":\"citation-start\",\"index\":0,\"delta\":{\"message\":{\"citations\":{" inner "}}}}"
#define END(inner) "{\"type\":\"message-end\",\"delta\":{" inner "}}"
#define BROKEN "bad-response: The vendor's answer isn't what its API promises: "

void test_stream(void) {
    CHECK(STARTED "0 text \"A\"\n0 text \" b\"\nin 3 out 2\nend-turn\n", START, TEXT_START("0"), TEXT("0", "A"),
          TEXT("0", ""), TEXT("0", " b"), CONTENT_END("0"),
          END("\"finish_reason\":\"COMPLETE\",\"usage\":{\"tokens\":{\"input_tokens\":3,\"output_tokens\":2.0}}"),
          "[DONE]", START);
    CHECK(STARTED "0 thinking \"I\"\n0 thinking \" will\"\n0 whole thinking \"I will\" {\"tool_plan\":true}\n"
                  "1 tool \"a\" \"f\" \"\"\n1 tool \"{}\"\n2 tool \"b\" \"f\" \"\"\ntool-use\n",
          START, PLAN("I"), PLAN(" will"), CALL_START("0", "a"), CALL_DELTA("0", "{}"), CALL_END("0"),
          CALL_START("1", "b"), CALL_DELTA("1", ""), CALL_END("1"), END("\"finish_reason\":\"TOOL_CALL\""));
    CHECK(STARTED
          "0 thinking \"hm\"\n1 text \"ab\"\n1 whole text \"ab\" {\"citations\":[{\"start\":0},{\"start\":1}]}\n"
          "stop-sequence {\"citations\":[{\"start\":2,\"content_index\":0}]}\n",
          START, CONTENT("start", "0", "\"type\":\"thinking\",", "\"thinking\":\"hm\""), CONTENT_END("0"),
          TEXT_START("1"), TEXT("1", "ab"), CITATION("\"start\":0"), CONTENT_END("1"),
          "{\"type\":\"citation-end\",\"index\":0}", CITATION("\"start\":1"),
          CITATION("\"start\":2,\"content_index\":0"), END("\"finish_reason\":\"STOP_SEQUENCE\""));
    CHECK(STARTED "other \"debug\" \"{\\\"type\\\":\\\"debug\\\"}\"\nother \"NEW\"\n", START, "{\"type\":\"debug\"}",
          END("\"finish_reason\":\"NEW\""));
    CHECK(STARTED "0 text \"a\"\nmax-tokens {\"logprobs\":[{\"text\":\"a\"}]}\n", START, TEXT_START("0"),
          "{\"type\":\"content-delta\",\"index\":0,\"logprobs\":{\"text\":\"a\"},\"delta\":{\"message\":{\"content\":{"
          "\"text\":\"a\"}}}}",
          CONTENT_END("0"), END("\"finish_reason\":\"MAX_TOKENS\",\"error\":null"));
    CHECK(STARTED "vendor-failed: Out of luck. code \"ERROR\"", START,
          END("\"finish_reason\":\"ERROR\",\"error\":\"Out of luck.\""));

    CHECK(BROKEN "something comes before `message-start`.", TEXT_START("0"));
    CHECK(BROKEN "an event of the stream should be a JSON object.", "oops");
    CHECK(STARTED BROKEN "a second answer starts.", START, START);
    CHECK(STARTED BROKEN "more of a block comes that isn't open.", START, TEXT("0", "a"));
    CHECK(STARTED BROKEN "more of a block comes that isn't open.", START, TEXT_START("0"), CALL_DELTA("0", "a"));
    CHECK(STARTED BROKEN "a block begins before the one before it has ended.", START, TEXT_START("0"),
          CALL_START("0", "a"));
    CHECK(STARTED BROKEN "`delta.message.content.text` should be a string.", START, TEXT_START("0"),
          THINKING("0", "a"));
    CHECK(STARTED BROKEN "`delta.finish_reason` should be a string.", START, END(""));
    CHECK(STARTED "0 thinking \"I\"\n0 whole thinking \"I\" {\"tool_plan\":true}\nother \"NEW\" {\"usage\":1}\n", START,
          PLAN("I"), END("\"finish_reason\":\"NEW\",\"usage\":1"));
    CHECK(STARTED BROKEN "`finish_reason` is `TOOL_CALL`, but there is no tool call.", START,
          END("\"finish_reason\":\"TOOL_CALL\""));
    CHECK(STARTED "0 tool \"a\" \"f\" \"\"\n0 tool \"{\\\"a\"\nmax-tokens\n", START, CALL_START("0", "a"),
          CALL_DELTA("0", "{\\\"a"), END("\"finish_reason\":\"MAX_TOKENS\""));

    /* Halves of surrogate pairs are joined within their block; else U+FFFD stands for each. */
    CHECK(STARTED "0 text \"hi \"\n0 text \"😀 there\"\nend-turn\n", START, TEXT_START("0"), TEXT("0", "hi \\ud83d"),
          TEXT("0", ""), TEXT("0", "\\ude00 there"), CONTENT_END("0"), END("\"finish_reason\":\"COMPLETE\""));
    CHECK(STARTED "0 text \"�\"\n0 text \"�a\"\n0 text \"�\"\n1 text \"�\"\nend-turn\n", START, TEXT_START("0"),
          TEXT("0", "\\ud83d"), TEXT("0", "\\ud83d"), TEXT("0", "a\\ud83d"), CONTENT_END("0"), TEXT_START("1"),
          TEXT("1", "\\ude00"), CONTENT_END("1"), END("\"finish_reason\":\"COMPLETE\""));
    CHECK(STARTED "0 thinking \"😀\"\n0 thinking \"�\"\n0 whole thinking \"😀�\" {\"tool_plan\":true}\n"
                  "1 tool \"a\" \"f\" \"\"\n1 tool \"{\\\"x\\\":\\\"\"\n1 tool \"😀\\\"}\"\ntool-use\n",
          START, PLAN("\\ud83d"), PLAN("\\ude00\\ud83d"), CALL_START("0", "a"),
          CALL_DELTA("0", "{\\\"x\\\":\\\"\\ud83d"), CALL_DELTA("0", "\\ude00\\\"}"), CALL_END("0"),
          END("\"finish_reason\":\"TOOL_CALL\""));
    CHECK(STARTED "0 text \"a\"\n0 text \"�\"\n0 whole text \"a�\" {\"citations\":[{\"start\":0}]}\nend-turn\n", START,
          TEXT_START("0"), TEXT("0", "a\\ud83d"), CITATION("\"start\":0"), END("\"finish_reason\":\"COMPLETE\""));
    CHECK(STARTED "other \"�\" \"{\\\"type\\\":\\\"�\\\",\\\"n\\\":1.10}\"\nend-turn\n", START,
          "{\"type\":\"\\ud83d\", \"n\": 1.10}", END("\"finish_reason\":\"COMPLETE\""));
}
