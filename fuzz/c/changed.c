/* Runs a target of C on files, and on fixed changes of them, where libFuzzer isn't: `changed COUNT FILE...`. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 4096, FILES_MAX = 1024 };

typedef struct {
    uint8_t bytes[BYTES_MAX];
    size_t size;
} Case;

/* xorshift: the same numbers on every machine. */
static uint64_t state = 0x0a7e7e00;

static size_t below(size_t bound) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return bound == 0 ? 0 : (size_t)(state % bound);
}

static void change(Case *one, const Case *other) {
    static const char STRANGE[] = "\0\r\n\t \"\\/{}[]:,.0eE+-u\x7f\x80\xff";
    size_t at = below(one->size + 1);
    size_t count = below(17);
    switch (below(4)) {
    case 0:
        if (at < one->size) one->bytes[at] ^= (uint8_t)(1u << below(8));
        break;
    case 1:
        if (at < one->size) one->bytes[at] = (uint8_t)STRANGE[below(sizeof STRANGE - 1)];
        break;
    case 2:
        if (count > one->size - at) count = one->size - at;
        memmove(one->bytes + at, one->bytes + at + count, one->size - at - count);
        one->size -= count;
        break;
    default: {
        size_t from = below(other->size + 1);
        if (count > other->size - from) count = other->size - from;
        if (count > BYTES_MAX - one->size) count = BYTES_MAX - one->size;
        memmove(one->bytes + at + count, one->bytes + at, one->size - at);
        memcpy(one->bytes + at, other->bytes + from, count);
        one->size += count;
    }
    }
}

int main(int argc, char **argv) {
    static Case cases[FILES_MAX];
    size_t kept = 0;
    for (int i = 2; i < argc && kept < FILES_MAX; i++, kept++) {
        FILE *file = fopen(argv[i], "rb");
        if (!file) return 2;
        cases[kept].size = fread(cases[kept].bytes, 1, BYTES_MAX, file);
        fclose(file);
        fprintf(stderr, "%s\n", argv[i]);
        LLVMFuzzerTestOneInput(cases[kept].bytes, cases[kept].size);
    }
    if (kept == 0) return 2;
    for (long i = atol(argv[1]); i > 0; i--) {
        static Case one;
        one = cases[below(kept)];
        for (size_t changes = 1 + below(8); changes > 0; changes--) change(&one, &cases[below(kept)]);
        LLVMFuzzerTestOneInput(one.bytes, one.size);
    }
    return 0;
}
