/* What the operator set, checked once: a mistake shows when the provider is loaded and not at the first question. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "text.h"

typedef struct {
    /* Where questions go. */
    Str url;
    /* The model for callers who name none. */
    Str model;
    /* Models for people to choose from, with commas between; any other name is passed on as well. */
    Str models;
} Settings;

/* From what the operator gave, each empty where nothing was given. A wrong value isn't repeated in the error: it may
 * hold a password, where none belongs. */
bool settings_read(Arena *arena, Str base_url, Str model, Str models, Settings *settings, Error *error);

/* The next of `names`, without white space around it; false at the end. */
bool next_name(Str *names, Str *name);

#endif
