/* What is handed to the host: copies, which the generated bindings free once the host has read them. All text leaves
 * here, and lone halves of surrogate pairs leave as U+FFFD. */
#ifndef GIVE_H
#define GIVE_H

#include "contract.h"

Str give(Str text);
Str give_text(const char *zero_ended);
provider_option_string_t give_some(Str text);
OptionJson give_json(Str json);

/* Room for `count` elements, all zero; NULL for none. */
void *give_list(size_t count, size_t size);

#endif
