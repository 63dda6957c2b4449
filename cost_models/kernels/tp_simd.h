/* Pairs of 16-bit lanes in a word: with the DSP instructions of Cortex-M4, M7 and M33, or in portable C.
 *
 * The DSP version is chosen where the compiler's target has these instructions; TP_PORTABLE switches it off.
 * Both give the same bits. Sums wrap around at 32 bits, hence unsigned types.
 */
#ifndef TP_SIMD_H
#define TP_SIMD_H

#include <stdint.h>

#include "tp_compiler.h"

#if defined(__ARM_FEATURE_DSP) && !defined(TP_PORTABLE)
#define TP_DSP 1
#include <arm_acle.h>
#else
#define TP_DSP 0
#endif

TP_INLINE int32_t tp_low_lane(uint32_t pair) { return (int16_t)(pair & 0xffffu); }

TP_INLINE int32_t tp_high_lane(uint32_t pair) { return (int32_t)pair >> 16; }

/* A pair of the low halves of two numbers. */
TP_INLINE uint32_t tp_pair(uint32_t low, uint32_t high) { return (low & 0xffffu) | (high << 16); }

#if TP_DSP

/* Bytes 0 and 2 as lanes, extended with zeros. */
TP_INLINE uint32_t tp_even_bytes(uint32_t word) { return (uint32_t)__uxtb16(word); }

/* Bytes 0 and 2 as lanes, extended with their signs. */
TP_INLINE uint32_t tp_even_signed_bytes(uint32_t word) { return (uint32_t)__sxtb16((int8x4_t)word); }

/* Bytes 1 and 3 as lanes, extended with their signs. */
TP_INLINE uint32_t tp_odd_signed_bytes(uint32_t word) { return (uint32_t)__sxtb16((int8x4_t)__ror(word, 8)); }

/* sum + a.low * b.low + a.high * b.high */
TP_INLINE uint32_t tp_dot(uint32_t a, uint32_t b, uint32_t sum) {
    return (uint32_t)__smlad((int16x2_t)a, (int16x2_t)b, (int32_t)sum);
}

/* a - b in each lane, wrapping around. */
TP_INLINE uint32_t tp_subtract_lanes(uint32_t a, uint32_t b) {
    return (uint32_t)__ssub16((int16x2_t)a, (int16x2_t)b);
}

/* floor(a * b / 2^32) */
TP_INLINE int32_t tp_high_product(int32_t a, int32_t b) { return (int32_t)(((int64_t)a * b) >> 32); }

/* a * b, a of at most 16 bits */
TP_INLINE int64_t tp_wide_product(int32_t a, int32_t b) { return (int64_t)a * b; }

/* What tp_clamp_pair wants to know of a width: the distance of its largest number to that of 16 bits, in both lanes. */
TP_INLINE uint32_t tp_clamp_margin(uint32_t bits) { return (0x7fffu >> (bits - 1) << (bits - 1)) * 0x10001u; }

/* A pair of two numbers, each limited to a width. */
TP_INLINE uint32_t tp_clamp_pair(int32_t low, int32_t high, uint32_t margin) {
    const int16x2_t m = (int16x2_t)margin;
    int16x2_t pair = (int16x2_t)tp_pair((uint32_t)__ssat(low, 16), (uint32_t)__ssat(high, 16));
    /* Up to the limit of 16 bits and back, then down: saturation cuts off what is too large, then too small. */
    pair = __qsub16(__qadd16(pair, m), m);
    return (uint32_t)__qadd16(__qsub16(pair, m), m);
}

#else

TP_INLINE uint32_t tp_even_bytes(uint32_t word) { return word & 0x00ff00ffu; }

TP_INLINE uint32_t tp_even_signed_bytes(uint32_t word) {
    return tp_pair((uint32_t)(int8_t)(word & 0xffu), (uint32_t)(int8_t)((word >> 16) & 0xffu));
}

TP_INLINE uint32_t tp_odd_signed_bytes(uint32_t word) { return tp_even_signed_bytes(word >> 8); }

TP_INLINE uint32_t tp_dot(uint32_t a, uint32_t b, uint32_t sum) {
    sum += (uint32_t)(tp_low_lane(a) * tp_low_lane(b));
    return sum + (uint32_t)(tp_high_lane(a) * tp_high_lane(b));
}

TP_INLINE uint32_t tp_subtract_lanes(uint32_t a, uint32_t b) {
    return tp_pair(a - b, (a >> 16) - (b >> 16));
}

/* By halves: on Cortex-M0 a 64-bit product would be a call of a library function. */
TP_INLINE int32_t tp_high_product(int32_t a, int32_t b) {
    const int32_t a_high = a >> 16, b_high = b >> 16;
    const uint32_t a_low = (uint32_t)a & 0xffffu, b_low = (uint32_t)b & 0xffffu;
    const uint32_t low = a_low * b_low;
    const int32_t middle = a_high * (int32_t)b_low + (int32_t)(low >> 16);
    const int32_t cross = (int32_t)a_low * b_high + (middle & 0xffff);
    return a_high * b_high + (middle >> 16) + (cross >> 16);
}

TP_INLINE int64_t tp_wide_product(int32_t a, int32_t b) {
    return (int64_t)(a * (b >> 16)) * 65536 + a * (b & 0xffff);
}

TP_INLINE uint32_t tp_clamp_margin(uint32_t bits) { return bits; }

TP_INLINE uint32_t tp_clamp_pair(int32_t low, int32_t high, uint32_t bits) {
    const int32_t largest = (1 << (bits - 1)) - 1, smallest = -1 - largest;
    low = low > largest ? largest : low < smallest ? smallest : low;
    high = high > largest ? largest : high < smallest ? smallest : high;
    return tp_pair((uint32_t)low, (uint32_t)high);
}

#endif
#endif
