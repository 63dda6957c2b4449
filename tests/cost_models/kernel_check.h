/* Comparison of arrays, byte by byte: there is no C library on the emulated cores. */
#ifndef KERNEL_CHECK_H
#define KERNEL_CHECK_H

#include <stdint.h>

#define DIFFERS(actual, expected) differs(actual, expected, sizeof expected)

static inline int differs(const void *actual, const void *expected, uint32_t n_bytes) {
    const uint8_t *a = actual, *e = expected;
    for (uint32_t i = 0; i < n_bytes; ++i) {
        if (a[i] != e[i]) {
            return 1;
        }
    }
    return 0;
}

#endif
