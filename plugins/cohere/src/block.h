/* Content blocks that stand in messages and in tools' results alike. */
#ifndef BLOCK_H
#define BLOCK_H

#include "write.h"

/* `{"type":type,type:words}` and what `extra` holds: texts and thoughts. */
bool put_words(Buffer *out, const char *type, Str words, const Object *extra, const Path *at, Error *error);
bool put_image(Buffer *out, const Image *image, const Path *at, Error *error);
/* A block that the contract has no case for goes to the vendor as it is. */
bool put_other(Buffer *out, const OtherPart *other, const Path *at, Error *error);

#endif
