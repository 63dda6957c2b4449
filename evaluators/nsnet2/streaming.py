"""Dynamic inference as a device does it: one hop in, one hop out."""

from __future__ import annotations

import torch
from torch import Tensor

from evaluators.enhancement.streaming import MaskStream
from evaluators.nsnet2.inference import Heads
from evaluators.nsnet2.network import NsNet2
from evaluators.nsnet2.routes import Route
from evaluators.nsnet2.shape import EARLY_EXITS, EarlyExit, Exit
from evaluators.speech.sound import Samples
from evaluators.speech.stft import Spectrum, log_power


class StreamingNsNet2(MaskStream):
    """A network at work on one stream; state is kept from hop to hop.

    Args:
        network: On the CPU.
        heads: Of the early exits that the route has a threshold for.
        route: Exits and thresholds.
    """

    def __init__(self, network: NsNet2, heads: Heads, route: Route) -> None:
        super().__init__()
        self._network = network
        self._heads = heads
        self._route = route
        shape = network.shape
        self._trunk_states = {stage: torch.zeros(shape.n_outputs(stage)) for stage in EARLY_EXITS}
        self._exit_states = {stage: torch.zeros(shape.n_features(stage)) for stage in shape.exits}
        self.exits_taken: list[Exit] = []
        """Exit of every frame so far."""

    @torch.inference_mode()
    def mask(self, spectrum: Spectrum) -> Samples:
        """Gains for the next frame, shape (n_bins,); states move on."""
        x = log_power(torch.from_numpy(spectrum))
        for stage in EARLY_EXITS:
            if stage in self._route.exits:
                features = self._features(stage, x)
                if self._leaves(stage, features):
                    return self._left(stage, features)
                # Without a copy of its own, the exit has run the trunk's layer already.
                x = self._advanced(stage, x) if self._network.shape.is_split else features
            else:
                x = self._advanced(stage, x)
        return self._left("final", x)

    def _features(self, stage: EarlyExit, x: Tensor) -> Tensor:
        if not self._network.shape.is_split:
            return self._advanced(stage, x)
        self._exit_states[stage] = self._network.exit_layer(stage).step(x, self._exit_states[stage])
        return self._exit_states[stage]

    def _advanced(self, stage: EarlyExit, x: Tensor) -> Tensor:
        self._trunk_states[stage] = self._network.trunk(stage).step(x, self._trunk_states[stage])
        return self._trunk_states[stage]

    def _leaves(self, stage: EarlyExit, features: Tensor) -> bool:
        threshold = self._route.threshold(stage)
        if threshold is None:
            return True
        head = self._heads[stage]
        return bool(head.scores(features) >= head.score_threshold(threshold))

    def _left(self, exit_: Exit, features: Tensor) -> Samples:
        self.exits_taken.append(exit_)
        gains: Samples = self._network.mask(exit_, features).numpy()
        return gains
