/* Matrix-vector products with packed weights.
 *
 * A block is four rows, or two where no more are left. A step takes four lane words of a block, a lane word being
 * 2 rows x 2 columns, one weight in each byte: the lower row in the even bytes. Of a block of four rows, a step is four
 * columns, of a block of two it is eight. cost_models/packing.py says how lane words of less than 8 bits are packed.
 *
 * A lane word, read as two 16-bit numbers, is 256 * upper + lower. One dot product with the activations gives the sum
 * of both rows, one more with the even bytes alone that of the lower row, and with it the upper row's: so only half of
 * the bytes have to be unpacked to 16 bits. Lower rows are stored as W + 2^(bits - 1), which is not negative; so are
 * upper rows below 8 bits; the sum of the activations takes that out again.
 */
#include "tp_kernels.h"
#include "tp_simd.h"
#include "tp_unpack.h"

/* Loads that follow each other take one cycle instead of two; compilers like to spread them. Each group loads a word
 * of activations and some of weights, and moves the pointers on in its last loads. */
#if TP_DSP && defined(__arm__)

TP_INLINE void load_1(const uint32_t **x, const uint32_t **w, uint32_t *activations, uint32_t word[TP_MAX_WORDS]) {
    __asm__("ldr %[x], [%[px]], #4\n\t"
            "ldr %[a], [%[pw]], #4"
            : [x] "=&r"(*activations), [a] "=&r"(word[0]), [px] "+&r"(*x), [pw] "+&r"(*w)::"memory");
}

TP_INLINE void load_2(const uint32_t **x, const uint32_t **w, uint32_t *activations, uint32_t word[TP_MAX_WORDS]) {
    __asm__("ldr %[x], [%[px]], #4\n\t"
            "ldr %[b], [%[pw], #4]\n\t"
            "ldr %[a], [%[pw]], #8"
            : [x] "=&r"(*activations), [a] "=&r"(word[0]), [b] "=&r"(word[1]), [px] "+&r"(*x), [pw] "+&r"(*w)::"memory");
}

TP_INLINE void load_4(const uint32_t **x, const uint32_t **w, uint32_t *activations, uint32_t word[TP_MAX_WORDS]) {
    __asm__("ldr %[x], [%[px]], #4\n\t"
            "ldr %[b], [%[pw], #4]\n\t"
            "ldr %[c], [%[pw], #8]\n\t"
            "ldr %[d], [%[pw], #12]\n\t"
            "ldr %[a], [%[pw]], #16"
            : [x] "=&r"(*activations), [a] "=&r"(word[0]), [b] "=&r"(word[1]), [c] "=&r"(word[2]),
              [d] "=&r"(word[3]), [px] "+&r"(*x), [pw] "+&r"(*w)::"memory");
}

#else

TP_INLINE void load_n(int n, const uint32_t **x, const uint32_t **w, uint32_t *activations, uint32_t *word) {
    *activations = *(*x)++;
    TP_UNROLLED
    for (int i = 0; i < n; ++i) {
        word[i] = *(*w)++;
    }
}

#define load_1(x, w, activations, word) load_n(1, x, w, activations, word)
#define load_2(x, w, activations, word) load_n(2, x, w, activations, word)
#define load_4(x, w, activations, word) load_n(4, x, w, activations, word)

#endif

/* Load a word of activations and `n` packed words. */
TP_INLINE void load(const int n, const uint32_t **x, const uint32_t **w, uint32_t *activations, uint32_t *word) {
    if (n == 0) {
        *activations = *(*x)++;
    } else if (n == 1) {
        load_1(x, w, activations, word);
    } else if (n == 4) {
        load_4(x, w, activations, word);
    } else {
        load_2(x, w, activations, word);
        if (n == 3) {
            word[2] = *(*w)++;
        }
    }
}

/* Sums of products of a pair of rows. */
typedef struct {
    uint32_t lower;
    uint32_t both; /* 256 * upper + lower */
} pair_sums;

TP_INLINE void accumulate(uint32_t lane, uint32_t activations, pair_sums *sums) {
    sums->both = tp_dot(lane, activations, sums->both);
    sums->lower = tp_dot(tp_even_bytes(lane), activations, sums->lower);
}

