/* Counts executions and taken exits of basic blocks inside the emulator.
 *
 * The emulator calls `block_hook` at the start of every basic block: in C some 20 times faster than through Python.
 * A block's exit was taken if the next block does not begin where it ends.
 */
#include <stdint.h>

typedef struct {
    uint64_t executions;
    uint64_t taken_exits;
    uint32_t n_bytes;     /* 0: never executed */
    uint32_t n_instructions;
} block_count;

typedef struct {
    const uint16_t *code;  /* what the emulator runs from code_start on */
    block_count *counts;   /* one for each halfword of code */
    block_count *previous; /* the block before this one */
    int32_t (*stop)(void *emulator);
    uint64_t instructions; /* executed so far */
    uint64_t limit;        /* stop when more were executed */
    uint32_t code_start;   /* address in the emulated device */
    uint32_t previous_end; /* address right after the block before this one */
    uint32_t problem;      /* 0, or one of those below */
} hook_state;

enum { LIMIT_REACHED = 1, BLOCK_CHANGED = 2 };

/* The first halfword of a 32-bit Thumb instruction has one of the highest three values in its upper five bits. */
static uint32_t count_instructions(const uint16_t *code, uint32_t n_bytes) {
    uint32_t n_instructions = 0;
    for (uint32_t i = 0; i < n_bytes / 2; ++n_instructions) {
        i += (code[i] >> 11) >= 0x1d ? 2 : 1;
    }
    return n_instructions;
}

static void stop(hook_state *state, void *emulator, uint32_t problem) {
    state->problem = problem;
    state->stop(emulator);
}

void block_hook(void *emulator, uint64_t address, uint32_t n_bytes, void *user_data) {
    hook_state *state = user_data;
    const uint32_t index = ((uint32_t)address - state->code_start) / 2;
    block_count *block = &state->counts[index];
    if (block->n_bytes != n_bytes) {
        if (block->n_bytes != 0) {
            stop(state, emulator, BLOCK_CHANGED);
            return;
        }
        block->n_bytes = n_bytes;
        block->n_instructions = count_instructions(&state->code[index], n_bytes);
    }
    state->previous->taken_exits += state->previous_end != (uint32_t)address;
    state->previous = block;
    state->previous_end = (uint32_t)address + n_bytes;
    ++block->executions;
    state->instructions += block->n_instructions;
    if (state->instructions > state->limit) {
        stop(state, emulator, LIMIT_REACHED);
    }
}
