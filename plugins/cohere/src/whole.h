/* A whole body in answer to a request for a stream. */
#ifndef WHOLE_H
#define WHOLE_H

#include "contract.h"

/* Reads the answer in the body as the deltas of a stream, or the error. `model` is the request's, `content_type` the
 * reply's. */
bool whole_read(Str body, Str model, Str content_type, DeltaList *deltas, Error *error);

#endif
