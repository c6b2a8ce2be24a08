/* The token counts of an answer. */
#ifndef USAGE_H
#define USAGE_H

#include "json.h"

/* Takes the vendor's counts out of the object that has them as `usage`. Counts without a field in the contract, and
 * values that aren't counts, are kept in `extra`. Returns false, and leaves `usage` unchanged, if there are none. */
bool usage_take(Arena *arena, Object *object, Usage *usage);

#endif
