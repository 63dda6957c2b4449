/* Arithmetic that few networks need: accumulators shifted up, and sums in 64 bits. */
#include "tp_arithmetic.h"

void tp_shift_up(int32_t acc[TP_BLOCK], uint32_t bits) {
    const int32_t limit = INT32_MAX >> bits;
    TP_ROLLED
    for (int i = 0; i < TP_BLOCK; ++i) {
        const int32_t limited = acc[i] > limit ? limit : acc[i] < -limit ? -limit : acc[i];
        acc[i] = (int32_t)((uint32_t)limited << bits);
    }
}

/* v >> shift, limited to 32 bits, for shifts of 1 to 40. By halves: on Cortex-M0 a shift of 64 bits is a library call. */
static int32_t shift_down(int64_t v, uint32_t shift) {
    const int32_t high = (int32_t)(v >> 32);
    if (shift >= 32) {
        return high >> (shift - 32);
    }
    const int32_t result = (int32_t)((uint32_t)v >> shift | (uint32_t)high << (32 - shift));
    /* The result is whole if the bits above it repeat its sign. */
    return high >> shift == result >> 31 ? result : (high >> 31) ^ INT32_MAX;
}

tp_quad tp_add_wide(tp_quad a, tp_quad b, const tp_sum *p) {
    const int64_t constant = (int64_t)((uint64_t)(uint32_t)p->constant_high << 32 | p->constant_low);
    int32_t v[TP_BLOCK];
    TP_UNROLLED
    for (int i = 0; i < TP_BLOCK; ++i) {
        const int64_t scaled_a = tp_wide_product(tp_element(a, i), p->multiplier_a);
        const int64_t scaled_b = tp_wide_product(tp_element(b, i), p->multiplier_b);
        v[i] = shift_down(scaled_a + scaled_b + constant, p->shift);
    }
    return tp_clamp(v, p->bits);
}
