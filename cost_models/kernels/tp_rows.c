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

#define LANES 4       /* lane words in a step */
#define MAX_WORDS 4   /* packed words in a step at most */
#define CARRIED 2     /* packed words that the even steps leave to the odd ones at most */

/* Loads that follow each other take one cycle instead of two; compilers like to spread them. Each group loads a word
 * of activations and some of weights, and moves the pointers on in its last loads. */
#if TP_DSP && defined(__arm__)

TP_INLINE void load_1(const uint32_t **x, const uint32_t **w, uint32_t *activations, uint32_t word[MAX_WORDS]) {
    __asm__("ldr %[x], [%[px]], #4\n\t"
            "ldr %[a], [%[pw]], #4"
            : [x] "=&r"(*activations), [a] "=&r"(word[0]), [px] "+&r"(*x), [pw] "+&r"(*w)::"memory");
}

TP_INLINE void load_2(const uint32_t **x, const uint32_t **w, uint32_t *activations, uint32_t word[MAX_WORDS]) {
    __asm__("ldr %[x], [%[px]], #4\n\t"
            "ldr %[b], [%[pw], #4]\n\t"
            "ldr %[a], [%[pw]], #8"
            : [x] "=&r"(*activations), [a] "=&r"(word[0]), [b] "=&r"(word[1]), [px] "+&r"(*x), [pw] "+&r"(*w)::"memory");
}

TP_INLINE void load_4(const uint32_t **x, const uint32_t **w, uint32_t *activations, uint32_t word[MAX_WORDS]) {
    __asm__("ldr %[x], [%[px]], #4\n\t"
            "ldr %[b], [%[pw], #4]\n\t"
            "ldr %[c], [%[pw], #8]\n\t"
            "ldr %[d], [%[pw], #12]\n\t"
            "ldr %[a], [%[pw]], #16"
            : [x] "=&r"(*activations), [a] "=&r"(word[0]), [b] "=&r"(word[1]), [c] "=&r"(word[2]),
              [d] "=&r"(word[3]), [px] "+&r"(*x), [pw] "+&r"(*w)::"memory");
}

/* Have `first` computed before what is made of `second`. Left alone, compilers put it off and run out of registers. */
#define IN_ORDER(first, second) __asm__("" : "+r"(first), "+r"(second))

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
#define IN_ORDER(first, second) ((void)(first), (void)(second))

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

TP_INLINE uint32_t fields(uint32_t word, const int shift, const uint32_t mask) {
    return (shift < 0 ? word << -shift : word >> shift) & mask * 0x01010101u;
}

/* Lane words 0 to 3 of a group of eight, from (bits + 1) / 2 packed words. */
TP_INLINE void unpack_even(const int bits, uint32_t *w, uint32_t lane[LANES], uint32_t carried[CARRIED]) {
    switch (bits) {
    case 1:
        TP_UNROLLED
        for (int k = 0; k < LANES; ++k) {
            lane[k] = fields(w[0], k, 1);
        }
        carried[0] = w[0];
        break;
    case 2:
        TP_UNROLLED
        for (int k = 0; k < LANES; ++k) {
            lane[k] = fields(w[0], 2 * k, 3);
        }
        break;
    case 3:
        TP_UNROLLED
        for (int k = 0; k < LANES; ++k) {
            lane[k] = fields(w[k / 2], 3 * (k % 2), 7);
        }
        carried[0] = w[0];
        carried[1] = w[1];
        break;
    case 4:
        TP_UNROLLED
        for (int k = 0; k < LANES; ++k) {
            lane[k] = fields(w[k / 2], 4 * (k % 2), 15);
        }
        break;
    case 5:
        lane[0] = fields(w[0], 0, 31);
        lane[1] = fields(w[1], 0, 31);
        lane[2] = fields(w[0], 5, 7) | fields(w[1], 2, 24);
        lane[3] = fields(w[2], 0, 31);
        carried[0] = w[1];
        carried[1] = w[2];
        break;
    case 6:
        TP_UNROLLED
        for (int k = 0; k < 3; ++k) {
            lane[k] = fields(w[k], 0, 63);
        }
        lane[3] = fields(w[0], 6, 3) | fields(w[1], 4, 12) | fields(w[2], 2, 48);
        break;
    case 7:
        carried[0] = 0;
        TP_UNROLLED
        for (int k = 0; k < LANES; ++k) {
            carried[0] = fields(w[k], 0, 128) | carried[0] >> 1;
            IN_ORDER(carried[0], w[k]);
            lane[k] = fields(w[k], 0, 127);
        }
        break;
    default:
        TP_UNROLLED
        for (int k = 0; k < LANES; ++k) {
            lane[k] = w[k];
        }
    }
}

