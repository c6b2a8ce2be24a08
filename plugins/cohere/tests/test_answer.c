#include "test.h"

#include <string.h>

#include "answer.h"

static void check(const char *body, const char *expected) {
    Arena arena = {0};
    Completion completion;
    Error error;
    bool read = answer_read(text_of(body), LITERAL("m"), &completion, &error);
    SAME(read ? show_completion(&arena, &completion) : show_error(&arena, &error), expected);
    arena_end(&arena);
}

/* An answer with one call. */
static void call(const char *reason, const char *arguments, const char *expected) {
    Arena arena = {0};
    Buffer body = buffer_in(&arena);
    Buffer shown = buffer_in(&arena);
    put_text(&body, "{\"finish_reason\":\"");
    put_text(&body, reason);
    put_text(&body, "\",\"message\":{\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":");
    put_text(&body, arguments);
    put(&body, (Str){(uint8_t *)"}}]}}", 6});
    put_text(&shown, "\"\" \"m\"\n");
    put(&shown, (Str){(uint8_t *)expected, strlen(expected) + 1});
    check((const char *)body.text.ptr, (const char *)shown.text.ptr);
    arena_end(&arena);
}

#define BROKEN "bad-response: The vendor's answer isn't what its API promises: "

void test_answer(void) {
    check("{\"id\":\"i\",\"finish_reason\":\"COMPLETE\",\"message\":{\"role\":\"assistant\",\"content\":[{\"type\":"
          "\"text\","
          "\"text\":\"Hi "
          "\\ud83d\\ude00\"}]},\"usage\":{\"billed_units\":{\"input_tokens\":5},\"tokens\":{\"input_tokens\":71,"
          "\"output_tokens\":418.0},\"cached_tokens\":64}}",
          "\"i\" \"m\"\ntext \"Hi 😀\"\nend-turn\nin 71 out 418 cached 64 {\"billed_units\":{\"input_tokens\":5}}");
    check(
        "{\"finish_reason\":\"TOOL_CALL\",\"message\":{\"tool_plan\":\"I "
        "will.\",\"tool_calls\":[{\"id\":\"c1\",\"type\":"
        "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\" {\\\"a\\\":1.10} \"}},{\"id\":\"c2\",\"function\":{"
        "\"name\":\"g\",\"arguments\":\"\"}}]}}",
        "\"\" \"m\"\nthinking \"I will.\" {\"tool_plan\":true}\ntool \"c1\" \"f\" \"{\\\"a\\\":1.10}\"\n"
        "tool \"c2\" \"g\" \"{}\"\ntool-use\n");
    check(
        "{\"finish_reason\":\"MAX_TOKENS\",\"message\":{\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\"},{"
        "\"type\":"
        "\"text\",\"text\":\"a b\"},{\"type\":\"new\",\"x\":1}],\"citations\":[{\"start\":0,\"end\":1},{\"start\":1,"
        "\"content_index\":0},{\"start\":2,\"content_index\":7},{\"start\":3,\"type\":\"PLAN\"}],\"note\":2},"
        "\"logprobs\":[]}",
        "\"\" \"m\"\nthinking \"hm\" {\"citations\":[{\"start\":1,\"content_index\":0}]}\n"
        "text \"a b\" {\"citations\":[{\"start\":0,\"end\":1}]}\nother \"new\" "
        "\"{\\\"type\\\":\\\"new\\\",\\\"x\\\":1}\"\n"
        "max-tokens {\"logprobs\":[],\"note\":2,\"citations\":[{\"start\":2,\"content_index\":7},{\"start\":3,\"type\":"
        "\"PLAN\"}]}\n");
    check("{\"finish_reason\":\"STOP_SEQUENCE\",\"message\":{\"content\":null}}", "\"\" \"m\"\nstop-sequence\n");
    check("{\"finish_reason\":\"NEW\",\"message\":{}}", "\"\" \"m\"\nother \"NEW\"\n");
    check("{\"finish_reason\":\"ERROR\",\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"half\"}]}}",
          "vendor-failed: The vendor failed while it generated the answer. code \"ERROR\"");
    check("{\"finish_reason\":\"TIMEOUT\",\"message\":{}}",
          "timeout: The vendor took too long to generate the answer. code \"TIMEOUT\"");

    check("<html>", BROKEN "it should be a JSON object.");
    check("{\"message\":{}}", BROKEN "`finish_reason` should be a string.");
    check("{\"message\":\"m\"}", BROKEN "`message` should be an object.");
    check("{\"finish_reason\":\"NEW\",\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\"}]"
          "}}",
          BROKEN "`message.content[1].text` should be a string.");
    check("{\"finish_reason\":\"TOOL_CALL\",\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}}",
          BROKEN "`finish_reason` is `TOOL_CALL`, but there is no tool call.");
    check("{\"finish_reason\":\"TOOL_CALL\",\"message\":{\"tool_plan\":\"p\",\"tool_calls\":[{\"id\":\"c\","
          "\"function\":{\"name\":"
          "\"f\",\"arguments\":\"[1]\"}}]}}",
          BROKEN "`message.tool_calls[0].function.arguments` should be the text of a JSON object.");

    /* Counts that are none are left out and kept beside the others. */
    check("{\"finish_reason\":\"COMPLETE\",\"message\":{},\"usage\":{\"tokens\":{\"input_tokens\":125.6,"
          "\"output_tokens\":1e2},\"cached_tokens\":0.4}}",
          "\"\" \"m\"\nend-turn\nin 126 out 100 cached 0");
    check("{\"finish_reason\":\"COMPLETE\",\"message\":{},\"usage\":{\"tokens\":{\"input_tokens\":-1,"
          "\"output_tokens\":\"2\"},\"cached_tokens\":1e400}}",
          "\"\" \"m\"\nend-turn\n {\"tokens\":{\"input_tokens\":-1,\"output_tokens\":\"2\"},\"cached_tokens\":1e400}");
    check("{\"finish_reason\":\"COMPLETE\",\"message\":{},\"usage\":{\"tokens\":3}}",
          "\"\" \"m\"\nend-turn\n {\"tokens\":3}");
    check("{\"finish_reason\":\"COMPLETE\",\"message\":{},\"usage\":7}", "\"\" \"m\"\nend-turn {\"usage\":7}\n");

    /* Arguments may be an object, and what came of them is kept where the answer was cut off. */
    call("TOOL_CALL", "{\"id\": 2512292042121000001, \"x\": 1.10}",
         "tool \"c\" \"f\" \"{\\\"id\\\":2512292042121000001,\\\"x\\\":1.10}\"\ntool-use\n");
    call("TOOL_CALL", "null", "tool \"c\" \"f\" \"{}\"\ntool-use\n");
    call("TOOL_CALL", "\"{\\\"a\\\":\\\"\\\\ud83d\\\"}\"",
         "tool \"c\" \"f\" \"{\\\"a\\\":\\\"\\\\ud83d\\\"}\"\ntool-use\n");
    call("TOOL_CALL", "\"{\\\"a\\\":\\\"\\ud83d\\\"}\"",
         "tool \"c\" \"f\" \"{\\\"a\\\":\\\"\xEF\xBF\xBD\\\"}\"\ntool-use\n");
    call("MAX_TOKENS", "\"{\\\"a\"",
         "other \"incomplete_tool_use\" "
         "\"{\\\"id\\\":\\\"c\\\",\\\"name\\\":\\\"f\\\",\\\"input\\\":\\\"{\\\\\\\"a\\\"}\"\nmax-tokens\n");
    call("MAX_TOKENS", "\"\"",
         "other \"incomplete_tool_use\" "
         "\"{\\\"id\\\":\\\"c\\\",\\\"name\\\":\\\"f\\\",\\\"input\\\":\\\"\\\"}\"\nmax-tokens\n");
    call("MAX_TOKENS", "{}", "tool \"c\" \"f\" \"{}\"\nmax-tokens\n");
    call("NEW", "3",
         "other \"incomplete_tool_use\" "
         "\"{\\\"id\\\":\\\"c\\\",\\\"name\\\":\\\"f\\\",\\\"input\\\":\\\"3\\\"}\"\nother \"NEW\"\n");

    /* Lone halves of surrogate pairs. */
    check("{\"finish_reason\":\"\\ud83d\",\"id\":\"\\udc00\\udc00\",\"message\":{\"content\":[{\"type\":\"text\","
          "\"text\":"
          "\"a\\ud83d\",\"x\":\"\\ud83d\"},{\"type\":\"y\",\"z\":\"\\udc00\"}]}}",
          "\"\xEF\xBF\xBD\xEF\xBF\xBD\" \"m\"\ntext \"a\xEF\xBF\xBD\" {\"x\":\"\xEF\xBF\xBD\"}\n"
          "other \"y\" \"{\\\"type\\\":\\\"y\\\",\\\"z\\\":\\\"\xEF\xBF\xBD\\\"}\"\nother \"\xEF\xBF\xBD\"\n");
}
