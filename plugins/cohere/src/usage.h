/* What an answer cost. */
#ifndef USAGE_H
#define USAGE_H

#include "json.h"

/* Takes the vendor's counts out of the object that has them as `usage`. What has no field of its own in the contract,
 * or is no count, is kept in `extra`. Returns false, and leaves `usage` where it is, if there are none. */
bool usage_take(Arena *arena, Object *object, Usage *usage);

#endif