/* Lane words 4 to 7 of a group, from bits / 2 more packed words. */
TP_INLINE void unpack_odd(const int bits, uint32_t *w, uint32_t lane[LANES], uint32_t carried[CARRIED]) {
    switch (bits) {
    case 1:
        TP_UNROLLED
        for (int k = 0; k < LANES; ++k) {
            lane[k] = fields(carried[0], LANES + k, 1);
        }
        break;
    case 3:
        lane[0] = fields(w[0], 0, 7);
        lane[1] = fields(w[0], 3, 7);
        lane[2] = fields(carried[0], 6, 3) | fields(w[0], 4, 4);
        lane[3] = fields(carried[1], 6, 3) | fields(w[0], 5, 4);
        break;
    case 5:
        lane[0] = fields(w[0], 0, 31);
        lane[1] = fields(carried[1], 5, 7) | fields(w[0], 2, 24);
        lane[2] = fields(w[1], 0, 31);
        lane[3] = fields(w[1], 5, 7) | fields(carried[0], 4, 8) | fields(w[0], 3, 16);
        break;
    case 7:
        TP_UNROLLED
        for (int k = 0; k < 3; ++k) {
            lane[k] = fields(w[k], 0, 127);
            carried[0] = fields(w[k], 0, 128) | carried[0] >> 1;
        }
        lane[3] = carried[0] >> 1;
        break;
    default: /* even widths: a group is two equal halves */
        unpack_even(bits, w, lane, carried);
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

TP_INLINE void four_rows_step(const uint32_t lane[LANES], uint32_t activations, pair_sums sums[2]) {
    const uint32_t even = tp_even_signed_bytes(activations), odd = tp_odd_signed_bytes(activations);
    accumulate(lane[0], even, &sums[0]);
    accumulate(lane[1], odd, &sums[0]);
    accumulate(lane[2], even, &sums[1]);
    accumulate(lane[3], odd, &sums[1]);
}

TP_INLINE const uint32_t *four_rows(const int bits, const uint32_t *w, const tp_vector *x, int32_t *rows) {
    const uint32_t *next = x->words;
    const uint32_t *const end = next + x->n_words;
    uint32_t activations, word[MAX_WORDS], lane[LANES], carried[CARRIED] = {0, 0};
    pair_sums sums[2] = {{0, 0}, {0, 0}};
    TP_ROLLED
    do {
        load((bits + 1) / 2, &next, &w, &activations, word);
        unpack_even(bits, word, lane, carried);
        four_rows_step(lane, activations, sums);
        if (next == end) {
            break;
        }
        load(bits / 2, &next, &w, &activations, word);
        unpack_odd(bits, word, lane, carried);
        four_rows_step(lane, activations, sums);
    } while (next != end);
    finish(bits, &sums[0], x->sum, &rows[0]);
    finish(bits, &sums[1], x->sum, &rows[2]);
    return w;
}

TP_INLINE const uint32_t *two_rows(const int bits, const uint32_t *w, const tp_vector *x, int32_t *rows) {
    const uint32_t *next = x->words;
    const uint32_t *const end = next + x->n_words;
    uint32_t activations, word[MAX_WORDS], lane[LANES], carried[CARRIED];
    pair_sums sums = {0, 0};
    TP_ROLLED
    do {
        load((bits + 1) / 2, &next, &w, &activations, word);
        unpack_even(bits, word, lane, carried);
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
