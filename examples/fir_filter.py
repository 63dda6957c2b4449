"""A system of one's own: how many bits does each part of a low-pass filter's coefficients need?

Only `knobs` and `evaluate` are required; `metrics` names what is not known already, and `workload` brings the costs.
"""

import numpy as np
from scipy.signal import firwin, freqz

from cost_models import Operator, Workload

N_SECTIONS = 4


class FirFilter:
    """A linear-phase low-pass filter whose coefficients are stored in four sections, each at its own bit width."""

    metrics = {"stopband_db": "min"}

    def __init__(self, taps: int = 48) -> None:
        self.sections = np.array_split(firwin(taps, cutoff=0.3), N_SECTIONS)

    def knobs(self):
        return {"bit_widths": {f"section{i}": range(2, 17) for i in range(N_SECTIONS)}}

    def evaluate(self, configurations, split, fidelity=1.0):
        return [{"stopband_db": self._stopband_db(c)} for c in configurations]

    def workload(self, configuration, activity=None):
        return Workload([self._operator(i, configuration) for i in range(N_SECTIONS)])

    def _operator(self, i, configuration):
        bits, count = configuration[f"bit_widths.section{i}"], len(self.sections[i])
        n_bytes = (bits * count + 7) // 8
        return Operator(f"section{i}", "fir", macs=count, weight_count=count, weight_bits=bits, weight_bytes=n_bytes)

    def _stopband_db(self, configuration):
        bits = [configuration[f"bit_widths.section{i}"] for i in range(N_SECTIONS)]
        _, response = freqz(np.concatenate([_quantized(s, b) for s, b in zip(self.sections, bits)]), worN=512)
        return float(20 * np.log10(np.abs(response[205:]).max()))


def _quantized(values, bits):
    step = np.abs(values).max() / (2 ** (bits - 1) - 1)
    return step * np.round(values / step)
