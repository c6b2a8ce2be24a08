#include "block.h"

bool put_image(Buffer *out, const Image *image, const Path *at, Error *error) {
    Object extra;
    if (!extra_read(out->arena, image->extra, at, &extra, error)) return false;
    Writer block = object_open(out);
    object_string(&block, "type", LITERAL("image_url"));
    object_key(&block, "image_url");
    Writer inner = object_open(out);
    object_key(&inner, "url");
    if (image->source.tag == ARETE_PROVIDER_LLM_IMAGE_SOURCE_URL) {
        put_json_string(out, image->source.val.url);
    } else {
        put_text(out, "\"data:");
        put_json_escaped(out, image->source.val.data.media_type);
        put_text(out, ";base64,");
        /* Checked by the host; it holds nothing to escape and may be megabytes. */
        put(out, image->source.val.data.base64);
        put_byte(out, '"');
    }
    object_close(&inner);
    if (!object_extra(&block, &extra, at, error)) return false;
    object_close(&block);
    return true;
}

bool put_words(Buffer *out, const char *type, Str words, const Object *extra, const Path *at, Error *error) {
    Writer block = object_open(out);
    object_string(&block, "type", text_of(type));
    object_string(&block, type, words);
    if (!object_extra(&block, extra, at, error)) return false;
    object_close(&block);
    return true;
}

bool put_other(Buffer *out, const OtherPart *other, const Path *at, Error *error) {
    Str block;
    if (!json_value(other->json, &block) || block.ptr[0] != '{') {
        return refuse(error, &(Path){at, "json", 0}, "should be a JSON object");
    }
    put(out, block);
    return true;
}
