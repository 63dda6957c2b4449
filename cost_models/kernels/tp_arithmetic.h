/* The arithmetic of docs/integer_gru.md on blocks of TP_BLOCK numbers. */
#ifndef TP_ARITHMETIC_H
#define TP_ARITHMETIC_H

#include "tp_kernels.h"
#include "tp_simd.h"

/* Four numbers of at most 16 bits. Even and odd elements are paired: so bytes unpack to lanes by one instruction. */
typedef struct {
    uint32_t even; /* elements 0 and 2 */
    uint32_t odd;  /* elements 1 and 3 */
} tp_quad;

TP_INLINE tp_quad tp_quad_of_bytes(uint32_t word) {
    return (tp_quad){tp_even_signed_bytes(word), tp_odd_signed_bytes(word)};
}

TP_INLINE uint32_t tp_bytes_of_quad(tp_quad q) { return (q.even & 0x00ff00ffu) | (q.odd & 0x00ff00ffu) << 8; }

TP_INLINE tp_quad tp_quad_of_halfwords(const uint32_t words[2]) {
    return (tp_quad){tp_pair(words[0], words[1]), tp_pair(words[0] >> 16, words[1] >> 16)};
}

TP_INLINE void tp_halfwords_of_quad(tp_quad q, uint32_t words[2]) {
    words[0] = tp_pair(q.even, q.odd);
    words[1] = tp_pair(q.even >> 16, q.odd >> 16);
}

/* Element i, 0 to 3. */
TP_INLINE int32_t tp_element(tp_quad q, int i) {
    const uint32_t pair = i % 2 == 0 ? q.even : q.odd;
    return i < 2 ? tp_low_lane(pair) : tp_high_lane(pair);
}

TP_INLINE tp_quad tp_clamp(const int32_t v[TP_BLOCK], uint32_t bits) {
    const uint32_t margin = tp_clamp_margin(bits);
    return (tp_quad){tp_clamp_pair(v[0], v[2], margin), tp_clamp_pair(v[1], v[3], margin)};
}

/* The high word of acc * M * 2^7 leaves S - 25 bits to go, the last of which rounds. */
#define TP_MULTIPLIER_SHIFT 7
#define TP_HIGH_WORD_SHIFT 25

/* Out of line, for ratios of 1/2 and more are rare: multiply accumulators by 2^bits. Those that this would take out of
 * 32 bits are far outside of every output's range; they become the largest or the smallest that is not. */
void tp_shift_up(int32_t acc[TP_BLOCK], uint32_t bits);

/* requantize(acc; M, S, z). */
TP_INLINE tp_quad tp_requantize(int32_t acc[TP_BLOCK], const tp_requantization *p) {
    uint32_t shift = p->shift;
    if (shift <= TP_HIGH_WORD_SHIFT) {
        tp_shift_up(acc, TP_HIGH_WORD_SHIFT + 1 - shift);
        shift = TP_HIGH_WORD_SHIFT + 1;
    }
    shift -= TP_HIGH_WORD_SHIFT;
    const int32_t multiplier = p->multiplier << TP_MULTIPLIER_SHIFT, half = 1 << (shift - 1);
    int32_t v[TP_BLOCK];
    TP_UNROLLED
    for (int i = 0; i < TP_BLOCK; ++i) {
        v[i] = ((tp_high_product(acc[i], multiplier) + half) >> shift) + p->zero_point;
    }
    return tp_clamp(v, p->bits);
}

/* The same in 64 bits, out of line. */
tp_quad tp_add_wide(tp_quad a, tp_quad b, const tp_sum *p);

/* clamp((a * M_a + b * M_b + K) >> S) */
TP_INLINE tp_quad tp_add(tp_quad a, tp_quad b, const tp_sum *p) {
    if (p->is_wide) {
        return tp_add_wide(a, b, p);
    }
    const int32_t constant = (int32_t)p->constant_low;
    int32_t v[TP_BLOCK];
    TP_UNROLLED
    for (int i = 0; i < TP_BLOCK; ++i) {
        v[i] = (tp_element(a, i) * p->multiplier_a + tp_element(b, i) * p->multiplier_b + constant) >> p->shift;
    }
    return tp_clamp(v, p->bits);
}

/* clamp((a * M + K) >> S) */
TP_INLINE tp_quad tp_one_minus(tp_quad a, const tp_complement *p) {
    int32_t v[TP_BLOCK];
    TP_UNROLLED
    for (int i = 0; i < TP_BLOCK; ++i) {
        v[i] = (tp_element(a, i) * p->multiplier + p->constant) >> p->shift;
    }
    return tp_clamp(v, p->bits);
}

/* requantize((a - z_a) * (b - z_b)) for a of at most 8 bits. */
TP_INLINE tp_quad tp_multiply(tp_quad a, tp_quad b, const tp_product *p) {
    const uint32_t zero_point = tp_pair((uint32_t)p->zero_point_a, (uint32_t)p->zero_point_a);
    const tp_quad centred = {tp_subtract_lanes(a.even, zero_point), tp_subtract_lanes(a.odd, zero_point)};
    int32_t acc[TP_BLOCK];
    TP_UNROLLED
    for (int i = 0; i < TP_BLOCK; ++i) {
        acc[i] = tp_element(centred, i) * (tp_element(b, i) - p->zero_point_b);
    }
    return tp_requantize(acc, &p->output);
}

TP_INLINE tp_quad tp_look_up(tp_quad q, tp_table table) {
    uint32_t v[TP_BLOCK];
    TP_UNROLLED
    for (int i = 0; i < TP_BLOCK; ++i) {
        v[i] = (uint32_t)table[tp_element(q, i)];
    }
    return (tp_quad){tp_pair(v[0], v[2]), tp_pair(v[1], v[3])};
}

#endif
