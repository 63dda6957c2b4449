"""The kernel: one candidate over all sequences, as many of them side by side as the vectors have lanes.

It does the arithmetic of docs/integer_gru.md, to the bit, with these liberties:

- A requantization is one fused multiply-add in floats, rounded by adding MAGIC. Its result, q of at most 16 bits,
  stays MAGIC_BITS + q; as a float the same bits are MAGIC + q. Bytes that come from a table are q + 128.
- Products of two tensors are done in floats: they are integers below 2**24, so they are exact.
- The constants that the kernel is given take these offsets off (`parameters.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from llvmlite import ir

from evaluators.gru.engine.instructions import OPERAND_BYTES, Instructions
from evaluators.gru.engine.layout import BATCH, CLASSIFIER, LAYER, LAYER_PLACES
from evaluators.machine_code.rounding import MAGIC_BITS
from evaluators.machine_code.vectors import F32, I8, I16, I32, I64, POINTER, Pointer, Value, loop, new_function

CARRIED_BYTES = 2
SCORE_BYTES = 4
_TYPES = {"i4": I32, "i8": I64, "f4": F32}


@dataclass(frozen=True)
class Variant:
    """What a candidate's widths ask of the kernel.

    Attributes:
        wide_sums: Some tensor has more than 8 bits, so that sums take 64 bits.
        rescaled_state: Some layer reads its state at another width than it carries it.
    """

    wide_sums: bool
    rescaled_state: bool


def build(instructions: Instructions, variant: Variant) -> ir.Function:
    """The function `run_candidate(layers, n_layers, classifier, batch, workspace, stride, logits)`.

    Layers, classifier and batch are records of `layout`. Each block of sequences works `stride` bytes after the
    one before, and leaves its states there; with stride 0 all work in one place. Logits are int32, shape
    (n_sequences, n_classes).
    """
    arguments = (POINTER, I64, POINTER, POINTER, POINTER, I64, POINTER)
    function, builder = new_function("run_candidate", *arguments)
    layers, n_layers, classifier, batch, workspace, stride, logits = function.args
    batch_record = _Record(Pointer(builder, batch), BATCH)
    with loop(batch_record["n_blocks"]) as block:
        _Block(
            instructions,
            variant,
            Pointer(builder, layers),
            Value(builder, n_layers),
            _Record(Pointer(builder, classifier), CLASSIFIER),
            batch_record,
            block,
            Pointer(builder, workspace) + block * Value(builder, stride),
        ).run(Pointer(builder, logits))
    builder.ret_void()
    return function


class _Record:
    """Fields of a record in memory, by name."""

    def __init__(self, pointer: Pointer, layout: np.dtype[np.void]) -> None:
        assert layout.fields is not None
        self._pointer = pointer
        self._fields = layout.fields

    def __getitem__(self, field: str) -> Value:
        return self._at(field).load(_TYPES[self._fields[field][0].str[1:]])

    def pointer(self, field: str) -> Pointer:
        return self._at(field).load_pointer()

    def _at(self, field: str) -> Pointer:
        return self._pointer + int(self._fields[field][1])


class _Block:
    """The sequences that run side by side, from their first step to the last of the longest."""

    def __init__(
        self,
        instructions: Instructions,
        variant: Variant,
        layers: Pointer,
        n_layers: Value,
        classifier: _Record,
        batch: _Record,
        block: Value,
        workspace: Pointer,
    ) -> None:
        self._does = instructions
        self._variant = variant
        self._layers = layers
        self._n_layers = n_layers
        self._classifier = classifier
        self._batch = batch
        self._block = block
        self._workspace = workspace

    def run(self, logits: Pointer) -> None:
        lanes, batch = self._does.lanes, self._batch
        lengths = (batch.pointer("lengths") + self._block * (4 * lanes)).load(I32, lanes)
        step_bytes = batch["n_groups"] * (self._does.group * lanes)
        x = batch.pointer("x") + self._block * batch["max_steps"] * step_bytes
        with loop(self._n_layers) as index:
            self._layer(index).reset()
        with loop((batch.pointer("n_steps") + self._block * 8).load(I64)) as step:
            self._does.pack_operand(x + step * step_bytes, batch["n_groups"], self._workspace)
            is_running = lengths > step.to(I32)
            with loop(self._n_layers) as index:
                self._layer(index).step(is_running)
        self._score()
        self._scatter(logits)

    def _layer(self, index: Value) -> _Layer:
        record = _Record(self._layers + index * LAYER.itemsize, LAYER)
        return _Layer(self._does, self._variant, record, self._workspace)

    def _score(self) -> None:
        last = self._layer(self._n_layers - 1)
        row_bytes = last.n_groups * OPERAND_BYTES
        weights, biases = self._classifier.pointer("weights"), self._classifier.pointer("biases")
        scores = self._workspace + self._classifier["scores"]
        with loop(self._classifier["n_classes"]) as row:
            rows = [weights + row * row_bytes], [biases + row * OPERAND_BYTES]
            (score,) = self._does.dot_products(last.operand, last.n_groups, *rows)
            (scores + row * (SCORE_BYTES * self._does.lanes)).store(score.to(I32))

    def _scatter(self, logits: Pointer) -> None:
        """Scores, a row a class, to logits, a row a sequence, in the sequences' own order."""
        n_classes = self._classifier["n_classes"]
        scores = self._workspace + self._classifier["scores"]
        order = self._batch.pointer("order") + self._block * (8 * self._does.lanes)
        with loop((self._batch.pointer("n_sequences") + self._block * 8).load(I64)) as lane:
            sequence = logits + (order + lane * 8).load(I64) * n_classes * SCORE_BYTES
            with loop(n_classes) as row:
                score = scores + (row * self._does.lanes + lane) * SCORE_BYTES
                (sequence + row * SCORE_BYTES).store(score.load(I32))


