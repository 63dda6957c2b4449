/* From packed words to lane words: the other half of cost_models/packing.py.
 *
 * A group of eight lane words is packed into as many words as a weight has bits. It is unpacked in two steps of four;
 * at odd widths, some bits of the first step's words belong to the second: these are carried over.
 */
#ifndef TP_UNPACK_H
#define TP_UNPACK_H

#include "tp_simd.h"

#define TP_LANES 4       /* lane words in a step */
#define TP_MAX_WORDS 4   /* packed words in a step at most */
#define TP_MAX_CARRIED 2 /* words carried over at most */

/* The bits of `mask` of each byte, from `shift` bits further up. */
TP_INLINE uint32_t tp_fields(uint32_t word, const int shift, const uint32_t mask) {
    return (word >> shift) & mask * 0x01010101u;
}

/* Lane words 0 to 3 of a group of eight, from (bits + 1) / 2 packed words. */
TP_INLINE void tp_unpack_even(const int bits, uint32_t *w, uint32_t lane[TP_LANES], uint32_t carried[TP_MAX_CARRIED]) {
    switch (bits) {
    case 1:
        TP_UNROLLED
        for (int k = 0; k < TP_LANES; ++k) {
            lane[k] = tp_fields(w[0], k, 1);
        }
        carried[0] = w[0];
        break;
    case 2:
        TP_UNROLLED
        for (int k = 0; k < TP_LANES; ++k) {
            lane[k] = tp_fields(w[0], 2 * k, 3);
        }
        break;
    case 3:
        TP_UNROLLED
        for (int k = 0; k < TP_LANES; ++k) {
            lane[k] = tp_fields(w[k / 2], 3 * (k % 2), 7);
        }
        carried[0] = w[0];
        carried[1] = w[1];
        break;
    case 4:
        TP_UNROLLED
        for (int k = 0; k < TP_LANES; ++k) {
            lane[k] = tp_fields(w[k / 2], 4 * (k % 2), 15);
        }
        break;
    case 5:
        lane[0] = tp_fields(w[0], 0, 31);
        lane[1] = tp_fields(w[1], 0, 31);
        lane[2] = tp_fields(w[0], 5, 7) | tp_fields(w[1], 2, 24);
        lane[3] = tp_fields(w[2], 0, 31);
        carried[0] = w[1];
        carried[1] = w[2];
        break;
    case 6:
        TP_UNROLLED
        for (int k = 0; k < 3; ++k) {
            lane[k] = tp_fields(w[k], 0, 63);
        }
        lane[3] = tp_fields(w[0], 6, 3) | tp_fields(w[1], 4, 12) | tp_fields(w[2], 2, 48);
        break;
    case 7:
        carried[0] = 0;
        TP_UNROLLED
        for (int k = 0; k < TP_LANES; ++k) {
            carried[0] = tp_fields(w[k], 0, 128) | carried[0] >> 1;
            TP_IN_ORDER(carried[0], w[k]);
            lane[k] = tp_fields(w[k], 0, 127);
        }
        break;
    default:
        TP_UNROLLED
        for (int k = 0; k < TP_LANES; ++k) {
            lane[k] = w[k];
        }
    }
}

/* Lane words 4 to 7 of a group, from bits / 2 more packed words. */
TP_INLINE void tp_unpack_odd(const int bits, uint32_t *w, uint32_t lane[TP_LANES], uint32_t carried[TP_MAX_CARRIED]) {
    switch (bits) {
    case 1:
        TP_UNROLLED
        for (int k = 0; k < TP_LANES; ++k) {
            lane[k] = tp_fields(carried[0], TP_LANES + k, 1);
        }
        break;
    case 3:
        lane[0] = tp_fields(w[0], 0, 7);
        lane[1] = tp_fields(w[0], 3, 7);
        lane[2] = tp_fields(carried[0], 6, 3) | tp_fields(w[0], 4, 4);
        lane[3] = tp_fields(carried[1], 6, 3) | tp_fields(w[0], 5, 4);
        break;
    case 5:
        lane[0] = tp_fields(w[0], 0, 31);
        lane[1] = tp_fields(carried[1], 5, 7) | tp_fields(w[0], 2, 24);
        lane[2] = tp_fields(w[1], 0, 31);
        lane[3] = tp_fields(w[1], 5, 7) | tp_fields(carried[0], 4, 8) | tp_fields(w[0], 3, 16);
        break;
    case 7:
        TP_UNROLLED
        for (int k = 0; k < 3; ++k) {
            lane[k] = tp_fields(w[k], 0, 127);
            carried[0] = tp_fields(w[k], 0, 128) | carried[0] >> 1;
        }
        lane[3] = carried[0] >> 1;
        break;
    default: /* even widths: a group is two equal halves */
        tp_unpack_even(bits, w, lane, carried);
    }
}

#endif
