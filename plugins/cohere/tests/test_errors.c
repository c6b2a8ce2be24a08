#include "test.h"

#include "errors.h"
#include "retry_after.h"
#include "settings.h"

static Str should_retry;

static void check(uint16_t status, const char *retry_after, const char *body, const char *expected) {
    Arena arena = {0};
    Error error;
    RefusalHeaders headers = {text_of(retry_after), LITERAL("Sun, 22 Nov 2026 15:00:00 GMT"), LITERAL("trace-1"),
                              should_retry};
    (void)refusal(status, &headers, text_of(body), &error);
    SAME(show_error(&arena, &error), expected);
    arena_end(&arena);
}

#define BROKEN "bad-response: The vendor's answer isn't what its API promises: "

static void no_stream(const char *content_type, const char *body, const char *expected) {
    Arena arena = {0};
    Error error;
    (void)not_a_stream(text_of(content_type), text_of(body), &error);
    SAME(show_error(&arena, &error), expected);
    arena_end(&arena);
}

static void wait(const char *retry_after, const char *date, const char *expected) {
    Arena arena = {0};
    Buffer out = buffer_in(&arena);
    uint32_t ms;
    if (retry_after_ms(text_of(retry_after), text_of(date), &ms)) put_count(&out, ms);
    else put_text(&out, "none");
    SAME(out.text, expected);
    arena_end(&arena);
}

void test_errors(void) {
    check(429, "7", "{\"message\":\"trial token rate limit exceeded\",\"id\":\"e1\",\"data\":1}",
          "rate-limited: trial token rate limit exceeded status 429 id \"e1\" after 7000 {\"data\":1}");
    check(401, "", "{\"message\":\"invalid api token\"}", "credentials: invalid api token status 401 id \"trace-1\"");
    check(404, "", "",
          "not-found: The vendor answered HTTP 404 without a reason; is `base-url` right? status 404 id \"trace-1\"");
    check(502, "", "<html>", "vendor-failed: The vendor answered HTTP 502 without a reason. status 502 id \"trace-1\"");
    check(302, "", "",
          "bad-response: The vendor answered HTTP 302, a redirect, which isn't followed; is `base-url` right? "
          "status 302 id \"trace-1\"");
    check(498, "", "{\"data\":\"d\"}",
          "invalid-request: The vendor answered HTTP 498 without a reason. status 498 id \"trace-1\" {\"data\":\"d\"}");
    check(499, "", "{\"message\":1}",
          "other \"cancelled\": The vendor answered HTTP 499 without a reason. status 499 id \"trace-1\" "
          "{\"message\":1}");
    check(503, "Sun, 22 Nov 2026 15:00:30 GMT", "{\"message\":\"busy\"}",
          "overloaded: busy status 503 id \"trace-1\" after 30000");

    check(401, "", "{\"error\":{\"message\":\"wrong key \\ud83d\"}}",
          "credentials: wrong key \xEF\xBF\xBD status 401 id \"trace-1\" {\"error\":{\"message\":\"wrong key "
          "\xEF\xBF\xBD\"}}");
    should_retry = LITERAL("false");
    check(529, "", "{\"error\":\"busy\",\"data\":1}",
          "overloaded: busy status 529 id \"trace-1\" {\"data\":1,\"x-should-retry\":\"false\"}");
    no_stream("text/html", "<html>", BROKEN "a stream was asked for, and `text/html` came.");
    no_stream("", "{\"a\":1}", BROKEN "a stream was asked for, and something else came.");
    no_stream("text/event-stream", "{\"error\":{\"message\":\"Incorrect API key provided\"}}",
              "bad-response: Incorrect API key provided");

    wait("0", "", "0");
    wait(" 1.5 ", "", "1500");
    wait("0.0001", "", "1");
    wait("4294967", "", "4294967000");
    wait("4294968", "", "4294967295");
    wait("99999999999999999999999999", "", "4294967295");
    wait("-1", "", "none");
    wait("soon", "", "none");
    wait("", "", "none");
    wait("Mon, 01 Mar 2027 00:00:01 GMT", "Sun, 28 Feb 2027 23:59:59 GMT", "2000");
    wait("Tue, 29 Feb 2028 00:00:00 GMT", "Mon, 28 Feb 2028 00:00:00 GMT", "86400000");
    wait("Fri, 01 Jan 2027 00:00:00 GMT", "Thu, 31 Dec 2026 23:59:00 GMT", "60000");
    wait("Sun, 22 Nov 2026 14:00:00 GMT", "Sun, 22 Nov 2026 15:00:00 GMT", "0");
    wait("Tue, 22 Dec 2026 15:00:00 GMT", "Sun, 22 Nov 2026 15:00:00 GMT", "2592000000");
    wait("Sun, 22 Nov 9999 14:00:00 GMT", "Sun, 22 Nov 2026 15:00:00 GMT", "4294967295");
    wait("Sun, 22 Nov 2026 14:00:00 GMT", "", "none");
    wait("Sun, 22 Xyz 2026 14:00:00 GMT", "Sun, 22 Nov 2026 15:00:00 GMT", "none");
}

static void settings(const char *base_url, const char *expected) {
    Arena arena = {0};
    Settings settings;
    Error error;
    bool read = settings_read(&arena, text_of(base_url), (Str){0}, (Str){0}, &settings, &error);
    SAME(read ? settings.url : show_error(&arena, &error), expected);
    arena_end(&arena);
}

void test_settings(void) {
    static const char WRONG[] =
        "unconfigured: The setting `base-url` should start with `https://` or `http://` and be a host and "
        "perhaps a path, without user name, query and fragment.";
    settings(" ", "https://api.cohere.com/v2/chat");
    settings("http://127.0.0.1:8080", "http://127.0.0.1:8080/v2/chat");
    settings("HTTPS://gateway.example/cohere//", "HTTPS://gateway.example/cohere/v2/chat");
    settings("api.cohere.com", WRONG);
    settings("ftp://api.cohere.com", WRONG);
    settings("https://", WRONG);
    settings("https:///v1", WRONG);
    settings("https://user:hunter2@api.cohere.com", WRONG);
    settings("https://api.cohere.com?key=hunter2", WRONG);

    Str names = LITERAL(" a, b,,c ,");
    Str name;
    SAME(next_name(&names, &name) ? name : LITERAL("none"), "a");
    SAME(next_name(&names, &name) ? name : LITERAL("none"), "b");
    SAME(next_name(&names, &name) ? name : LITERAL("none"), "c");
    SAME(next_name(&names, &name) ? name : LITERAL("none"), "none");
}
