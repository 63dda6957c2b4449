/* Dense layers and classifiers. */
#include "tp_arithmetic.h"

/* Accumulators of the next rows: the matrix product and its bias. Returns the first word of the rows that follow. */
static const uint32_t *accumulate(const tp_matrix *matrix, const uint32_t *weights, const tp_vector *x, uint32_t row,
                                  uint32_t n_left, int32_t acc[TP_BLOCK]) {
    weights = matrix->kernel(weights, x, n_left, acc);
    TP_UNROLLED
    for (int i = 0; i < TP_BLOCK; ++i) {
        acc[i] = (int32_t)((uint32_t)acc[i] + (uint32_t)matrix->bias[row + i]);
    }
    return weights;
}

void tp_dense(const tp_dense_layer *layer, const uint32_t *x, uint32_t *output) {
    const tp_matrix *const matrix = &layer->product.matrix;
    const tp_vector input = tp_vector_of(x, layer->n_inputs);
    const uint32_t *weights = matrix->weights;
    for (uint32_t row = 0; row < layer->n_outputs; row += TP_BLOCK) {
        int32_t acc[TP_BLOCK];
        weights = accumulate(matrix, weights, &input, row, layer->n_outputs - row, acc);
        *output++ = tp_bytes_of_quad(tp_requantize(acc, &layer->product.output));
    }
}

void tp_classify(const tp_classifier *classifier, const uint32_t *x, int32_t *logits) {
    const tp_vector input = tp_vector_of(x, classifier->n_inputs);
    const uint32_t *weights = classifier->matrix.weights;
    for (uint32_t row = 0; row < classifier->n_classes; row += TP_BLOCK) {
        const uint32_t n_left = classifier->n_classes - row;
        int32_t acc[TP_BLOCK];
        weights = accumulate(&classifier->matrix, weights, &input, row, n_left, acc);
        TP_ROLLED
        for (uint32_t i = 0; i < TP_BLOCK && i < n_left; ++i) {
            logits[row + i] = acc[i];
        }
    }
}

uint32_t tp_argmax(const int32_t *values, uint32_t n) {
    uint32_t best = 0;
    TP_ROLLED
    for (uint32_t i = 1; i < n; ++i) {
        if (values[i] > values[best]) {
            best = i;
        }
    }
    return best;
}
