"""Sizes of the router; free of torch, which is slow to import."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RouterShape:
    """Sizes of a router. The paper names its layers, not their sizes; these are ours.

    Attributes:
        units: Channels of the convolution, and units of the recurrent layer.
        kernel: Samples that a filter of the convolution sees.
        stride: Samples between two of its outputs; must divide a step of the bottleneck.
    """

    units: int = 16
    kernel: int = 64
    stride: int = 32
