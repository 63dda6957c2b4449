"""Engines that run whole populations of quantized GRUs, bit-exact with the reference and much faster.

How a population flows through a compiled engine:

    widths     -> parameters.py   constants of all candidates at once, as records (layout.py)
                  prepared.py     integer weights, biases and tables, kept by width
    sequences  -> batches.py      quantized, side by side, kept by width
    both       -> compiled.py     one call of the kernel a candidate, over threads if asked to
    the kernel <- kernel.py       the arithmetic, written in expressions of machine_code.vectors
                  avx512.py, avx2.py, portable.py   matrix products and tables in three sets of instructions
                  machine_code.jit   compiled once a process
    selection.py picks the set; plain.py is the reference as an engine, which also takes what no kernel can hold.
"""

from evaluators.gru.engine.interface import Engine
from evaluators.gru.engine.selection import EngineName, EngineUnavailableError, select_engine

__all__ = ["Engine", "EngineName", "EngineUnavailableError", "select_engine"]
