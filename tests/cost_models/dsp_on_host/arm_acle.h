/* The DSP intrinsics that the kernels use, in plain C: so their DSP version runs under the host's sanitizers. */
#ifndef ARM_ACLE_H
#define ARM_ACLE_H

#include <stdint.h>

typedef uint32_t uint8x4_t;
typedef uint32_t int8x4_t;
typedef uint32_t uint16x2_t;
typedef uint32_t int16x2_t;

static inline int32_t lane(uint32_t pair, int i) { return (int16_t)(pair >> (16 * i)); }

static inline uint32_t pack(int32_t low, int32_t high) { return ((uint32_t)low & 0xffffu) | (uint32_t)high << 16; }

static inline int32_t __ssat(int32_t v, int bits) {
    const int32_t high = (1 << (bits - 1)) - 1;
    return v > high ? high : v < -high - 1 ? -high - 1 : v;
}

static inline uint32_t __ror(uint32_t word, uint32_t n) { return word >> n | word << (32 - n); }

static inline uint16x2_t __uxtb16(uint8x4_t word) { return word & 0x00ff00ffu; }

static inline int16x2_t __sxtb16(int8x4_t word) { return pack((int8_t)word, (int8_t)(word >> 16)); }

static inline int32_t __smlad(int16x2_t a, int16x2_t b, int32_t sum) {
    const int64_t total = (int64_t)lane(a, 0) * lane(b, 0) + (int64_t)lane(a, 1) * lane(b, 1) + sum;
    return (int32_t)(uint32_t)total;
}

static inline int16x2_t __ssub16(int16x2_t a, int16x2_t b) {
    return pack(lane(a, 0) - lane(b, 0), lane(a, 1) - lane(b, 1));
}

static inline int16x2_t __qadd16(int16x2_t a, int16x2_t b) {
    return pack(__ssat(lane(a, 0) + lane(b, 0), 16), __ssat(lane(a, 1) + lane(b, 1), 16));
}

static inline int16x2_t __qsub16(int16x2_t a, int16x2_t b) {
    return pack(__ssat(lane(a, 0) - lane(b, 0), 16), __ssat(lane(a, 1) - lane(b, 1), 16));
}

#endif
