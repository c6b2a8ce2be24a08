/* What gcc calls at each edge, counted where libFuzzer looks: beside clang's counters it reads these, on Linux. */
#include <stdint.h>

enum { COUNTERS = 1 << 16 };

__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t counters[COUNTERS];

void __sanitizer_cov_trace_pc(void) {
    uintptr_t caller = (uintptr_t)__builtin_return_address(0);
    uint8_t *counter = &counters[(caller ^ caller >> 16) % COUNTERS];
    if (*counter != UINT8_MAX) (*counter)++;
}

/* What gcc calls at comparisons of floating-point numbers; libFuzzer takes only those of integers, and has neither. */
void __sanitizer_cov_trace_cmpf(float one, float other) {
    (void)one, (void)other;
}

void __sanitizer_cov_trace_cmpd(double one, double other) {
    (void)one, (void)other;
}
