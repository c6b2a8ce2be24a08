/* The header `retry-after`. */
#ifndef RETRY_AFTER_H
#define RETRY_AFTER_H

#include "contract.h"

/* Reads the wait that the vendor asks for: seconds, or a date, which is compared with the answer's own `date`, so no
 * clock is needed and the vendor's may be wrong. False if it is neither; a wait too long to count is the
 * longest one. */
bool retry_after_ms(Str retry_after, Str date, uint32_t *ms);

#endif
