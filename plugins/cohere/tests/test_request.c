#include "test.h"

#include "request.h"

static void check(const Request *request, bool stream, const char *expected) {
    Arena arena = {0};
    Str body;
    Error error;
    bool made = request_body(&arena, request, stream, &body, &error);
    SAME(made ? body : show_error(&arena, &error), expected);
    arena_end(&arena);
}

#define SOME(text) {.is_some = true, .val = LITERAL(text)}
#define TEXT_PART(words)                                                                                               \
    {                                                                                                                  \
        .tag = ARETE_PROVIDER_LLM_PART_TEXT, .val.text = {.text = LITERAL(words) }                                     \
    }
#define LIST_OF(array) {array, sizeof(array) / sizeof *(array)}
#define USER {.tag = ARETE_PROVIDER_LLM_ROLE_USER}
#define ASSISTANT {.tag = ARETE_PROVIDER_LLM_ROLE_ASSISTANT}

static Part hello[] = {TEXT_PART("Hi \"you\"")};
static Message question[] = {{.role = USER, .content = LIST_OF(hello)}};

static Request plain(void) {
    return (Request){.model = LITERAL("command-a"), .messages = LIST_OF(question)};
}

static void check_parameters(void) {
    Request request = plain();
    check(&request, false,
          "{\"model\":\"command-a\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi \\\"you\\\"\"}]}");
    Str stops[] = {LITERAL("END"), LITERAL("\n")};
    request.max_tokens = (provider_option_u32_t){true, 64};
    request.temperature = (provider_option_f64_t){true, 0.3};
    request.top_p = (provider_option_f64_t){true, 0.75};
    request.top_k = (provider_option_u32_t){true, 40};
    request.stop_sequences = (provider_list_string_t)LIST_OF(stops);
    request.extra = (OptionJson)SOME(" {\"seed\": 1.0, \"safety_mode\":\"STRICT\"}");
    check(&request, true,
          "{\"model\":\"command-a\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hi \\\"you\\\"\"}],"
          "\"max_tokens\":64,\"temperature\":0.3,\"p\":0.75,\"k\":40,\"stop_sequences\":[\"END\",\"\\n\"],\"seed\":1.0,"
          "\"safety_mode\":\"STRICT\"}");
    request.extra = (OptionJson)SOME("{\"k\":2}");
    check(&request, true,
          "invalid-request: `extra.k` would set what the request sets already; the field for it is `topK`. "
          "field \"extra.k\"");
    request.extra = (OptionJson)SOME("{\"stream\":true}");
    check(&request, false,
          "invalid-request: `extra.stream` would set what the request sets already; the field for it is "
          "`stream`. field \"extra.stream\"");
    request.extra = (OptionJson)SOME("[]");
    check(&request, false, "invalid-request: `extra` should be a JSON object. field \"extra\"");
    request.top_p.val = 1.5;
    check(&request, false, "invalid-request: `topP` should be from 0 to 1. field \"topP\"");
}

static void check_tools(void) {
    Tool tools[] = {
        {.name = LITERAL("f"), .description = SOME("does"), .input_schema = LITERAL("{\"type\":\"object\"}")},
        {.name = LITERAL("g"), .input_schema = LITERAL("{}"), .extra = SOME("{\"x\":1}")},
    };
    Request request = plain();
    request.tools = (arete_provider_llm_list_tool_t)LIST_OF(tools);
    request.tool_choice = (arete_provider_llm_option_tool_choice_t){true, {.tag = ARETE_PROVIDER_LLM_TOOL_CHOICE_ANY}};
    check(&request, false,
          "{\"model\":\"command-a\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi "
          "\\\"you\\\"\"}],\"tools\":[{\"type\":"
          "\"function\",\"function\":{\"name\":\"f\",\"description\":\"does\",\"parameters\":{\"type\":\"object\"}}},{"
          "\"type\":"
          "\"function\",\"function\":{\"name\":\"g\",\"parameters\":{}},\"x\":1}],\"tool_choice\":\"REQUIRED\"}");
    request.tool_choice.val.tag = ARETE_PROVIDER_LLM_TOOL_CHOICE_TOOL;
    check(&request, false,
          "unsupported: `toolChoice` names a tool, which the vendor can't be told; give that tool alone and "
          "choose `any`. field \"toolChoice\"");
    tools[1].extra.val = LITERAL("{\"function\":1}");
    check(&request, false,
          "invalid-request: `tools[1].extra.function` is set by a field of its own already. field "
          "\"tools[1].extra.function\"");
    tools[0].input_schema = LITERAL("{");
    check(&request, false,
          "invalid-request: `tools[0].inputSchema` should be a JSON object. field \"tools[0].inputSchema\"");
}

