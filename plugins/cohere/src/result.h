/* Writes a tool's result as a message of its own. Empty texts beside other parts are left out. */
#ifndef RESULT_H
#define RESULT_H

#include "write.h"

/* `extra` is the message's if the message has only this result; `message` and `part` are their places. */
bool put_result(Buffer *out, const ToolResult *result, const Object *extra, const Path *message, const Path *part,
                Error *error);

#endif
