"""What a configuration costs: operator tables to MACs, bytes and cycles."""

from cost_models.costs import (
    ACTIVITY_COSTS,
    COSTS,
    SAMPLE_COSTS,
    TARGET_COSTS,
    CostReport,
    OperatorCost,
    TimedOperatorCost,
    cost_report,
    peak_ram_bytes,
    workload_costs,
)
from cost_models.packing import packed_matrix_bytes
from cost_models.target import Target, load_target, read_target, shipped_targets, target_names
from cost_models.workload import Buffer, Operator, Workload, bytes_of
from cost_models.workload_file import operator_of, read_workload

__all__ = [
    "ACTIVITY_COSTS",
    "COSTS",
    "SAMPLE_COSTS",
    "TARGET_COSTS",
    "Buffer",
    "CostReport",
    "Operator",
    "OperatorCost",
    "Target",
    "TimedOperatorCost",
    "Workload",
    "bytes_of",
    "cost_report",
    "load_target",
    "operator_of",
    "packed_matrix_bytes",
    "peak_ram_bytes",
    "read_target",
    "read_workload",
    "shipped_targets",
    "target_names",
    "workload_costs",
]
