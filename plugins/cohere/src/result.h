/* A tool's result, which the vendor gives a message of its own. Empty texts beside other parts are left out. */
#ifndef RESULT_H
#define RESULT_H

#include "write.h"

/* `extra` is the message's, if the result is all there is in it; `message` and `part` are where they stand. */
bool put_result(Buffer *out, const ToolResult *result, const Object *extra, const Path *message, const Path *part,
                Error *error);

#endif
