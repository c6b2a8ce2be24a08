/* The tests' own tools: they run natively, with the compiler's checks of addresses and of undefined behaviour on. */
#ifndef TEST_H
#define TEST_H

#include "text.h"

/* Says where and ends the program unless both are the same text. */
#define SAME(found, expected) same(__FILE__, __LINE__, found, expected)
void same(const char *file, int line, Str found, const char *expected);

/* Shows a result as text in the arena, and frees it as the host's side of the bindings does. */
Str show_completion(Arena *arena, Completion *completion);
Str show_deltas(Arena *arena, Delta *deltas, size_t count);
Str show_error(Arena *arena, Error *error);

void test_json(void);
void test_write(void);
void test_request(void);
void test_answer(void);
void test_stream(void);
void test_lines(void);
void test_whole(void);
void test_errors(void);
void test_settings(void);
void test_mutations(void);

#endif
