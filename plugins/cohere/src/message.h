/* The contract's messages as the vendor's. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "write.h"

/* Puts the list's inside: one message, or several where the contract keeps in one what the vendor keeps apart. */
bool put_message(Buffer *out, const Message *message, const Path *at, Error *error);

#endif
