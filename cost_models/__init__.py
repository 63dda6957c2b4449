"""What a configuration costs: operator tables to MACs, bytes and cycles."""

from cost_models.costs import COSTS, CostReport, OperatorCost, cost_report, peak_ram_bytes
from cost_models.workload import Buffer, Operator, Workload, bytes_of, packed_matrix_bytes

__all__ = [
    "COSTS",
    "Buffer",
    "CostReport",
    "Operator",
    "OperatorCost",
    "Workload",
    "bytes_of",
    "cost_report",
    "packed_matrix_bytes",
    "peak_ram_bytes",
]