/* Parts from answer.c and stream.c can be sent back. */
static void check_conversation(void) {
    Part cited = TEXT_PART("24 degrees");
    cited.val.text.extra = (OptionJson)SOME("{\"citations\":[ {\"start\":0} ]}");
    Part planned[] = {
        {.tag = ARETE_PROVIDER_LLM_PART_THINKING,
         .val.thinking = {.text = LITERAL("I will."), .extra = SOME("{\"tool_plan\":true}")}},
        {.tag = ARETE_PROVIDER_LLM_PART_TOOL_USE,
         .val.tool_use = {.id = LITERAL("c1"), .name = LITERAL("f"), .input = LITERAL("{\"a\": \"b\"}")}},
    };
    ResultPart result[] = {{.tag = ARETE_PROVIDER_LLM_RESULT_PART_TEXT, .val.text = {.text = LITERAL("24")}}};
    Part answered[] = {
        {.tag = ARETE_PROVIDER_LLM_PART_TOOL_RESULT,
         .val.tool_result = {.tool_use_id = LITERAL("c1"), .content = LIST_OF(result)}},
        {.tag = ARETE_PROVIDER_LLM_PART_TOOL_RESULT,
         .val.tool_result = {.tool_use_id = LITERAL("c2"), .is_error = true}},
        TEXT_PART("And?"),
        {.tag = ARETE_PROVIDER_LLM_PART_IMAGE,
         .val.image = {.source = {.tag = ARETE_PROVIDER_LLM_IMAGE_SOURCE_DATA,
                                  .val.data = {.media_type = LITERAL("image/png"), .base64 = LITERAL("AAAA")}}}},
        {.tag = ARETE_PROVIDER_LLM_PART_OTHER,
         .val.other = {.kind = LITERAL("x"), .json = LITERAL(" {\"type\":\"x\"} ")}},
    };
    Part thought[] = {
        {.tag = ARETE_PROVIDER_LLM_PART_THINKING, .val.thinking = {.text = LITERAL("hm")}},
        cited,
    };
    Message messages[] = {
        {.role = {.tag = ARETE_PROVIDER_LLM_ROLE_SYSTEM}, .content = LIST_OF(hello)},
        {.role = ASSISTANT, .content = LIST_OF(planned), .extra = SOME("{\"x\":1}")},
        {.role = USER, .content = LIST_OF(answered)},
        {.role = ASSISTANT, .content = LIST_OF(thought)},
    };
    Request request = {.model = LITERAL("m"), .messages = LIST_OF(messages)};
    check(
        &request, false,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"Hi \\\"you\\\"\"},"
        "{\"role\":\"assistant\",\"tool_plan\":\"I "
        "will.\",\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{"
        "\"name\":\"f\",\"arguments\":\"{\\\"a\\\": \\\"b\\\"}\"}}],\"x\":1},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"24\"},{\"role\":\"tool\",\"tool_call_id\":\"c2\","
        "\"content\":\"Error\"},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"And?\"},{\"type\":\"image_url\",\"image_url\":{"
        "\"url\":"
        "\"data:image/png;base64,AAAA\"}},{\"type\":\"x\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\"},{\"type\":\"text\",\"text\":"
        "\"24 degrees\"}],\"citations\":[{\"start\":0}]}]}");
    messages[3].content = (arete_provider_llm_list_part_t){&cited, 1};
    request.messages = (arete_provider_llm_list_message_t){&messages[3], 1};
    check(&request, false,
          "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":\"24 degrees\",\"citations\":[{"
          "\"start\":0}]}]}");

    request.messages = (arete_provider_llm_list_message_t){&messages[2], 1};
    messages[2].extra = (OptionJson)SOME("{\"x\":1}");
    check(&request, false,
          "invalid-request: `messages[0].extra` can't be sent: the vendor keeps tool results apart, so this "
          "message becomes several. field \"messages[0].extra\"");
    messages[2].extra.is_some = false;
    result[0].tag = ARETE_PROVIDER_LLM_RESULT_PART_IMAGE;
    answered[0].val.tool_result.content.len = 1;
    check(&request, false,
          "unsupported: `messages[0].content[0].content[0]` is a picture, which the vendor doesn't take in a "
          "tool's result. field \"messages[0].content[0].content[0]\"");
    answered[4].val.other.json = LITERAL("[]");
    request.messages = (arete_provider_llm_list_message_t){&messages[2], 1};
    messages[2].content = (arete_provider_llm_list_part_t){answered + 2, 3};
    check(&request, false,
          "invalid-request: `messages[0].content[2].json` should be a JSON object. field "
          "\"messages[0].content[2].json\"");
}

/* Empty texts are sent only if there is nothing else, and an answer without words isn't sent. */
static void check_empty_texts(void) {
    ResultPart results[] = {
        {.tag = ARETE_PROVIDER_LLM_RESULT_PART_TEXT, .val.text = {.text = LITERAL("")}},
        {.tag = ARETE_PROVIDER_LLM_RESULT_PART_TEXT, .val.text = {.text = LITERAL("22")}},
    };
    Part asked[] = {TEXT_PART(""), TEXT_PART("a"), TEXT_PART(" ")};
    asked[2].val.text.extra = (OptionJson)SOME("{\"x\":1}");
    Part called[] = {
        TEXT_PART(""),
        {.tag = ARETE_PROVIDER_LLM_PART_TOOL_USE,
         .val.tool_use = {.id = LITERAL("c"), .name = LITERAL("f"), .input = LITERAL("{\"a\": \"\\ud83d\"}")}},
    };
    Part answered[] = {
        {.tag = ARETE_PROVIDER_LLM_PART_TOOL_RESULT,
         .val.tool_result = {.tool_use_id = LITERAL("c"), .content = LIST_OF(results)}},
        TEXT_PART("\n"),
    };
    Part nothing[] = {TEXT_PART(" ")};
    Message messages[] = {
        {.role = ASSISTANT, .content = LIST_OF(nothing)}, {.role = USER, .content = LIST_OF(asked)},
        {.role = ASSISTANT, .content = LIST_OF(called)},  {.role = USER, .content = LIST_OF(answered)},
        {.role = ASSISTANT, .content = LIST_OF(nothing)}, {.role = USER, .content = LIST_OF(nothing)},
    };
    Request request = {.model = LITERAL("m"), .messages = LIST_OF(messages), .extra = SOME("{\"x\":\"\\ud83d\"}")};
    check(
        &request, false,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"tool_calls\":[{"
        "\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\": "
        "\\\"\\\\ud83d\\\"}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"22\"},{\"role\":\"user\","
        "\"content\":\" "
        "\"}],\"x\":\"�\"}");
}

void test_request(void) {
    check_empty_texts();
    check_parameters();
    check_tools();
    check_conversation();
}
