/* The contract's messages as the vendor's. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "write.h"

/* Adds to a list that is open: one message, several where the contract keeps in one what the vendor keeps apart, or
 * none where the model said nothing. Empty texts are left out where a message has other parts: the vendor refuses them.
 */
bool put_message(Buffer *out, const Message *message, const Path *at, Error *error);

#endif
