/* Copies of values for the host, which the generated bindings free once the host has read them. All text for the host
 * goes through here, where U+FFFD replaces lone halves of surrogate pairs. */
#ifndef GIVE_H
#define GIVE_H

#include "contract.h"

Str give(Str text);
Str give_text(const char *zero_ended);
provider_option_string_t give_some(Str text);
OptionJson give_json(Str json);

/* Allocates `count` elements, all zero; NULL for none. */
void *give_list(size_t count, size_t size);

#endif
