/* The kernels' arithmetic on whole arrays. Numbers of 16 bits lie in words, two in each; n is a multiple of four. */
#ifndef KERNEL_PROBE_H
#define KERNEL_PROBE_H

#include "tp_arithmetic.h"

#define PROBE __attribute__((noinline, unused)) static void

PROBE requantize(const int32_t *acc, const tp_requantization *p, int n, uint32_t *out) {
    for (int i = 0; i < n; i += TP_BLOCK) {
        int32_t block[TP_BLOCK] = {acc[i], acc[i + 1], acc[i + 2], acc[i + 3]};
        tp_halfwords_of_quad(tp_requantize(block, p), &out[i / 2]);
    }
}

PROBE add(const uint32_t *a, const uint32_t *b, const tp_sum *p, int n, uint32_t *out) {
    for (int i = 0; i < n / 2; i += 2) {
        tp_halfwords_of_quad(tp_add(tp_quad_of_halfwords(&a[i]), tp_quad_of_halfwords(&b[i]), p), &out[i]);
    }
}

PROBE multiply(const uint32_t *a, const uint32_t *b, const tp_product *p, int n, uint32_t *out) {
    for (int i = 0; i < n / 2; i += 2) {
        tp_halfwords_of_quad(tp_multiply(tp_quad_of_halfwords(&a[i]), tp_quad_of_halfwords(&b[i]), p), &out[i]);
    }
}

PROBE one_minus(const uint32_t *a, const tp_complement *p, int n, uint32_t *out) {
    for (int i = 0; i < n / 2; i += 2) {
        tp_halfwords_of_quad(tp_one_minus(tp_quad_of_halfwords(&a[i]), p), &out[i]);
    }
}

PROBE look_up(const uint32_t *a, tp_table table, int n, uint32_t *out) {
    for (int i = 0; i < n / 2; i += 2) {
        tp_halfwords_of_quad(tp_look_up(tp_quad_of_halfwords(&a[i]), table), &out[i]);
    }
}

#endif
