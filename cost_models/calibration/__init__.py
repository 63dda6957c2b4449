"""Refits targets: our kernels' coefficients by emulation, a board's constants from its user's measurements."""

from cost_models.calibration.boards import BoardFit, fit_board
from cost_models.calibration.emulated import KernelFit, fit_kernels
from cost_models.calibration.measurements import Measured, read_measurements
from cost_models.calibration.target_writer import target_text

__all__ = [
    "BoardFit",
    "KernelFit",
    "Measured",
    "fit_board",
    "fit_kernels",
    "read_measurements",
    "target_text",
]
