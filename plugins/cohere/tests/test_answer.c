#include "test.h"

#include "answer.h"

static void check(const char *body, const char *expected) {
    Arena arena = {0};
    Completion completion;
    Error error;
    bool read = answer_read(text_of(body), LITERAL("m"), &completion, &error);
    SAME(read ? show_completion(&arena, &completion) : show_error(&arena, &error), expected);
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
    check("{\"finish_reason\":\"TOOL_CALL\",\"message\":{\"tool_plan\":\"p\",\"tool_calls\":[{\"id\":\"c\","
          "\"function\":{\"name\":"
          "\"f\",\"arguments\":\"[1]\"}}]}}",
          BROKEN "`message.tool_calls[0].function.arguments` should be the text of a JSON object.");
    check("{\"finish_reason\":\"COMPLETE\",\"message\":{},\"usage\":{\"tokens\":{\"input_tokens\":-1}}}",
          BROKEN "`usage.tokens.input_tokens` should be a whole number below 2^32.");
}
