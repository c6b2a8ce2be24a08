#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "lines.h"
#include "whole.h"

/* Shows the events of a body that ends here, given in the host's lines: `lines` has one a line feed. */
static void check(const char *lines, const char *expected) {
    Arena arena = {0};
    Buffer out = buffer_in(&arena);
    Lines first = {0};
    Str name;
    Str data;
    for (bool closed = false;;) {
        LinesResult result = lines_next(&first, &name, &data);
        if (result == LINES_NO_STREAM) put_text(&out, "no stream");
        if (result == LINES_NO_STREAM || (result == LINES_NEED_MORE && (first.framed || closed))) break;
        if (result == LINES_EVENT) {
            put(&out, name);
            put_text(&out, "=");
            put(&out, data);
            put_text(&out, ";");
            continue;
        }
        closed = *lines == 0;
        if (closed) {
            lines_close(&first);
            continue;
        }
        const char *end = strchr(lines, '\n');
        lines_add(&first, (Str){(uint8_t *)lines, (size_t)(end - lines)});
        lines = end + 1;
    }
    SAME(out.text, expected);
    lines_end(&first);
    arena_end(&arena);
}

void test_lines(void) {
    check("event: a\ndata: {\"b\":1}\n\nevent: c\n", "a={\"b\":1};");
    check("\xEF\xBB\xBF: hello\n\nevent: lost\n\ndata:1\ndata\ndata:  2\n\n", "=1\n\n 2;");
    check(": hello\r\revent: a\rdata: 1\r\rdata: 2\r\r\n", "a=1;=2;");
    check("data: 1\r\rdata: 2\n", "=1;");
    check("data: 1\n", "=1;");
    check("dataset: 1\nid: 3\n", "");
    check("", "");
    check("\n \n {\n", "no stream");
    check("[1]\n", "no stream");
    check("<html>\n", "no stream");
    check("\xEF\xBB\xBF\"a\"\n", "no stream");
    check(": hello\n{\n", "");
}

static void whole(const char *body, const char *expected) {
    Arena arena = {0};
    DeltaList deltas;
    Error error;
    if (whole_read(text_of(body), LITERAL("m"), LITERAL("text/html"), &deltas, &error)) {
        Str shown = show_deltas(&arena, deltas.ptr, deltas.len);
        free(deltas.ptr);
        SAME(shown, expected);
    } else {
        SAME(show_error(&arena, &error), expected);
    }
    arena_end(&arena);
}

#define BROKEN "bad-response: The vendor's answer isn't what its API promises: "

void test_whole(void) {
    whole("\n{\"id\":\"i\",\"finish_reason\":\"COMPLETE\",\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"a\"}]"
          ",\"x\":1},"
          "\"usage\":{\"tokens\":{\"input_tokens\":3}}}",
          "start \"i\" \"m\"\n0 text \"a\"\nin 3\nend-turn {\"x\":1}\n");
    whole("{\"finish_reason\":\"TOOL_CALL\",\"message\":{\"tool_plan\":\"p\",\"content\":[{\"type\":\"y\"}],\"tool_"
          "calls\":[{"
          "\"id\":\"c\",\"function\":{\"name\":\"f\"},\"x\":1}]}}",
          "start \"\" \"m\"\n0 thinking \"p\"\n0 whole thinking \"p\" {\"tool_plan\":true}\n1 whole other \"y\" "
          "\"{\\\"type\\\":\\\"y\\\"}\"\n2 tool \"c\" \"f\" \"{}\"\n2 whole tool \"c\" \"f\" \"{}\" "
          "{\"x\":1}\n\ntool-use\n");
    whole("{\"finish_reason\":\"COMPLETE\",\"message\":{}}", "start \"\" \"m\"\n\nend-turn\n");
    whole("{\"finish_reason\":\"COMPLETE\"}", BROKEN "`message` should be an object.");
    whole("{\"message\":\"invalid api token\",\"id\":\"e\"}", "bad-response: invalid api token");
    whole("{\"error\":{\"message\":\"Incorrect API key provided\"}}", "bad-response: Incorrect API key provided");
    whole("<html>", BROKEN "a stream was asked for, and `text/html` came.");
    whole("[]", BROKEN "a stream was asked for, and `text/html` came.");
}
