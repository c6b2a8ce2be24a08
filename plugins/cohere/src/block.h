/* Content blocks, in messages and in tools' results. */
#ifndef BLOCK_H
#define BLOCK_H

#include "write.h"

/* Writes text or thoughts: `{"type":type,type:words}` and the fields of `extra`. */
bool put_words(Buffer *out, const char *type, Str words, const Object *extra, const Path *at, Error *error);
bool put_image(Buffer *out, const Image *image, const Path *at, Error *error);
/* Writes a block that the contract has no case for as it is. */
bool put_other(Buffer *out, const OtherPart *other, const Path *at, Error *error);

#endif