class _Layer:
    """The operators of one layer of one candidate.

    A step is two loops over the units, cut where little has to be kept: the bytes that index two tables. With less
    work in each, the processor overlaps more units.
    """

    def __init__(self, instructions: Instructions, variant: Variant, record: _Record, workspace: Pointer) -> None:
        self._does = instructions
        self._variant = variant
        self._record = record
        self._read, self.operand, self._rows, self._carried, self._update_index, self._new_index = (
            workspace + record[place] for place in LAYER_PLACES
        )
        self.n_groups = record["n_hidden_groups"]

    def reset(self) -> None:
        """Set the state to zero."""
        carried, read = (self._record[name] for name in ("initial_carried", "initial_read"))
        with loop(self._record["n_hidden"]) as unit:
            self._place(self._carried, unit, CARRIED_BYTES).store(carried.to(I16).splat(self._does.lanes))
            self._place(self._rows, unit).store(read.to(I8).splat(self._does.lanes))
        self._does.pack_operand(self._rows, self.n_groups, self.operand)

    def step(self, is_running: Value) -> None:
        """Advance the state of the lanes that are running by one time step."""
        with loop(self._record["n_hidden"]) as unit:
            self._gates(unit)
        with loop(self._record["n_hidden"]) as unit:
            self._state(unit, is_running)
        self._does.pack_operand(self._rows, self.n_groups, self.operand)

    def _gates(self, unit: Value) -> None:
        input_reset, input_update, input_new = self._matrix_products("input", unit)
        hidden_reset, hidden_update, hidden_new = self._matrix_products("hidden", unit)
        add_update = self._table_index("add_update", input_update, hidden_update)
        add_reset = self._table_index("add_reset", input_reset, hidden_reset)
        reset = self._does.widen(self._look_up("sigmoid_reset", add_reset))
        mul_reset = self._product("mul_reset", reset, hidden_new.bits_as(F32))
        add_new = self._table_index("add_new", input_new, mul_reset)
        self._place(self._update_index, unit).store(add_update)
        self._place(self._new_index, unit).store(add_new)

    def _state(self, unit: Value, is_running: Value) -> None:
        lanes = self._does.lanes
        update = self._look_up("sigmoid_update", self._place(self._update_index, unit).load(I8, lanes))
        new = self._look_up("tanh_new", self._place(self._new_index, unit).load(I8, lanes))
        complement = self._look_up("complement_update", update)
        carried = self._place(self._carried, unit, CARRIED_BYTES).load(I16, lanes).to(I32)
        mul_new = self._product("mul_new", self._does.widen(complement), self._does.widen(new))
        mul_state = self._product("mul_state", self._does.widen(update), carried.to(F32))
        low, high = (self._record[name] for name in ("add_state_low", "add_state_high"))
        state = self._sum("add_state", mul_new, mul_state).clamp(low, high).where(is_running, carried)
        self._place(self._carried, unit, CARRIED_BYTES).store(state.to(I16))
        self._does.store_row(self._as_read(state), self._place(self._rows, unit))

    def _as_read(self, state: Value) -> Value:
        if not self._variant.rescaled_state:
            return state
        distance = (state - self._record["initial_carried"]).to(F32)
        return self._requantize("state", distance) - MAGIC_BITS

    def _matrix_products(self, side: str, unit: Value) -> list[Value]:
        operand = self._read if side == "input" else self.operand
        n_groups = self._record["n_read_groups"] if side == "input" else self.n_groups
        names = [f"{side}_{gate}" for gate in ("reset", "update", "new")]
        weights = [self._record.pointer(f"{name}_weights") + unit * n_groups * OPERAND_BYTES for name in names]
        biases = [self._record.pointer(f"{name}_biases") + unit * OPERAND_BYTES for name in names]
        accumulators = self._does.dot_products(operand, n_groups, weights, biases)
        return [self._requantize(name, acc) for name, acc in zip(names, accumulators, strict=True)]

    def _product(self, name: str, a: Value, b: Value) -> Value:
        zero_a, zero_b = (self._record[f"{name}_{part}"] for part in ("zero_a", "zero_b"))
        return self._requantize(name, (a - zero_a) * (b - zero_b))

    def _requantize(self, name: str, accumulator: Value) -> Value:
        ratio, start, low, high = (self._record[f"{name}_{part}"] for part in ("ratio", "start", "low", "high"))
        return accumulator.fma(ratio, start).bits_as(I32).clamp(low, high)

    def _sum(self, name: str, a: Value, b: Value) -> Value:
        width = I64 if self._variant.wide_sums else I32
        multiplier_a, multiplier_b, constant, shift = (
            self._record[f"{name}_{part}"].to(width) for part in ("multiplier_a", "multiplier_b", "constant", "shift")
        )
        return ((a.to(width) * multiplier_a + b.to(width) * multiplier_b + constant) >> shift).to(I32)

    def _table_index(self, name: str, a: Value, b: Value) -> Value:
        low, high = (self._record[f"{name}_{part}"] for part in ("low", "high"))
        return self._does.table_index(self._sum(name, a, b), low, high)

    def _look_up(self, name: str, index: Value) -> Value:
        return self._does.look_up(self._record.pointer(f"{name}_table"), index)

    def _place(self, rows: Pointer, unit: Value, element_bytes: int = 1) -> Pointer:
        return rows + unit * (element_bytes * self._does.lanes)
