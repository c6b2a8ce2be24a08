#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void same(const char *file, int line, Str found, const char *expected) {
    if (text_is(found, expected)) return;
    fprintf(stderr, "%s:%d\n  found    %.*s\n  expected %s\n", file, line, (int)found.len, (const char *)found.ptr,
            expected);
    exit(1);
}

int main(void) {
    test_json();
    test_write();
    test_request();
    test_answer();
    test_stream();
    test_lines();
    test_whole();
    test_errors();
    test_settings();
    test_mutations();
    puts("all passed");
    return 0;
}
