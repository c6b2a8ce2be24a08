/* The header `retry-after`. */
#ifndef RETRY_AFTER_H
#define RETRY_AFTER_H

#include "contract.h"

/* How long the vendor asks to wait: seconds, or a date, which is read against the answer's own `date`, so no clock is
 * needed and the vendor's may be wrong. False when it says neither; a wait too long to count is the longest there is.
 */
bool retry_after_ms(Str retry_after, Str date, uint32_t *ms);

#endif