/* Sums of products of weights, from those of weights as stored. */
TP_INLINE void finish(const int bits, const pair_sums *sums, int32_t activation_sum, int32_t rows[2]) {
    const uint32_t offset = (uint32_t)activation_sum << (bits - 1);
    const int32_t upper = (int32_t)(sums->both - sums->lower) >> 8;
    rows[0] = (int32_t)(sums->lower - offset);
    rows[1] = bits == 8 ? upper : (int32_t)((uint32_t)upper - offset);
}

TP_INLINE void four_rows_step(const uint32_t lane[TP_LANES], uint32_t activations, pair_sums sums[2]) {
    const uint32_t even = tp_even_signed_bytes(activations), odd = tp_odd_signed_bytes(activations);
    accumulate(lane[0], even, &sums[0]);
    accumulate(lane[1], odd, &sums[0]);
    accumulate(lane[2], even, &sums[1]);
    accumulate(lane[3], odd, &sums[1]);
}

TP_INLINE const uint32_t *four_rows(const int bits, const uint32_t *w, const tp_vector *x, int32_t *rows) {
    const uint32_t *next = x->words;
    const uint32_t *const end = next + x->n_words;
    uint32_t activations, word[TP_MAX_WORDS], lane[TP_LANES], carried[TP_MAX_CARRIED] = {0, 0};
    pair_sums sums[2] = {{0, 0}, {0, 0}};
    TP_ROLLED
    do {
        load((bits + 1) / 2, &next, &w, &activations, word);
        tp_unpack_even(bits, word, lane, carried);
        four_rows_step(lane, activations, sums);
        if (next == end) {
            break;
        }
        load(bits / 2, &next, &w, &activations, word);
        tp_unpack_odd(bits, word, lane, carried);
        four_rows_step(lane, activations, sums);
    } while (next != end);
    finish(bits, &sums[0], x->sum, &rows[0]);
    finish(bits, &sums[1], x->sum, &rows[2]);
    return w;
}

TP_INLINE const uint32_t *two_rows(const int bits, const uint32_t *w, const tp_vector *x, int32_t *rows) {
    const uint32_t *next = x->words;
    const uint32_t *const end = next + x->n_words;
    uint32_t activations, word[TP_MAX_WORDS], lane[TP_LANES], carried[TP_MAX_CARRIED];
    pair_sums sums = {0, 0};
    TP_ROLLED
    do {
        load((bits + 1) / 2, &next, &w, &activations, word);
        tp_unpack_even(bits, word, lane, carried);
        accumulate(lane[0], tp_even_signed_bytes(activations), &sums);
        accumulate(lane[1], tp_odd_signed_bytes(activations), &sums);
        if (next == end) {
            break;
        }
        activations = *next++;
        accumulate(lane[2], tp_even_signed_bytes(activations), &sums);
        accumulate(lane[3], tp_odd_signed_bytes(activations), &sums);
    } while (next != end);
    finish(bits, &sums, x->sum, rows);
    rows[2] = rows[3] = 0;
    return w;
}

#define DEFINE_KERNEL(name, bits)                                                                                      \
    const uint32_t *name(const uint32_t *weights, const tp_vector *x, uint32_t n_rows, int32_t *sums) {                \
        return n_rows > 2 ? four_rows(bits, weights, x, sums) : two_rows(bits, weights, x, sums);                      \
    }

DEFINE_KERNEL(tp_rows_w1, 1)
DEFINE_KERNEL(tp_rows_w2, 2)
DEFINE_KERNEL(tp_rows_w3, 3)
DEFINE_KERNEL(tp_rows_w4, 4)
DEFINE_KERNEL(tp_rows_w5, 5)
DEFINE_KERNEL(tp_rows_w6, 6)
DEFINE_KERNEL(tp_rows_w7, 7)
DEFINE_KERNEL(tp_rows_w8, 8)

tp_vector tp_vector_of(const uint32_t *words, uint32_t n_elements) {
    tp_vector vector = {words, TP_WORDS(n_elements), 0};
    uint32_t sum = 0;
    TP_ROLLED
    for (uint32_t i = 0; i < vector.n_words; ++i) {
        sum = tp_dot(tp_even_signed_bytes(words[i]), 0x00010001u, sum);
        sum = tp_dot(tp_odd_signed_bytes(words[i]), 0x00010001u, sum);
    }
    vector.sum = (int32_t)sum;
    return vector;
}
