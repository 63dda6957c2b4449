/* Integer kernels for GRU networks on microcontrollers: the public interface.
 *
 * C99 for little-endian cores with arithmetic right shifts; no allocation, no library calls, no floating point.
 * The arithmetic is that of docs/integer_gru.md, to the bit, and so are the symbols: q is an integer at a bit width,
 * z a zero point, M and S are multiplier and shift of a requantization.
 *
 * Parameters are constants for flash; the sizes given are those on a 32-bit core. Tensors of at most 8 bits are
 * stored four elements to a word. Where the number of elements is not a multiple of four, the last word is padded:
 * what the padding holds has no influence, and kernels may write to it.
 */
#ifndef TP_KERNELS_H
#define TP_KERNELS_H

#include <stdint.h>

/* Rows of a matrix, and units of a cell, that are computed together. */
#define TP_BLOCK 4

/* Most columns of a matrix: the sums of products, eight bits up, must fit into 32 bits. */
#define TP_MAX_COLUMNS 508

/* Elements that n elements take with their padding. */
#define TP_PADDED(n) (((n) + 3u) / 4u * 4u)

/* Words of a tensor of n elements of at most 8 bits. */
#define TP_WORDS(n) (((n) + 3u) / 4u)

/* A vector of at most 8 bits as matrix products read it. */
typedef struct {
    const uint32_t *words;
    uint32_t n_words;
    int32_t sum; /* of all elements, padding included */
} tp_vector;

tp_vector tp_vector_of(const uint32_t *words, uint32_t n_elements);

/* Multiply the next rows of a packed matrix with a vector.
 *
 * weights: the first word of these rows, packed as cost_models/packing.py says.
 * n_rows: rows that are left, at least one; three or more: four are computed, else two.
 * sums: shape (TP_BLOCK,), sum_k W[row][k] * x[k] for each of these rows, 0 or meaningless where there is none.
 * Returns the first word of the rows that follow.
 */
typedef const uint32_t *tp_rows_kernel(const uint32_t *weights, const tp_vector *x, uint32_t n_rows, int32_t *sums);

/* One for each width of the weights, so that an image holds those only that its matrices name. */
tp_rows_kernel tp_rows_w1, tp_rows_w2, tp_rows_w3, tp_rows_w4, tp_rows_w5, tp_rows_w6, tp_rows_w7, tp_rows_w8;

/* clamp(z + shift(acc * M, S)). 8 bytes. */
typedef struct {
    int32_t multiplier; /* M, odd, 2^23 < M < 2^24 */
    uint8_t shift;      /* S, 1 to 55 */
    uint8_t bits;       /* of the output, 2 to 16 */
    int16_t zero_point; /* z of the output */
} tp_requantization;

/* A matrix, with what is added to each row's sum. 12 bytes, 4 bytes for each of TP_PADDED(rows) biases, weights. */
typedef struct {
    tp_rows_kernel *kernel; /* the one for the width of the weights */
    const uint32_t *weights;
    const int32_t *bias; /* B[row] - z_x * sum_k W[row][k] */
} tp_matrix;

/* A matrix product with a requantized output. 20 bytes. */
typedef struct {
    tp_matrix matrix;
    tp_requantization output;
} tp_matrix_product;

/* a + b: clamp((a * M_a + b * M_b + K) >> S). 20 bytes. */
typedef struct {
    int32_t multiplier_a, multiplier_b;
    uint32_t constant_low; /* of K */
    int32_t constant_high;
    uint8_t shift;   /* S, 0 to 40 */
    uint8_t bits;    /* of the output, 2 to 16 */
    uint8_t is_wide; /* 64-bit arithmetic is needed: a tensor has more than 8 bits */
} tp_sum;

/* 1 - a: clamp((a * M + K) >> S), tensors of at most 8 bits. 12 bytes. */
typedef struct {
    int32_t multiplier;
    int32_t constant;
    uint8_t shift;
    uint8_t bits;
} tp_complement;

/* a * b: requantize((a - z_a) * (b - z_b)); only b may have more than 8 bits. 12 bytes. */
typedef struct {
    tp_requantization output;
    int16_t zero_point_a, zero_point_b;
} tp_product;

/* A look-up table: the entry for q = 0, those for negative q before it. 4 bytes and 2^bits. */
typedef const int8_t *tp_table;

/* One GRU cell, operators by their names in docs/integer_gru.md. 276 bytes. */
typedef struct {
    uint16_t n_inputs, n_units;
    uint8_t has_view;     /* matrix products read the state at another width than it is carried at */
    uint8_t carries_wide; /* the carried state has more than 8 bits */
    tp_requantization view; /* from the carried state to the state as read; unused without a view */
    tp_matrix_product input_reset, input_update, input_new, hidden_reset, hidden_update, hidden_new;
    tp_sum add_reset, add_update, add_new, add_state;
    tp_table sigmoid_reset, sigmoid_update, tanh_new;
    tp_complement complement_update;
    tp_product mul_reset, mul_new, mul_state; /* a: the output of a table or a complement */
} tp_gru_cell;

/* The state of one GRU cell in RAM, each buffer padded to TP_PADDED(n_units) elements. */
typedef struct {
    uint32_t *read; /* the state as matrix products and the next layer read it, 8-bit elements */
    /* With a view: the state as it is carried, 8-bit elements or, above 8 bits, 16-bit elements.
     * Without: scratch of 8-bit elements, which all cells of a network may share. */
    uint32_t *carried;
} tp_gru_state;

/* One time step. x: shape (n_inputs,), at most 8 bits. */
void tp_gru_step(const tp_gru_cell *cell, const uint32_t *x, const tp_gru_state *state);

/* Set the state to zero, which is q = z. */
void tp_gru_reset(const tp_gru_cell *cell, const tp_gru_state *state);

/* A dense layer. 24 bytes. */
typedef struct {
    tp_matrix_product product;
    uint16_t n_inputs, n_outputs;
} tp_dense_layer;

/* x: shape (n_inputs,), output: shape (n_outputs,), both at most 8 bits. */
void tp_dense(const tp_dense_layer *layer, const uint32_t *x, uint32_t *output);

/* A linear classifier. 16 bytes. */
typedef struct {
    tp_matrix matrix;
    uint16_t n_inputs, n_classes;
} tp_classifier;

/* x: shape (n_inputs,), at most 8 bits; logits: shape (n_classes,), no padding. */
void tp_classify(const tp_classifier *classifier, const uint32_t *x, int32_t *logits);

/* Index of the largest of n >= 1 values, the lowest on a tie. */
uint32_t tp_argmax(const int32_t *values, uint32_t n);

#endif
