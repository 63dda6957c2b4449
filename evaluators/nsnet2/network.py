"""nsNet2 whose computation may end at an exit: stages, the copies that feed exits, and their masks."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from evaluators.nsnet2.shape import EARLY_EXITS, EarlyExit, Exit, NsNet2Shape
from evaluators.training.recurrence import run_gru


class Layer(nn.Module):
    """A linear or a recurrent layer over the frames of sequences.

    Args:
        stage: The stage whose layer, or copy of it, this is.
        n_inputs: Elements of a frame read.
        n_units: Elements of a frame written.
    """

    def __init__(self, stage: EarlyExit, n_inputs: int, n_units: int) -> None:
        super().__init__()
        self.cell = nn.Linear(n_inputs, n_units) if stage == "fc1" else nn.GRU(n_inputs, n_units, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Run over sequences from a state of zeros.

        Args:
            x: Shape (n_sequences, n_steps, n_inputs).
            lengths: Steps that count, from 0 to n_steps; None: all. What follows them is of no meaning.

        Returns:
            Shape (n_sequences, n_steps, n_units).
        """
        if isinstance(self.cell, nn.Linear):
            return self.cell(x)  # type: ignore[no-any-return]
        if lengths is None or torch.is_grad_enabled():
            # Steps of no meaning come last and change nothing before them.
            return run_gru(self.cell, x)
        # A sequence without any step cannot be packed; one of its steps of no meaning is run instead.
        packed = pack_padded_sequence(x, lengths.clamp_min(1).cpu(), batch_first=True, enforce_sorted=False)
        padded: Tensor = pad_packed_sequence(self.cell(packed)[0], batch_first=True, total_length=x.shape[1])[0]
        return padded

    def step(self, x: Tensor, state: Tensor) -> Tensor:
        """One frame: the output, which is the next state of a recurrent layer.

        Args:
            x: Shape (n_inputs,).
            state: Shape (n_units,); a linear layer does not look at it.
        """
        if isinstance(self.cell, nn.Linear):
            return self.cell(x)  # type: ignore[no-any-return]
        output: Tensor = self.cell(x.reshape(1, 1, -1), state.reshape(1, 1, -1))[0].reshape(-1)
        return output


class NsNet2(nn.Module):
    """Layers and exits; which of them run, and in what order, is for the caller to say.

    Stage by stage: `exit_layer` gives the features of an early exit, `mask` turns them into gains where a frame leaves,
    and `trunk` leads on to the next stage where it does not.

    Args:
        shape: Sizes.
    """

    def __init__(self, shape: NsNet2Shape) -> None:
        super().__init__()
        self.shape = shape
        self.fc1 = Layer("fc1", shape.n_bins, shape.fc1_units)
        self.gru1 = Layer("gru1", shape.fc1_units, shape.gru_units)
        self.gru2 = Layer("gru2", shape.gru_units, shape.gru_units)
        self.fc2 = nn.Linear(shape.gru_units, shape.fc2_units)
        self.fc3 = nn.Linear(shape.fc2_units, shape.fc2_units)
        self.fc4 = nn.Linear(shape.fc2_units, shape.n_bins)
        copies = shape.exits if shape.is_split else ()
        self.copies = nn.ModuleDict({e: Layer(e, shape.n_inputs(e), shape.n_features(e)) for e in copies})
        self.masks = nn.ModuleDict({e: nn.Linear(shape.n_features(e), shape.n_bins) for e in shape.exits})

    def trunk(self, stage: EarlyExit) -> Layer:
        """The layer that leads on to the next stage."""
        return {"fc1": self.fc1, "gru1": self.gru1, "gru2": self.gru2}[stage]

    def exit_layer(self, exit_: EarlyExit) -> Layer:
        """The layer that feeds an exit: a copy, or the trunk's."""
        layer = self.copies[exit_] if self.shape.is_split else self.trunk(exit_)
        assert isinstance(layer, Layer)
        return layer

    def mask(self, exit_: Exit, features: Tensor) -> Tensor:
        """Gains of all bins.

        Args:
            exit_: Early exit, or `final`.
            features: Of the exit, shape (..., n_features); for `final`, what its stage reads.

        Returns:
            In (0, 1), shape (..., n_bins).
        """
        if exit_ != "final":
            return torch.sigmoid(self.masks[exit_](features))
        hidden = torch.relu(self.fc3(torch.relu(self.fc2(features))))
        return torch.sigmoid(self.fc4(hidden))

    def all_masks(self, x: Tensor, lengths: Tensor | None = None) -> dict[Exit, Tensor]:
        """Masks of every exit for frames that all go through to the end.

        Args:
            x: Log power spectra, shape (n_sequences, n_frames, n_bins).
            lengths: See `Layer.forward`.
        """
        found: dict[Exit, Tensor] = {}
        for stage in EARLY_EXITS:
            advanced = self.trunk(stage)(x, lengths)
            if stage in self.shape.exits:
                features = self.copies[stage](x, lengths) if self.shape.is_split else advanced
                found[stage] = self.mask(stage, features)
            x = advanced
        return {**found, "final": self.mask("final", x)}
