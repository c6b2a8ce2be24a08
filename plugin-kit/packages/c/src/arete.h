/* What providers for Arete in C share. A provider defines the functions `vendor_…`; all others are here for them. */
#ifndef ARETE_H
#define ARETE_H

#include "contract.h"
#include "json.h"

typedef exports_arete_provider_chat_info_t Info;
typedef struct exports_arete_provider_chat_deltas_t Stream;

/* A request to the vendor. */
typedef struct {
    /* What follows the operator's setting `base-url`. */
    const char *path;
    /* The fields of a JSON object, without its braces: those that the caller gave under `extra` are added. */
    Buffer fields;
} Question;

/* A word of the vendor's for why an answer stops, and the tag of its equal in the contract. The last one has no word. */
typedef struct {
    const char *word;
    uint8_t reason;
} FinishWord;

/* Says what the provider is. Settings that are wrong are best told here. */
bool vendor_info(Info *info, Error *error);
/* Puts a question into the vendor's words. */
bool vendor_ask(const Request *request, bool stream, Question *question, Error *error);
/* Reads a whole answer. */
bool vendor_answer(Object *answer, Completion *completion, Error *error);
/* Reads one event of a streamed answer, and tells what it means to the stream. */
bool vendor_event(Object *event, Stream *stream, Error *error);
/* Finds the vendor's own words in the body of a refusal; an empty text where there are none. */
Str vendor_reason(Object *body);

/* Failures are told like this: `return fail(…)`. */
bool fail(Error *error, uint8_t kind, Str message);
bool bad(Error *error, const char *why);
bool at_fault(Error *error, uint8_t kind, Str field, const char *says);

/* A copy to hand to the host, which frees it: literals and what is still needed must be copied. */
Str copy(Str text);
/* A buffer that lives as long as the function that the host has called. */
Buffer buffer(void);

/* What there is to say of a provider with the settings `base-url` and `model`, whose answers can be streamed. */
bool info_of(const char *vendor, const char *version, Info *info, Error *error);
bool setting(const char *key, Str *value, Error *error);

/* Refuses a question that has fields beyond its model, its messages and, if it may, `maxTokens`. An answer that passed over half
 * of the question would be worse than none. */
bool only(const Request *request, bool max_tokens, Error *error);
/* Puts the messages of a question as a list of objects with a `role` and the text as `content`, for a vendor that takes nothing
 * else. Answers without words, which vendors refuse, are left out. */
bool put_texts(Buffer *out, const Request *request, Error *error);

/* What a field of the vendor's says, or an empty text. */
Str said(Object *object, const char *field);
FinishReason finish_reason(const FinishWord *words, Str word);
/* The counts of these names in the field `usage`. One that makes no sense is left out: the answer is worth more. */
Usage usage_of(Object *object, const char *input, const char *output);
/* An answer of one text. */
void answer_text(Completion *completion, Str text);

/* Tells the id and the model of the answer, where the vendor names them. Otherwise it begins with its first event. */
void stream_start(Stream *stream, Str id, Str model);
/* Tells more of a block of text, which may begin or end with half a character. */
void stream_text(Stream *stream, uint32_t index, Str piece);
/* Room for any event of the contract. */
Event *stream_tell(Stream *stream, uint8_t tag);
/* Tells what the answer cost so far. */
void stream_usage(Stream *stream, Usage usage);
/* Tells why the answer stops. The end of the body is its end then. */
void stream_finish(Stream *stream, FinishReason reason);
/* Tells that the vendor's mark of the end has come. */
void stream_done(Stream *stream);

#endif
