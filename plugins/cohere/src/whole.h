/* A whole body where a stream was asked for. */
#ifndef WHOLE_H
#define WHOLE_H

#include "contract.h"

/* The answer that the body holds, as a stream tells it, or the error. `model` and `content_type` are those of the
 * request and the reply. */
bool whole_read(Str body, Str model, Str content_type, DeltaList *deltas, Error *error);

#endif
