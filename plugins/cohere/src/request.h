/* The contract's request as the body of `POST /v2/chat`. */
#ifndef REQUEST_H
#define REQUEST_H

#include "write.h"

/* The body lives in the arena. */
bool request_body(Arena *arena, const Request *request, bool stream, Str *body, Error *error);

#endif
