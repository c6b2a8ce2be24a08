#include "result.h"

#include "block.h"

static bool put_block(Buffer *out, const ResultPart *part, const Path *at, Error *error) {
    Object extra;
    switch (part->tag) {
    case ARETE_PROVIDER_LLM_RESULT_PART_TEXT:
        return extra_read(out->arena, part->val.text.extra, at, &extra, error)
               && put_words(out, "text", part->val.text.text, &extra, at, error);
    case ARETE_PROVIDER_LLM_RESULT_PART_OTHER: return put_other(out, &part->val.other, at, error);
    default: return refuse_as(error, UNSUPPORTED, at, "is a picture, which the vendor doesn't take in a tool's result");
    }
}

static bool is_empty(const ResultPart *part) {
    return part->tag == ARETE_PROVIDER_LLM_RESULT_PART_TEXT && text_is_blank(part->val.text.text);
}

/* The vendor has no field for a failed tool, so the text says it. A result that is plain text is written as a string.
 */
static bool put_content(Buffer *out, const ToolResult *result, const Path *part, Error *error) {
    size_t count = result->content.len;
    const ResultPart *parts = result->content.ptr;
    size_t told = 0;
    size_t only = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_empty(&parts[i])) continue;
        told++;
        only = i;
    }
    bool plain = (count == 1 || told == 1) && parts[only].tag == ARETE_PROVIDER_LLM_RESULT_PART_TEXT
                 && !parts[only].val.text.extra.is_some;
    if (count == 0 || plain) {
        put_byte(out, '"');
        if (result->is_error) put_text(out, plain ? "Error: " : "Error");
        if (plain) put_json_escaped(out, parts[only].val.text.text);
        put_byte(out, '"');
        return true;
    }
    Path content = {part, "content", 0};
    put_byte(out, '[');
    if (result->is_error) put_text(out, "{\"type\":\"text\",\"text\":\"Error:\"},");
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (told != 0 && is_empty(&parts[i])) continue;
        if (any) put_byte(out, ',');
        any = true;
        if (!put_block(out, &parts[i], &(Path){&content, NULL, i}, error)) return false;
    }
    put_byte(out, ']');
    return true;
}

bool put_result(Buffer *out, const ToolResult *result, const Object *extra, const Path *message, const Path *part,
                Error *error) {
    Object own;
    if (!extra_read(out->arena, result->extra, part, &own, error)) return false;
    Writer writer = object_open(out);
    object_string(&writer, "role", LITERAL("tool"));
    object_string(&writer, "tool_call_id", result->tool_use_id);
    object_key(&writer, "content");
    if (!put_content(out, result, part, error) || !object_extra(&writer, &own, part, error)
        || !object_extra(&writer, extra, message, error)) {
        return false;
    }
    object_close(&writer);
    return true;
}
