"""The operators of a quantized GRU as initializers of the kernels' structs (tp_kernels.h)."""

from __future__ import annotations

from cost_models.kernels import kernel_symbol
from cost_models.packing import fold_zero_point, pack_matrix
from evaluators.gru.c_code.literals import Initializer, array, integer
from evaluators.gru.integer_gru import IntegerGruLayer, Linear, Lookup, Product, Requantization, Sum
from evaluators.gru.operators import LOOKUPS, MATRIX_PRODUCTS, PRODUCTS, SUMS

_WORD = 0xFFFF_FFFF


def cell_arrays(prefix: str, layer: IntegerGruLayer) -> str:
    """The definitions of weights, biases and tables of a cell; their names start with `prefix`."""
    matrices = [matrix_arrays(f"{prefix}_{name}", getattr(layer, name).linear) for name in MATRIX_PRODUCTS]
    tables = [_static(array("int8_t", f"{prefix}_{name}[]", getattr(layer, name).table)) for name in LOOKUPS]
    return "\n".join([*matrices, *tables])


def matrix_arrays(name: str, linear: Linear) -> str:
    """The definitions of packed weights and biases."""
    weights = array("uint32_t", f"{name}_weights[]", pack_matrix(linear.weight, linear.weight_bits))
    bias = array("int32_t", f"{name}_bias[]", fold_zero_point(linear.weight, linear.bias, linear.input_zero_point))
    return f"{_static(weights)}\n{_static(bias)}"


def cell_fields(prefix: str, layer: IntegerGruLayer) -> dict[str, Initializer]:
    """Field -> initializer of a `tp_gru_cell` whose arrays `cell_arrays` has defined."""
    view = layer.read_state
    return {
        "n_inputs": str(layer.input_new.linear.weight.shape[1]),
        "n_units": str(layer.n_hidden),
        "has_view": str(int(view is not None)),
        "carries_wide": str(int(carries_wide(layer))),
        **({"view": _requantization(view)} if view is not None else {}),
        **{
            name: {
                "matrix": matrix_fields(f"{prefix}_{name}", getattr(layer, name).linear),
                "output": _requantization(getattr(layer, name).output),
            }
            for name in MATRIX_PRODUCTS
        },
        **{name: _sum(getattr(layer, name)) for name in SUMS},
        **{name: _table(f"{prefix}_{name}", getattr(layer, name)) for name in LOOKUPS},
        "complement_update": _complement(layer.complement_update),
        **{name: _product(getattr(layer, name)) for name in PRODUCTS},
    }


def matrix_fields(name: str, linear: Linear) -> dict[str, Initializer]:
    """Initializer of a `tp_matrix` whose arrays `matrix_arrays` has defined."""
    kernel = kernel_symbol(linear.weight_bits)
    return {"kernel": kernel, "weights": f"{name}_weights", "bias": f"{name}_bias"}


def carries_wide(layer: IntegerGruLayer) -> bool:
    """Whether the carried state has more than 8 bits."""
    return layer.add_state.high > 127


def _static(definition: str) -> str:
    return f"static {definition}"


def _width(high: int) -> str:
    return str(high.bit_length() + 1)


def _requantization(to: Requantization) -> dict[str, Initializer]:
    fields = {"multiplier": to.multiplier, "shift": to.shift, "zero_point": to.zero_point}
    return {**{name: integer(value) for name, value in fields.items()}, "bits": _width(to.high)}


def _sum(s: Sum) -> dict[str, Initializer]:
    fields = {
        "multiplier_a": s.multiplier_a,
        "multiplier_b": s.multiplier_b,
        "constant_low": s.constant & _WORD,
        "constant_high": s.constant >> 32,
        "shift": s.shift,
        "is_wide": int(s.is_wide),
    }
    return {**{name: integer(value) for name, value in fields.items()}, "bits": _width(s.high)}


def _complement(s: Sum) -> dict[str, Initializer]:
    fields = {"multiplier": s.multiplier_a, "constant": s.constant, "shift": s.shift}
    return {**{name: integer(value) for name, value in fields.items()}, "bits": _width(s.high)}


def _product(p: Product) -> dict[str, Initializer]:
    zero_points = {"zero_point_a": str(p.zero_point_a), "zero_point_b": str(p.zero_point_b)}
    return {"output": _requantization(p.output), **zero_points}


def _table(name: str, lookup: Lookup) -> str:
    # The kernels want the entry for q = 0.
    return f"&{name}[{len(lookup.table) // 2}]"
