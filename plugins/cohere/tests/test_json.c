#include "test.h"

#include <string.h>

#include "json.h"
#include "write.h"

static void valid(const char *text, const char *expected) {
    Str value = LITERAL("refused");
    (void)json_value(text_of(text), &value);
    SAME(value, expected);
}

static void refused(const char *text) {
    valid(text, "refused");
}

static void string(const char *text, const char *expected) {
    Arena arena = {0};
    Str value = LITERAL("refused");
    (void)json_string(&arena, text_of(text), &value);
    SAME(value, expected);
    arena_end(&arena);
}

static void count(const char *text, const char *expected) {
    Arena arena = {0};
    Buffer out = buffer_in(&arena);
    uint32_t number;
    if (json_count(text_of(text), &number)) put_count(&out, number);
    else put_text(&out, "refused");
    SAME(out.text, expected);
    arena_end(&arena);
}

static void nested(size_t depth, bool ok) {
    Arena arena = {0};
    Buffer out = buffer_in(&arena);
    for (size_t i = 0; i < depth; i++) put_text(&out, i % 2 ? "[" : "{\"a\":");
    put_text(&out, "1");
    for (size_t i = depth; i > 0; i--) put_text(&out, (i - 1) % 2 ? "]" : "}");
    Str value;
    SAME(json_value(out.text, &value) ? LITERAL("yes") : LITERAL("no"), ok ? "yes" : "no");
    arena_end(&arena);
}

void test_json(void) {
    static const char *const WHOLE[] = {
        "{}",           "[]",
        "null",         "true",
        "false",        "0",
        "-0",           "12",
        "-1.50",        "1e400",
        "1E-2",         "0.1e+9",
        "\"\"",         "{\"a\":[1,{\"b\":\"c\"},[]],\"d\":{}}",
        "[[],{},[[]]]", "\"\\u0000\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"ü😀\"",
    };
    for (size_t i = 0; i < sizeof WHOLE / sizeof *WHOLE; i++) valid(WHOLE[i], WHOLE[i]);
    valid(" \t\r\n [ 1 , 2 ] \n", "[ 1 , 2 ]");
    static const char *const REFUSED[] = {
        "",          " ",           "{",     "}",         "[",       "]",        "[1",
        "[1,",       "[1,]",        "[,1]",  "[1 2]",     "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
        "{,}",       "{a:1}",       "{1:2}", "{\"a\":1]", "[1}",     "01",       "-",
        "1.",        ".5",          "1e",    "1e+",       "+1",      "tru",      "True",
        "nul",       "nullx",       "NaN",   "\"",        "\"a",     "\"\n\"",   "\"\\x\"",
        "\"\\u12\"", "\"\\u12g4\"", "\"\\",  "1 2",       "{} {}",   "'a'",      "[1]//",
    };
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) refused(REFUSED[i]);
    Str value;
    SAME(json_value((Str){0}, &value) ? LITERAL("yes") : LITERAL("no"), "no");
    nested(JSON_DEPTH_MAX, true);
    nested(JSON_DEPTH_MAX + 1, false);

    string("\"a\\nb\"", "a\nb");
    string("\"\\u00fc \\u20AC \\uD83D\\uDE00 \\u007f\"", "ü € 😀 \x7f");
    string("\"\\ud800\\udc00\\udbff\\udfff\"", "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
    string("[\"a\"]", "refused");
    /* Lone halves, as text.h has them. */
    string("\"\\ud83d\"", "\xED\xA0\xBD");
    string("\"\\uD83Dx\\udc00\"", "\xED\xA0\xBDx\xED\xB0\x80");
    string("\"\\ude00\\ud83d\\n\"", "\xED\xB8\x80\xED\xA0\xBD\n");
    string("\"\\ud83d\\ud83d\\ude00\"", "\xED\xA0\xBD😀");
    string("\"\\\\ud83d\"", "\\ud83d");
    valid("[\"\\udfff\"]", "[\"\\udfff\"]");
    refused("\"\\ud83d\\\"");
    refused("\\ud83d");
    count("0", "0");
    count("4294967295", "4294967295");
    count("37.0", "37");
    count("1.5", "2");
    count("1.4", "1");
    count("1e3", "1000");
    count("4294967295.4", "4294967295");
    count("-0", "0");
    count("4294967295.5", "refused");
    count("1e400", "refused");
    count("[1]", "refused");
    count("true", "refused");
    count("4294967296", "refused");
    count("99999999999999999999999", "refused");
    count("-1", "refused");
    count("\"1\"", "refused");

    Arena arena = {0};
    Object object;
    SAME(json_object(&arena, LITERAL(" {\"a\":null,\"b\" : 1.10,\"b\":[2, 3],\"\\u0063\":{} } "), &object)
             ? LITERAL("yes")
             : LITERAL("no"),
         "yes");
    SAME(object_take(&object, "a", &value) ? value : LITERAL("absent"), "absent");
    SAME(object_take(&object, "b", &value) ? value : LITERAL("absent"), "[2,3]");
    SAME(object_take(&object, "b", &value) ? value : LITERAL("absent"), "absent");
    SAME(object_take(&object, "c", &value) ? value : LITERAL("absent"), "{}");
    SAME(object.count == 0 ? LITERAL("empty") : LITERAL("more"), "empty");
    List list;
    SAME(json_list(&arena, LITERAL("[]"), &list) && list.count == 0 ? LITERAL("yes") : LITERAL("no"), "yes");
    SAME(json_list(&arena, LITERAL("{}"), &list) ? LITERAL("yes") : LITERAL("no"), "no");
    Buffer many = buffer_in(&arena);
    for (size_t i = 0; i < 1000; i++) {
        put_text(&many, i == 0 ? "[" : ", ");
        put_count(&many, i);
    }
    put_text(&many, "]");
    SAME(json_list(&arena, many.text, &list) && list.count == 1000 ? list.values[999] : LITERAL("no"), "999");
    arena_end(&arena);
}

static void number(double number, const char *expected) {
    Arena arena = {0};
    Buffer out = buffer_in(&arena);
    put_json_number(&out, number);
    SAME(out.text, expected);
    arena_end(&arena);
}

void test_write(void) {
    number(0, "0");
    number(1, "1");
    number(2, "2");
    number(0.7, "0.7");
    number(0.05, "0.05");
    number(1.25, "1.25");
    number(0.1 + 0.2, "0.3");
    number(1e-9, "0.000000001");
    number(1e-300, "0");
    number(1.0 / 3, "0.333333333333333");
    number(0.999999999999999, "0.999999999999999");
    number(1000, "1000");

    Arena arena = {0};
    Buffer out = buffer_in(&arena);
    put_json_string(&out, LITERAL("a\"\\\n\r\t\b\f\x01\x1f\x7f ü😀/"));
    SAME(out.text, "\"a\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u001f\x7f ü😀/\"");
    SAME(text_clip(&arena, LITERAL("üüü"), 3), "üüü");
    SAME(text_clip(&arena, LITERAL("üüü"), 2), "üü…");
    SAME(text_clip(&arena, (Str){0}, 2), "");
    arena_end(&arena);
}
