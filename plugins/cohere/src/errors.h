/* Refusals of the vendor, or of a gateway in front of it. */
#ifndef ERRORS_H
#define ERRORS_H

#include "contract.h"

/* The headers of a refusal that matter; empty if absent. */
typedef struct {
    Str retry_after;
    Str date;
    Str trace;
    Str should_retry;
} RefusalHeaders;

/* An answer whose status isn't a success. A body that isn't the vendor's JSON is expected here: what stands between
 * answers with pages of its own. Returns false, as all that fails. */
bool refusal(uint16_t status, const RefusalHeaders *headers, Str body, Error *error);

/* An answer with status 200 to a request for a stream that is neither a stream nor an answer in whole. */
bool not_a_stream(Str content_type, Str body, Error *error);

/* Turns the host's error into the contract's, and frees it. */
bool not_sent(arete_provider_http_http_error_t *from, Error *error);

#endif
