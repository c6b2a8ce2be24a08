/* What the reader of JSON needs of the contract, in the place of `contract.h`: that needs bindings, which are made for
 * components alone. */
#ifndef CONTRACT_H
#define CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t *ptr;
    size_t len;
} Str;

#endif
