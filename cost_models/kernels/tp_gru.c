/* One time step of a GRU cell, a block of units at a time: only the intermediate results of one block exist. */
#include "tp_arithmetic.h"

enum { INPUT_RESET, INPUT_UPDATE, INPUT_NEW, HIDDEN_RESET, HIDDEN_UPDATE, HIDDEN_NEW, N_PRODUCTS };

/* The next block of units' part of one matrix product; `weights` moves on. */
TP_INLINE tp_quad matrix_product(const tp_matrix_product *p, const tp_vector *x, uint32_t unit, uint32_t n_left,
                                 const uint32_t **weights) {
    const int32_t *const bias = &p->matrix.bias[unit];
    int32_t acc[TP_BLOCK];
    *weights = p->matrix.kernel(*weights, x, n_left, acc);
    TP_UNROLLED
    for (int i = 0; i < TP_BLOCK; ++i) {
        acc[i] = (int32_t)((uint32_t)acc[i] + (uint32_t)bias[i]);
    }
    return tp_requantize(acc, &p->output);
}

/* The new state of a block of units, from their six matrix products and their state. */
static tp_quad new_state(const tp_gru_cell *cell, const tp_quad products[N_PRODUCTS], tp_quad h) {
    const tp_quad reset_sum = tp_add(products[INPUT_RESET], products[HIDDEN_RESET], &cell->add_reset);
    const tp_quad reset = tp_look_up(reset_sum, cell->sigmoid_reset);
    const tp_quad update_sum = tp_add(products[INPUT_UPDATE], products[HIDDEN_UPDATE], &cell->add_update);
    const tp_quad update = tp_look_up(update_sum, cell->sigmoid_update);
    const tp_quad gated = tp_multiply(reset, products[HIDDEN_NEW], &cell->mul_reset);
    const tp_quad candidate = tp_look_up(tp_add(products[INPUT_NEW], gated, &cell->add_new), cell->tanh_new);
    const tp_quad added = tp_multiply(tp_one_minus(update, &cell->complement_update), candidate, &cell->mul_new);
    return tp_add(added, tp_multiply(update, h, &cell->mul_state), &cell->add_state);
}

TP_INLINE tp_quad load_carried(const tp_gru_cell *cell, const uint32_t *words, uint32_t block) {
    return cell->carries_wide ? tp_quad_of_halfwords(&words[2 * block]) : tp_quad_of_bytes(words[block]);
}

TP_INLINE void store_carried(const tp_gru_cell *cell, tp_quad h, uint32_t *words, uint32_t block) {
    if (cell->carries_wide) {
        tp_halfwords_of_quad(h, &words[2 * block]);
    } else {
        words[block] = tp_bytes_of_quad(h);
    }
}

/* Bring the state as read up to date with the state as carried. */
static void read_carried(const tp_gru_cell *cell, const tp_gru_state *state) {
    const uint32_t n_blocks = TP_WORDS(cell->n_units);
    if (!cell->has_view) {
        TP_ROLLED
        for (uint32_t block = 0; block < n_blocks; ++block) {
            state->read[block] = state->carried[block];
        }
        return;
    }
    TP_ROLLED
    for (uint32_t block = 0; block < n_blocks; ++block) {
        const tp_quad h = load_carried(cell, state->carried, block);
        int32_t acc[TP_BLOCK];
        TP_UNROLLED
        for (int i = 0; i < TP_BLOCK; ++i) {
            acc[i] = tp_element(h, i) - cell->mul_state.zero_point_b;
        }
        state->read[block] = tp_bytes_of_quad(tp_requantize(acc, &cell->view));
    }
}

void tp_gru_step(const tp_gru_cell *cell, const uint32_t *x, const tp_gru_state *state) {
    const tp_vector input = tp_vector_of(x, cell->n_inputs), hidden = tp_vector_of(state->read, cell->n_units);
    const tp_matrix_product *const products[N_PRODUCTS] = {
        &cell->input_reset, &cell->input_update, &cell->input_new,
        &cell->hidden_reset, &cell->hidden_update, &cell->hidden_new,
    };
    const uint32_t *weights[N_PRODUCTS];
    TP_ROLLED
    for (int i = 0; i < N_PRODUCTS; ++i) {
        weights[i] = products[i]->matrix.weights;
    }
    /* All units read the old state: without a view it stays in `read` until the last unit is done. */
    const uint32_t *const old = cell->has_view ? state->carried : state->read;
    const uint32_t n_blocks = TP_WORDS(cell->n_units);
    TP_ROLLED
    for (uint32_t block = 0; block < n_blocks; ++block) {
        const uint32_t unit = TP_BLOCK * block, n_left = cell->n_units - unit;
        tp_quad outputs[N_PRODUCTS];
        TP_ROLLED
        for (int i = 0; i < N_PRODUCTS; ++i) {
            const tp_vector *const read = i < HIDDEN_RESET ? &input : &hidden;
            outputs[i] = matrix_product(products[i], read, unit, n_left, &weights[i]);
        }
        store_carried(cell, new_state(cell, outputs, load_carried(cell, old, block)), state->carried, block);
    }
    read_carried(cell, state);
}

void tp_gru_reset(const tp_gru_cell *cell, const tp_gru_state *state) {
    const uint32_t zero_point = (uint32_t)cell->mul_state.zero_point_b;
    const tp_quad zero = {tp_pair(zero_point, zero_point), tp_pair(zero_point, zero_point)};
    TP_ROLLED
    for (uint32_t block = 0; block < TP_WORDS(cell->n_units); ++block) {
        store_carried(cell, zero, state->carried, block);
    }
    read_carried(cell, state);
}
