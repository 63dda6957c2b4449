"""What builds and tests the C: the test program and the Makefile, the same for every model."""

HOST_TEST = """\
/* Runs all test vectors: make host-test. */
#include <stdio.h>

#include "model.h"
#include "test_vectors.h"

static int is_right(int32_t sequence, uint32_t found) {
    const int32_t *const expected = test_logits[sequence];
    uint32_t best = 0;
    for (uint32_t i = 0; i < MODEL_N_CLASSES; ++i) {
        if (model_logits[i] != expected[i]) {
            printf("sequence %ld: logit %lu is %ld, expected %ld\\n", (long)sequence, (unsigned long)i,
                   (long)model_logits[i], (long)expected[i]);
            return 0;
        }
        best = expected[i] > expected[best] ? i : best;
    }
    return found == best;
}

int main(void) {
    int32_t step = 0, n_right = 0;
    for (int32_t sequence = 0; sequence < TEST_N_SEQUENCES; ++sequence) {
        model_init();
        for (int32_t end = step + test_lengths[sequence]; step < end; ++step) {
            for (int32_t i = 0; i < MODEL_N_INPUTS; ++i) {
                model_input.elements[i] = test_inputs[step][i];
            }
            model_step();
        }
        n_right += is_right(sequence, model_classify());
    }
    printf("%ld of %d test vectors give the expected logits\\n", (long)n_right, TEST_N_SEQUENCES);
    return n_right == TEST_N_SEQUENCES ? 0 : 1;
}
"""

MAKEFILE = """\
# make host-test    compile for this machine and run all test vectors
# make arm          libmodel.a for a Cortex-M, and its size
#
# CPU chooses the core: make arm CPU=cortex-m33

CC ?= cc
ARM ?= arm-none-eabi-
ARM_CC ?= $(ARM)gcc
ARM_AR ?= $(ARM)ar
CPU ?= cortex-m4
ARM_FLAGS ?= -mcpu=$(CPU) -mthumb
WARNINGS := -std=c99 -pedantic -Wall -Wextra -Werror
OPTIMIZATION ?= -O2

MODEL := model.c tp_rows.c tp_wide.c tp_gru.c tp_dense.c
HEADERS := $(wildcard *.h)

.PHONY: host-test arm clean

host-test: host/test
\t./host/test

host/test: $(MODEL) test_vectors.c host_test.c $(HEADERS)
\t@mkdir -p host
\t$(CC) $(WARNINGS) $(OPTIMIZATION) $(MODEL) test_vectors.c host_test.c -o $@

arm: arm/libmodel.a

arm/libmodel.a: $(MODEL:%.c=arm/%.o)
\t$(ARM_AR) rcs $@ $^

arm/%.o: %.c $(HEADERS)
\t@mkdir -p arm
\t$(ARM_CC) $(ARM_FLAGS) $(WARNINGS) $(OPTIMIZATION) -ffreestanding -ffunction-sections -fdata-sections -c $< -o $@

clean:
\trm -rf host arm
"""
