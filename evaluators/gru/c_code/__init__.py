"""C for a quantized GRU: the model, the kernels that it needs, test vectors and what builds them."""

from evaluators.gru.c_code.bundle import write_c_code
from evaluators.gru.c_code.vectors import Vectors

__all__ = ["Vectors", "write_c_code"]
