"""Engines that run whole populations of quantized GRUs, bit-exact with the reference and much faster."""

from evaluators.gru.engine.interface import Engine
from evaluators.gru.engine.selection import EngineName, EngineUnavailableError, select_engine

__all__ = ["Engine", "EngineName", "EngineUnavailableError", "select_engine"]
