/* The operator's settings, checked once, so that a mistake shows when the provider is loaded, not on the first call. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "text.h"

typedef struct {
    /* The URL of requests. */
    Str url;
    /* The model for requests that name none. */
    Str model;
    /* Models to list, separated by commas; other names are passed on too. */
    Str models;
} Settings;

/* Reads the operator's values, each empty if not given. The error doesn't repeat a wrong value: it may wrongly hold a
 * password. */
bool settings_read(Arena *arena, Str base_url, Str model, Str models, Settings *settings, Error *error);

/* Takes the next of `names`, without white space around it; false at the end. */
bool next_name(Str *names, Str *name);

#endif
